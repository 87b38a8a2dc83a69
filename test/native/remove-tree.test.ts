// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Binding } from '../../src/host/binding.d.ts';
import { requires } from '../helpers/requires.ts';

const addonFile = fileURLToPath(new URL('../../build/Release/tsubo.node', import.meta.url));
const addon = createRequire(import.meta.url)(addonFile) as Binding;

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

  it('removes a tree of 5,000 levels with few descriptors', () => {
    const tree = join(top, 'deep');
    mkdirSync(tree);
    // Step by step, because no path can name the deepest directory. Some levels also have a file and another directory.
    const make = `for (let i = 0; i < 5000; i++) {
      if (i % 50 === 0) { fs.writeFileSync('a', ''); fs.mkdirSync('z/y', { recursive: true }); }
      fs.mkdirSync('m'); process.chdir('m');
    }`;
    expect(spawnSync(process.execPath, ['-e', make], { cwd: tree, timeout: 250_000 }).status).toBe(0);
    const remove = `require(${JSON.stringify(addonFile)}).removeTree(process.argv[1])`;
    const { status, stderr } = spawnSync(
      '/bin/sh',
      ['-c', 'ulimit -n "$0" && exec "$@"', '64', process.execPath, '-e', remove, tree],
      { encoding: 'utf8', timeout: 250_000 },
    );
    expect([status, stderr]).toEqual([0, '']);
    expect(existsSync(tree)).toBe(false);
  });

  it.skipIf(requires('root'))('reports the path of an entry below many levels', () => {
    const tree = join(top, 'tree');
    const deep = `${tree}${'/d'.repeat(40)}`;
    mkdirSync(`${deep}/e/f`, { recursive: true });
    const remove = `try { require(${JSON.stringify(addonFile)}).removeTree(process.argv[1]) } catch (error) { console.log(JSON.stringify(error)) }`;
    // The directory of a mount cannot be removed.
    const script = 'mount -t tmpfs none "$0" && exec "$@"';
    const { stdout } = spawnSync(
      'unshare',
      ['-m', '/bin/sh', '-c', script, `${deep}/e`, process.execPath, '-e', remove, tree],
      { encoding: 'utf8', timeout: 250_000 },
    );
    expect(JSON.parse(stdout)).toMatchObject({ syscall: 'rmdir', errno: 16, path: `${deep}/e` });
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
