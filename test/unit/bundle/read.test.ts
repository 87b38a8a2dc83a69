// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBundle } from '../../../src/bundle/read.ts';
import { resolveRootfs } from '../../../src/bundle/rootfs.ts';
import type { Binding } from '../../../src/host/binding.d.ts';
import { diskBinding } from '../../helpers/disk-binding.ts';

let dir: string;

beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'tsubo-bundle-')));
});

afterEach(() => {
  rmSync(dir, { recursive: true });
});

describe('a bundle', () => {
  it('is read with its real path and exact numbers', () => {
    writeFileSync(join(dir, 'config.json'), '{"limit": 18446744073709551615}');
    symlinkSync('.', join(dir, 'link'));
    expect(readBundle(diskBinding(), join(dir, 'link'))).toEqual({
      path: dir,
      text: '{"limit": 18446744073709551615}',
      document: { limit: 18446744073709551615n },
    });
  });

  it('must exist', () => {
    const path = join(dir, 'none');
    expect(() => readBundle(diskBinding(), path)).toThrow(
      expect.objectContaining({ code: 'bundle.not-found', errnoName: 'ENOENT', path }),
    );
  });

  it('must be a directory', () => {
    writeFileSync(join(dir, 'file'), '');
    expect(() => readBundle(diskBinding(), join(dir, 'file'))).toThrow(
      expect.objectContaining({ code: 'bundle.not-found' }),
    );
  });

  it('must have a config.json, and the error has the text that engines match', () => {
    expect(() => readBundle(diskBinding(), dir)).toThrow(
      expect.objectContaining({
        code: 'bundle.config-missing',
        message: expect.stringMatching(/^JSON specification file config\.json not found in \//),
      }),
    );
  });

  it('must have a config.json that can be read', () => {
    mkdirSync(join(dir, 'config.json'));
    expect(() => readBundle(diskBinding(), dir)).toThrow(
      expect.objectContaining({ code: 'bundle.config-unreadable', errnoName: 'EISDIR' }),
    );
  });

  it('must not be null', () => {
    writeFileSync(join(dir, 'config.json'), 'null');
    expect(() => readBundle(diskBinding(), dir)).toThrow(
      expect.objectContaining({ code: 'bundle.config-null', message: 'config cannot be null' }),
    );
  });

  it('reports the file with a syntax error', () => {
    writeFileSync(join(dir, 'config.json'), '{"a": }');
    expect(() => readBundle(diskBinding(), dir)).toThrow(
      expect.objectContaining({ code: 'bundle.config-syntax', path: join(dir, 'config.json'), column: 7 }),
    );
  });

  it('rethrows an error that is not from the kernel', () => {
    const binding = { realpath: () => throwMistake() } as Partial<Binding> as Binding;
    expect(() => readBundle(binding, dir)).toThrow(TypeError);
  });
});

function throwMistake(): never {
  throw new TypeError('a mistake in the binding');
}

describe('the root file system', () => {
  const resolve = (path: string) => resolveRootfs(diskBinding(), dir, { root: { path } });

  beforeEach(() => {
    mkdirSync(join(dir, 'rootfs'));
    symlinkSync('rootfs', join(dir, 'link'));
    writeFileSync(join(dir, 'file'), '');
  });

  it.each(['rootfs', './rootfs/', 'x/../rootfs'])('is resolved relative to the bundle: %s', path => {
    expect(resolve(path)).toBe(join(dir, 'rootfs'));
  });

  it('can be the bundle itself, or any absolute path', () => {
    expect(resolve('.')).toBe(dir);
    expect(resolve(join(dir, 'rootfs'))).toBe(join(dir, 'rootfs'));
  });

  it.each([
    ['none', 'bundle.rootfs-missing'],
    ['file', 'bundle.rootfs-not-directory'],
    ['link', 'bundle.rootfs-symlink'],
    ['link/../link', 'bundle.rootfs-symlink'],
  ])('%s is refused', (path, code) => {
    expect(() => resolve(path)).toThrow(expect.objectContaining({ code, pointer: '/root/path' }));
  });

  it('that is missing yields a hint how to create it', () => {
    const none = join(dir, 'none');
    const how = `put a root file system there, for example: mkdir ${none}; docker export $(docker create busybox) | tar -x -C ${none}`;
    expect(() => resolve(none)).toThrow(expect.objectContaining({ hint: how }));
    expect(() => resolve('none')).toThrow(
      expect.objectContaining({
        hint: `a relative root.path starts at the bundle directory: put a root file system in ${none}`,
      }),
    );
  });

  it('that is a symbolic link yields an error with its target', () => {
    expect(() => resolve('link')).toThrow(
      expect.objectContaining({
        message: `invalid rootfs: not an absolute path, or a symlink: ${join(dir, 'link')} contains a symbolic link`,
        hint: `write its target: ${join(dir, 'rootfs')}`,
      }),
    );
  });
});
