// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RuntimeError } from '../../src/errors/error.ts';
import type { Binding, UnpackRequest } from '../../src/host/binding.d.ts';
import { blobPath, type ImageStore, prepareImages } from '../../src/image/blobs.ts';
import { chainIds } from '../../src/image/digest.ts';
import { type LayerRecord, unpackedLayers } from '../../src/image/layers.ts';
import type { StoredLayer } from '../../src/image/store.ts';
import { tarOf } from '../helpers/archive.ts';
import { requires } from '../helpers/requires.ts';

const addon = createRequire(import.meta.url)('../../build/Release/tsubo.node') as Binding;

let store: ImageStore;
beforeEach(() => {
  store = { binding: addon, directory: mkdtempSync(join(tmpdir(), 'tsubo-layers-')) };
  prepareImages(store);
});
afterEach(() => rmSync(store.directory, { recursive: true, force: true }));

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Writes a layer into the store, compressed or not. */
function layerOf(archive: Buffer, compress: (bytes: Buffer) => Buffer = bytes => bytes): StoredLayer {
  const bytes = compress(archive);
  const layer = { digest: digestOf(bytes), diffId: digestOf(archive), size: bytes.length };
  writeFileSync(blobPath(store, layer.digest), bytes);
  return { ...layer, mediaType: 'application/vnd.oci.image.layer.v1.tar' };
}

const zstd = (input: Buffer) => execFileSync('zstd', ['-c'], { input });
const zeros = () => Buffer.alloc(128 << 20);
const layersDirectory = () => join(store.directory, 'layers');
const recordOf = (tree: string): LayerRecord => JSON.parse(readFileSync(join(tree, '../layer.json'), 'utf8'));
const base = tarOf([
  { name: 'etc/', kind: '5', mode: 0o700 },
  { name: 'etc/a', data: 'a' },
]);
const dependent = tarOf([{ name: 'etc/b', data: 'b' }]);

/** Fails the test if the work does not throw. */
function errorOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return expect.unreachable('it did not fail');
}

