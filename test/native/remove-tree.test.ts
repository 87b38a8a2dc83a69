// SPDX-License-Identifier: Apache-2.0
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Binding } from '../../src/host/binding.d.ts';

const addon = createRequire(import.meta.url)('../../build/Release/tsubo.node') as Binding;

let top: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'tsubo-remove-'));
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

describe('removeTree', () => {
  it('removes nested directories, files and links', () => {
    const tree = join(top, 'tree');
    mkdirSync(join(tree, 'a/b'), { recursive: true });
    mkdirSync(join(tree, 'empty'));
    writeFileSync(join(tree, 'a/b/file'), 'x');
    chmodSync(join(tree, 'a/b/file'), 0);
    symlinkSync('nowhere', join(tree, 'a/dangling'));
    addon.removeTree(tree);
    expect(existsSync(tree)).toBe(false);
  });

  it('does not follow links', () => {
    const kept = join(top, 'kept');
    mkdirSync(kept);
    writeFileSync(join(kept, 'file'), 'x');
    mkdirSync(join(top, 'tree'));
    symlinkSync(kept, join(top, 'tree/link'));
    addon.removeTree(join(top, 'tree'));
    expect(existsSync(join(top, 'tree'))).toBe(false);

    symlinkSync(kept, join(top, 'link'));
    expect(() => addon.removeTree(join(top, 'link'))).toThrow(expect.objectContaining({ syscall: 'open' }));
    expect(existsSync(join(kept, 'file'))).toBe(true);
  });

  it('treats a missing file as removed', () => {
    expect(() => addon.removeTree(join(top, 'missing'))).not.toThrow();
  });

  it('reports the file that cannot be removed', () => {
    const file = join(top, 'file');
    writeFileSync(file, 'x');
    expect(() => addon.removeTree(file)).toThrow(
      expect.objectContaining({ syscall: 'open', errno: 20, path: file }),
    );
    expect(() => addon.removeTree('/proc/self/attr')).toThrow(
      expect.objectContaining({
        syscall: 'unlink',
        errno: 1,
        path: expect.stringMatching('^/proc/self/attr/'),
      }),
    );
    expect(() => addon.removeTree(`${top}\0/x`)).toThrow(expect.objectContaining({ errno: 22 }));
    expect(existsSync(top)).toBe(true);
  });
});
