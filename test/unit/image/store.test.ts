// SPDX-License-Identifier: Apache-2.0
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { blobPath, prepareImages, writeBlob } from '../../../src/image/blobs.ts';
import { chainIds, digestOfText, hexOf } from '../../../src/image/digest.ts';
import { mediaTypes } from '../../../src/image/manifest.ts';
import {
  addImage,
  findImage,
  type ImageStore,
  needImage,
  pruneImages,
  readImages,
  removeDamagedDocument,
  removeImage,
  tagImage,
} from '../../../src/image/store.ts';
import { imageBinding } from '../../helpers/image-binding.ts';

describe('the store of images', () => {
  let store: ImageStore;

  beforeEach(() => {
    store = { binding: imageBinding(), directory: mkdtempSync(join(tmpdir(), 'tsubo-images-')) };
    prepareImages(store);
  });
  afterEach(() => rmSync(store.directory, { recursive: true, force: true }));

  /** Adds an image with the given layers, which are any texts. */
  function add(reference: string, layers: readonly string[] = ['layer'], architecture = 'amd64') {
    const config = writeBlob(
      store,
      JSON.stringify({
        ...{ architecture, os: 'linux', created: '2024-01-02T03:04:05Z', config: { Cmd: ['sh'] } },
        rootfs: { type: 'layers', diff_ids: layers.map(text => digestOfText(`plain ${text}`)) },
      }),
    );
    const sizeOf = (digest: string) => readFileSync(blobPath(store, digest)).length;
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: { mediaType: mediaTypes.config, digest: config, size: sizeOf(config) },
      layers: layers.map(text => {
        const digest = writeBlob(store, text);
        return { mediaType: mediaTypes.layer, digest, size: text.length };
      }),
    });
    const digest = writeBlob(store, manifest);
    addImage(store, digest, mediaTypes.manifest, manifest.length, reference);
    return { digest, id: config };
  }

  const blobs = () => readdirSync(join(store.directory, 'images/blobs/sha256'));
  const code = (expected: string, more: object = {}) => expect.objectContaining({ code: expected, ...more });

  test('is empty without its directory', () => {
    rmSync(store.directory, { recursive: true });
    expect(readImages(store).images).toEqual([]);
    expect(findImage(store, 'busybox')).toBeUndefined();
  });

  test('finds an image by name, digest, id and the beginning of the id', () => {
    const { id, digest } = add('docker.io/library/busybox:latest', ['one', 'two']);
    add('localhost:5000/web:v1', ['three'], 'arm64');
    const hex = hexOf(id);
    for (const text of [
      'busybox',
      'docker.io/library/busybox:latest',
      id,
      hex,
      hex.slice(0, 12),
      digest,
      `busybox@${digest}`,
    ]) {
      expect(findImage(store, text), text).toMatchObject({
        id,
        digest,
        references: ['docker.io/library/busybox:latest'],
        created: '2024-01-02T03:04:05Z',
        platform: { os: 'linux', architecture: 'amd64' },
        config: { Cmd: ['sh'] },
        layers: ['one', 'two'].map(text => ({
          digest: digestOfText(text),
          diffId: digestOfText(`plain ${text}`),
          size: text.length,
        })),
      });
    }
    for (const text of ['busybox:1', 'web:v1', `web@${digest}`, 'ffffffffffff0', digestOfText('x')])
      expect(findImage(store, text), text).toBeUndefined();
    expect(() => needImage(store, 'nothing:1')).toThrowError(
      code('image.unknown', {
        message: 'no such image: nothing:1',
        hint: 'tsubo image ls prints all images; tsubo image pull nothing:1 gets it from its registry',
      }),
    );
  });

  test('has the size of all blobs of an image', () => {
    const { digest, id } = add('docker.io/library/busybox:latest', ['12345']);
    const size = (of: string) => readFileSync(blobPath(store, of)).length;
    expect(findImage(store, 'busybox')?.size).toBe(size(digest) + size(id) + 5);
  });

  test('refuses the beginning of several ids', () => {
    const images = Array.from({ length: 17 }, (_, index) =>
      add(`docker.io/library/a${index}:latest`, [`${index}`]),
    );
    // Of 17 ids two begin with the same digit.
    const digits = images.map(({ id }) => hexOf(id).slice(0, 1));
    const twice = digits.find((digit, index) => digits.indexOf(digit) !== index) ?? '';
    expect(() => findImage(store, twice)).toThrowError(
      code('image.ambiguous', { message: `several images have an id that begins with ${twice}` }),
    );
  });

  test('lists an image with two names once', () => {
    const { id } = add('docker.io/library/busybox:latest');
    tagImage(store, 'busybox', 'docker.io/library/other:v1');
    expect(readImages(store).images.map(image => [image.id, image.references])).toEqual([
      [id, ['docker.io/library/busybox:latest', 'docker.io/library/other:v1']],
    ]);
  });

  test('moves a name to a newer image, and keeps the older one without a name', () => {
    const older = add('docker.io/library/busybox:latest', ['old']);
    const newer = add('docker.io/library/busybox:latest', ['new']);
    expect(findImage(store, 'busybox')?.id).toBe(newer.id);
    expect(findImage(store, older.id)?.references).toEqual([]);
    expect(pruneImages(store).deleted).toEqual([older.id, digestOfText('plain old')]);
    expect(readImages(store).images.map(({ id }) => id)).toEqual([newer.id]);
    // The manifest, the config and the layer.
    expect(blobs()).toHaveLength(3);
  });

  test('does not add an image without its layers', () => {
    const { digest } = add('docker.io/library/busybox:latest', ['one']);
    rmSync(blobPath(store, digestOfText('one')));
    expect(() => addImage(store, digest, mediaTypes.manifest, 1, 'docker.io/library/again:v1')).toThrowError(
      code('image.damaged', { path: blobPath(store, digestOfText('one')) }),
    );
    expect(findImage(store, 'again:v1')).toBeUndefined();
  });

  test('removes only the name while others are left, then the image, and keeps shared layers', () => {
    const { id } = add('docker.io/library/one:latest', ['shared', 'own']);
    add('docker.io/library/two:latest', ['shared']);
    const [shared, top] = chainIds(['shared', 'own'].map(text => digestOfText(`plain ${text}`)));
    for (const layer of [hexOf(shared ?? ''), hexOf(top ?? ''), hexOf(digestOfText('plain own'))])
      mkdirSync(join(store.directory, 'layers', layer, 'tree'), { recursive: true });
    tagImage(store, 'one', 'docker.io/library/again:v1');
    expect(() => removeImage(store, id)).toThrowError(
      code('image.referenced', { hint: 'remove each name, or use --force: one:latest again:v1' }),
    );
    expect(removeImage(store, 'one')).toEqual({ untagged: ['one:latest'], deleted: [] });
    expect(findImage(store, id)?.references).toEqual(['docker.io/library/again:v1']);
    expect(removeImage(store, hexOf(id).slice(0, 12))).toEqual({
      untagged: ['again:v1'],
      deleted: [id, top],
    });
    expect(findImage(store, id)).toBeUndefined();
    expect(existsSync(blobPath(store, digestOfText('own')))).toBe(false);
    expect(existsSync(blobPath(store, digestOfText('shared')))).toBe(true);
    expect(readdirSync(join(store.directory, 'layers'))).toEqual([hexOf(shared ?? '')]);
    expect(blobs()).toHaveLength(3);
    expect(() => removeImage(store, 'one')).toThrowError(code('image.unknown'));
  });

  test('refuses to remove an image that a container uses, and removes only its name with force', () => {
    const { id } = add('docker.io/library/busybox:latest');
    const record = container(JSON.stringify({ imageId: id, layers: [] }));
    expect(() => removeImage(store, 'busybox')).toThrowError(
      code('image.in-use', {
        message: `unable to remove busybox: container cdcdcdcdcdcd uses image ${hexOf(id).slice(0, 12)}`,
      }),
    );
    tagImage(store, 'busybox', 'docker.io/library/other:v1');
    expect(removeImage(store, 'other:v1').untagged).toEqual(['other:v1']);
    expect(removeImage(store, 'busybox', { force: true })).toEqual({
      untagged: ['busybox:latest'],
      deleted: [],
    });
    expect(pruneImages(store).deleted).toEqual([]);
    expect(needImage(store, id).references).toEqual([]);
    rmSync(dirname(record), { recursive: true });
    expect(pruneImages(store).deleted[0]).toBe(id);
    expect(blobs()).toEqual([]);
  });

  test('prunes parts of downloads and blobs without an image, and nothing that a pull holds', () => {
    const { id } = add('docker.io/library/one:latest', ['1']);
    const images = join(store.directory, 'images');
    const kept = blobs();
    writeBlob(store, 'left by a killed pull');
    writeFileSync(join(images, 'blobs/sha256/.hidden'), '');
    writeFileSync(join(images, 'partial/aa'), '');
    writeFileSync(join(images, 'partial/bb'), '');
    const used = hexOf(digestOfText('plain 1'));
    for (const layer of [used, 'cc', '.tmp-dd'])
      mkdirSync(join(store.directory, 'layers', layer), { recursive: true });
    const held = join(images, 'partial/bb');
    const binding = {
      ...store.binding,
      lock: (fd: number) => readlinkSync(`/proc/self/fd/${fd}`) !== held,
    };
    expect(pruneImages({ ...store, binding })).toEqual({ untagged: [], deleted: [] });
    expect(blobs()).toEqual(kept);
    expect(readdirSync(join(images, 'partial'))).toEqual(['bb']);
    expect(readdirSync(join(store.directory, 'layers')).sort()).toEqual(['.tmp-dd', used].sort());
    expect(needImage(store, 'one').id).toBe(id);
  });

  /** Writes container.json of a container, and returns its path. */
  function container(text: string): string {
    const directory = join(store.directory, 'containers', 'cd'.repeat(32));
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'container.json'), text);
    return join(directory, 'container.json');
  }

  /** Makes the directory of an unpacked layer, and returns its name. */
  function unpacked(layer: string): string {
    const name = hexOf(digestOfText(`plain ${layer}`));
    mkdirSync(join(store.directory, 'layers', name), { recursive: true });
    return name;
  }

  const layers = () => readdirSync(join(store.directory, 'layers'));

  test('keeps the layers of a container whose image is not in the index', () => {
    const { id } = add('docker.io/library/one:latest', ['1']);
    const used = unpacked('1');
    unpacked('2');
    container(JSON.stringify({ imageId: id, layers: [used] }));
    rmSync(join(store.directory, 'images/index.json'));
    pruneImages(store);
    expect(layers()).toEqual([used]);
  });

  test('keeps the layers of a container when another image that has them is removed', () => {
    add('docker.io/library/one:latest', ['1', '2']);
    const used = unpacked('1');
    unpacked('2');
    container(JSON.stringify({ imageId: digestOfText('gone'), layers: [used] }));
    removeImage(store, 'one');
    expect(layers()).toEqual([used]);
  });

  test('removes nothing with prune while an image cannot be read', () => {
    const { digest } = add('docker.io/library/one:latest', ['1']);
    writeBlob(store, 'left by a killed pull');
    const kept = [blobs(), unpacked('1')];
    writeFileSync(blobPath(store, digest), '');
    expect(() => pruneImages(store)).toThrowError(code('image.damaged', { path: blobPath(store, digest) }));
    expect([blobs(), ...layers()]).toEqual(kept);
  });

  test('keeps layers and blobs of a removed image while another image cannot be read', () => {
    const one = add('docker.io/library/one:latest', ['1']);
    const two = add('docker.io/library/two:latest', ['1', '2']);
    const kept = [blobs(), unpacked('1')];
    writeFileSync(blobPath(store, one.digest), '');
    expect(removeImage(store, 'two')).toEqual({ untagged: ['two:latest'], deleted: [two.id] });
    expect([blobs(), ...layers()]).toEqual(kept);
  });

  test('removes no image while a directory is in the place of a container.json', () => {
    add('docker.io/library/one:latest', ['1']);
    const path = container('');
    rmSync(path);
    mkdirSync(path);
    expect(() => removeImage(store, 'one')).toThrowError(code('state.damaged', { path }));
  });

  test.each(['', '{', 'null', '{"imageId":"sha256:1"}'])(
    'removes no image while container.json of a container contains %j',
    text => {
      const { id } = add('docker.io/library/one:latest', ['1']);
      const kept = [blobs(), unpacked('1')];
      const path = container(text);
      expect(() => pruneImages(store)).toThrowError(code('state.damaged', { path }));
      expect(() => removeImage(store, 'one')).toThrowError(code('state.damaged', { path }));
      expect(removeImage(store, 'one', { force: true })).toEqual({ untagged: ['one:latest'], deleted: [] });
      expect(needImage(store, id).references).toEqual([]);
      expect([blobs(), ...layers()]).toEqual(kept);
    },
  );

  test.each(['', undefined])('removes an image whose manifest has the content %j by its name', content => {
    const one = add('docker.io/library/one:latest', ['1']);
    const two = add('docker.io/library/two:latest', ['2']);
    if (content === undefined) rmSync(blobPath(store, one.digest));
    else writeFileSync(blobPath(store, one.digest), content);
    expect(readImages(store).damaged[0]?.hint).toBe(
      'tsubo image rm one:latest removes the image; then pull it again',
    );
    expect(removeImage(store, 'one')).toEqual({ untagged: ['one:latest'], deleted: [] });
    expect(readImages(store)).toMatchObject({ images: [{ id: two.id }], damaged: [] });
    expect(() => removeImage(store, 'one')).toThrowError(code('image.unknown'));
    pruneImages(store);
    expect(blobs()).toHaveLength(3);
  });

  test('writes a document over a damaged one', () => {
    const digest = writeBlob(store, 'text');
    for (const damage of ['', 'tex_']) {
      writeFileSync(blobPath(store, digest), damage);
      expect(writeBlob(store, 'text')).toBe(digest);
      expect(readFileSync(blobPath(store, digest), 'utf8')).toBe('text');
    }
  });

  test('removes a damaged document before a pull, and keeps a sound one', () => {
    const sound = writeBlob(store, 'sound');
    const bad = writeBlob(store, 'bad');
    writeFileSync(blobPath(store, bad), '');
    for (const digest of [sound, bad, digestOfText('missing')]) removeDamagedDocument(store, digest);
    expect(blobs()).toEqual([hexOf(sound)]);
  });

  test('lists the images that it can read, and names those that it cannot read', () => {
    const { id } = add('docker.io/library/one:latest', ['1']);
    const other = add('docker.io/library/two:latest', ['2']);
    writeFileSync(blobPath(store, other.id), '{"os":1}');
    const { images, damaged } = readImages(store);
    expect(images.map(image => image.id)).toEqual([id]);
    expect(damaged.map(error => [error.code, error.message])).toEqual([
      ['image.damaged', `the image store is damaged at ${blobPath(store, other.id)}: it has no rootfs`],
    ]);
  });

  test('reads a layout with an index for several platforms, as other programs write it', () => {
    const { digest } = add('docker.io/library/one:latest', ['1']);
    const manifest = { mediaType: mediaTypes.manifest, digest, size: 1 };
    const foreign = { ...manifest, digest: digestOfText('elsewhere') };
    const index = writeBlob(
      store,
      JSON.stringify({
        schemaVersion: 2,
        manifests: [
          { ...foreign, platform: { os: 'linux', architecture: 'arm64' } },
          { ...manifest, platform: { os: 'linux', architecture: 'amd64' } },
        ],
      }),
    );
    writeFileSync(
      join(store.directory, 'images/index.json'),
      JSON.stringify({
        schemaVersion: 2,
        manifests: [
          {
            ...{ mediaType: mediaTypes.index, digest: index, size: 1 },
            annotations: { 'org.opencontainers.image.ref.name': 'one' },
          },
        ],
      }),
    );
    expect(findImage(store, 'one:latest')?.digest).toBe(digest);
  });
});