describe.skipIf(requires('root', 'zstd'))('the layers of an image', () => {
  it.each([
    ['uncompressed', (bytes: Buffer) => bytes],
    ['gzip', gzipSync],
    ['zstd', zstd],
  ])('are unpacked once (%s)', (_, compress) => {
    const layer = layerOf(base, compress);
    const trees = unpackedLayers(store, { layers: [layer] });
    expect(trees).toEqual([`${layersDirectory()}/${layer.diffId.slice(7)}/tree`]);
    expect(readFileSync(join(trees[0] ?? '', 'etc/a'), 'utf8')).toBe('a');
    expect(recordOf(trees[0] ?? '')).toEqual({ diffId: layer.diffId, size: base.length, entries: 2 });
    writeFileSync(join(trees[0] ?? '', 'mark'), '');
    expect(unpackedLayers(store, { layers: [layer] })).toEqual(trees);
    expect(existsSync(join(trees[0] ?? '', 'mark'))).toBe(true);
    expect(statSync(layersDirectory()).mode & 0o777).toBe(0o700);
  });

  it('have the chain id as name if they depend on the layers below', () => {
    const [lower, other, upper] = [layerOf(base), layerOf(tarOf([{ name: 'x' }])), layerOf(dependent)];
    const names = (layers: StoredLayer[]) =>
      unpackedLayers(store, { layers }).map(tree => tree.split('/').at(-2));
    const chain = chainIds([lower.diffId, upper.diffId]);
    expect(names([lower, upper])).toEqual(
      [lower, { diffId: chain[1] ?? '' }].map(({ diffId }) => diffId.slice(7)),
    );
    // The same layer above another one is another tree, and alone, too.
    const [, elsewhere] = names([other, upper]);
    expect(elsewhere).toBe(chainIds([other.diffId, upper.diffId])[1]?.slice(7));
    expect(names([upper])).toEqual([upper.diffId.slice(7)]);
    expect(names([lower, upper])[1]).toBe(chain[1]?.slice(7));
    const modes = [chain[1]?.slice(7), elsewhere].map(
      name => statSync(join(layersDirectory(), name ?? '', 'tree/etc')).mode & 0o777,
    );
    expect(modes).toEqual([0o700, 0o755]);
  });

  it('are synced once, all before the first gets its name', () => {
    const calls: string[] = [];
    const binding = Object.assign(Object.create(addon) as Binding, {
      syncFilesystem: (path: string) => {
        calls.push('sync');
        addon.syncFilesystem(path);
      },
      rename: (from: string, to: string) => {
        calls.push(to.slice(layersDirectory().length + 1));
        addon.rename(from, to);
      },
    });
    const layers = [layerOf(base), layerOf(tarOf([{ name: 'x' }])), layerOf(dependent), layerOf(base)];
    const names = unpackedLayers({ ...store, binding }, { layers }).map(tree => tree.split('/').at(-2));
    expect(calls).toEqual(['sync', ...names]);
    expect(readdirSync(layersDirectory()).sort()).toEqual([...new Set(names)].sort());
    calls.length = 0;
    unpackedLayers({ ...store, binding }, { layers });
    expect(calls).toEqual([]);
  });

  it('leave nothing if one of them cannot be unpacked', () => {
    const wrong = { ...layerOf(dependent), diffId: digestOf(base) };
    expect(
      errorOf(() => unpackedLayers(store, { layers: [layerOf(tarOf([{ name: 'x' }])), wrong] })),
    ).toMatchObject({
      code: 'image.layer-digest',
    });
    expect(readdirSync(layersDirectory())).toEqual([]);
  });

  it.each(['open', 'lock', 'mkdir'] as const)(
    'are unpacked although another process removes the new directory before the call %s',
    call => {
      let removed = 0;
      const inTheWay = (path: string) => {
        if (removed++ === 0) rmSync(path, { recursive: true });
      };
      const names: string[] = [];
      const binding = Object.assign(Object.create(addon) as Binding, {
        open: (path: string, flags: number, mode: number) => {
          if (path.includes('/.tmp-')) {
            names.push(path);
            if (call === 'open') inTheWay(path);
          }
          return addon.open(path, flags, mode);
        },
        lock: (fd: number, timeout: number) => {
          const name = names.at(-1);
          if (call === 'lock' && name !== undefined) inTheWay(name);
          return addon.lock(fd, timeout);
        },
        mkdir: (path: string, mode: number) => {
          if (call === 'mkdir' && path.endsWith('/tree')) inTheWay(path.replace(/\/tree$/, ''));
          addon.mkdir(path, mode);
        },
      });
      const [tree = ''] = unpackedLayers({ ...store, binding }, { layers: [layerOf(base)] });
      expect(readFileSync(join(tree, 'etc/a'), 'utf8')).toBe('a');
      expect(removed).toBeGreaterThan(0);
      expect(readdirSync(layersDirectory())).toHaveLength(1);
    },
  );

  it('end with one that hides all below it', () => {
    const opaque = layerOf(tarOf([{ name: '.wh..wh..opq' }, { name: 'new' }]));
    const trees = unpackedLayers(store, {
      layers: [layerOf(base), opaque, layerOf(tarOf([{ name: 'top' }]))],
    });
    expect(trees.map(tree => readdirSync(tree))).toEqual([['new'], ['top']]);
  });

  it('are refused if their content is not that of the config', () => {
    const layer = { ...layerOf(base), diffId: digestOf(dependent) };
    expect(errorOf(() => unpackedLayers(store, { layers: [layer] }))).toMatchObject({
      code: 'image.layer-digest',
      value: digestOf(base),
    });
    expect(readdirSync(layersDirectory())).toEqual([]);
  });

  it('are refused if they are damaged, and leave nothing', () => {
    const zipped = gzipSync(base);
    const wrong = Buffer.from(zipped);
    wrong[wrong.length - 5] = (wrong[wrong.length - 5] ?? 0) ^ 0xff;
    const cases: [StoredLayer, object][] = [
      [
        layerOf(base, () => zipped.subarray(0, 60)),
        { message: expect.stringContaining('unexpected end of file') },
      ],
      [layerOf(base, () => wrong), { message: expect.stringMatching(/crc error|length error/) }],
      [
        layerOf(base.subarray(0, 1200)),
        { message: expect.stringContaining('etc/a: the archive ends inside this entry') },
      ],
      [layerOf(tarOf([{ name: 'g', kind: '1', link: '/etc/passwd' }])), { value: 'g' }],
    ];
    for (const [layer, expected] of cases) {
      expect(errorOf(() => unpackedLayers(store, { layers: [layer] }))).toMatchObject({
        code: 'image.archive',
        ...expected,
      });
      expect(readdirSync(layersDirectory())).toEqual([]);
    }
  });

  it('are unpacked although a killed process left some of their files', () => {
    const left = join(layersDirectory(), '.tmp-123-1-0');
    mkdirSync(join(left, 'tree/etc'), { recursive: true });
    const busy = join(layersDirectory(), '.tmp-456-2-0');
    mkdirSync(busy);
    const lock = addon.open(busy, 0, 0);
    expect(addon.lock(lock, 0)).toBe(true);
    const layer = layerOf(base);
    unpackedLayers(store, { layers: [layer] });
    // The directory of a process that still works stays.
    expect(readdirSync(layersDirectory()).sort()).toEqual(['.tmp-456-2-0', layer.diffId.slice(7)]);
    addon.close(lock);
  });

  it('are unpacked by another user, who cannot keep owners and devices', () => {
    const layer = layerOf(
      tarOf([
        { name: 'd/', kind: '5', mode: 0o555, uid: 5 },
        { name: 'd/owned', uid: 5, data: 'x' },
        { name: 'd/null', kind: '3', device: [1, 3] },
        { name: 'd/fifo', kind: '6' },
        { name: 'd/trusted', pax: { 'SCHILY.xattr.trusted.a': 'b', 'SCHILY.xattr.user.a': 'b' } },
        { name: 'd/.wh.gone' },
        { name: 'd/e/', kind: '5' },
        { name: 'd/e/.wh..wh..opq' },
      ]),
    );
    const tree = mkdtempSync(join(tmpdir(), 'tsubo-user-'));
    const archive = `${tree}.tar`;
    const library = `${tree}.node`;
    // An addon in another process, as the user 1000 and without its groups.
    const script = `
      process.setgroups([]); process.setgid(1000); process.setuid(1000);
      const addon = require(${JSON.stringify(library)});
      const source = addon.open(process.argv[1], 0, 0);
      const request = { source, decompress: [], tree: process.argv[2], lowers: [], layer: true, whiteouts: true, strict: false };
      const result = addon.unpackTree({ ...request, opaque: 'user.overlay.opaque', hashes: false });
      process.stdout.write(JSON.stringify(result));`;
    try {
      // The user may not be able to reach the checkout.
      execFileSync('install', ['-m', '755', 'build/Release/tsubo.node', library]);
      execFileSync('cp', [blobPath(store, layer.digest), archive]);
      execFileSync('chown', ['1000:1000', tree, archive]);
      const result = JSON.parse(
        execFileSync(process.execPath, ['-e', script, archive, tree], { encoding: 'utf8' }),
      );
      expect(result).toMatchObject({ entries: 8, lostOwners: 5, lostDevices: 1, lostAttributes: 1 });
      expect(result.problem).toBeUndefined();
      expect(statSync(join(tree, 'd')).mode & 0o7777).toBe(0o555);
      expect(statSync(join(tree, 'd/gone')).rdev).toBe(0);
      expect(readdirSync(join(tree, 'd')).sort()).toEqual(['e', 'fifo', 'gone', 'owned', 'trusted']);
    } finally {
      rmSync(tree, { recursive: true, force: true });
      rmSync(archive, { force: true });
      rmSync(library, { force: true });
    }
  });

  it('are unpacked with a warning if something cannot be kept', () => {
    const layer = layerOf(base);
    const binding = Object.assign(Object.create(addon) as Binding, {
      unpackTree: (request: UnpackRequest) => ({
        ...addon.unpackTree(request),
        lostOwners: 2,
        lostDevices: 1,
      }),
    });
    const warnings: string[] = [];
    const unpack = () =>
      unpackedLayers({ ...store, binding }, { layers: [layer] }, text => warnings.push(text));
    const [tree = ''] = unpack();
    expect(warnings).toEqual([
      `layer ${layer.digest.slice(0, 19)} is unpacked without the rights of root, and these could not be kept: 2 owners, 1 device`,
    ]);
    expect(recordOf(tree).lost).toEqual({ owners: 2, devices: 1, attributes: 0 });
    unpack();
    expect(warnings.length).toBe(1);
  });

  it('that do not fit on the disk are refused with the place and the size, and leave nothing', () => {
    const disk = join(store.directory, 'layers');
    mkdirSync(disk);
    const layer = layerOf(tarOf([{ name: 'small' }, { name: 'large', data: Buffer.alloc(8 << 20, 1) }]));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]);
    try {
      expect(errorOf(() => unpackedLayers(store, { layers: [layer] }))).toMatchObject({
        code: 'image.disk-full',
        errno: 28,
        value: 'large',
        path: expect.stringContaining(disk),
        hint: expect.stringMatching(/^4 MiB .* has 8 MiB/),
      });
      expect(readdirSync(disk)).toEqual([]);
    } finally {
      execFileSync('umount', [disk]);
    }
  });

  it.each([
    ['in a file', 'gzip', () => tarOf([{ name: 'large', data: zeros() }]), gzipSync],
    ['in a file', 'zstd', () => tarOf([{ name: 'large', data: zeros() }]), zstd],
    ['after the end', 'gzip', () => Buffer.concat([tarOf([{ name: 'small' }]), zeros()]), gzipSync],
  ])(
    'that decompress to more than the disk has free %s are refused (%s)',
    (_, _compression, make, compress) => {
      const disk = join(store.directory, 'layers');
      mkdirSync(disk);
      const layer = layerOf(make(), compress);
      expect(layer.size).toBeLessThan(1 << 20);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', disk]);
      try {
        const error = errorOf(() => unpackedLayers(store, { layers: [layer] }));
        expect((error as RuntimeError).fields()).toMatchObject({
          code: 'image.disk-full',
          message: expect.stringMatching(
            `^unable to unpack layer ${layer.digest.slice(0, 19)}: it has more than the 32 MiB that are free in ${disk}`,
          ),
          hint: expect.stringMatching(/^the archive itself has 1 MiB/),
        });
        expect(readdirSync(disk)).toEqual([]);
      } finally {
        execFileSync('umount', [disk]);
      }
    },
  );
});
