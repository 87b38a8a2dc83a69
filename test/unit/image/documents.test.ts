// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseImageDocument } from '../../../src/image/config.ts';
import { chainIds } from '../../../src/image/digest.ts';
import { compressionOf, parseManifest, toOciManifest } from '../../../src/image/manifest.ts';
import { sha256 } from '../../../src/image/sha256.ts';

const digestOf = (letter: string) => `sha256:${letter.repeat(64)}`;
const docker = 'application/vnd.docker';
const oci = 'application/vnd.oci.image';

const dockerManifest = {
  schemaVersion: 2,
  mediaType: `${docker}.distribution.manifest.v2+json`,
  config: { mediaType: `${docker}.container.image.v1+json`, size: 7, digest: digestOf('a') },
  layers: [{ mediaType: `${docker}.image.rootfs.diff.tar.gzip`, size: 9, digest: digestOf('b') }],
};
const ociManifest = {
  ...dockerManifest,
  mediaType: `${oci}.manifest.v1+json`,
  config: { ...dockerManifest.config, mediaType: `${oci}.config.v1+json` },
  layers: [{ ...dockerManifest.layers[0], mediaType: `${oci}.layer.v1.tar+gzip` }],
};

test('SHA-256 agrees with another implementation for lengths around the blocks', () => {
  for (const length of [0, 1, 3, 55, 56, 63, 64, 65, 119, 120, 128, 1000, 100_003]) {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 31 + length) & 0xff);
    expect(sha256(bytes), `${length} bytes`).toBe(createHash('sha256').update(bytes).digest('hex'));
  }
});

test('the chain id of a layer contains those below it', () => {
  const [low, middle, high] = [digestOf('1'), digestOf('2'), digestOf('3')];
  const link = (parent: string, child: string) =>
    `sha256:${createHash('sha256').update(`${parent} ${child}`).digest('hex')}`;
  expect(chainIds([low, middle, high])).toEqual([low, link(low, middle), link(link(low, middle), high)]);
  expect(chainIds([])).toEqual([]);
});

describe('a manifest', () => {
  test('of Docker becomes the same manifest with the media types of OCI', () => {
    expect(JSON.parse(toOciManifest(JSON.stringify(dockerManifest)))).toEqual(ociManifest);
  });

  test('of OCI stays byte for byte', () => {
    const text = JSON.stringify({ annotations: { b: '1', a: '2' }, ...ociManifest }, null, 3);
    expect(toOciManifest(text)).toBe(text);
    const { mediaType: _, ...bare } = ociManifest;
    expect(toOciManifest(JSON.stringify(bare))).toBe(JSON.stringify(bare));
  });

  test('is distinguished from an index by its media type, and by its members if that is missing', () => {
    const index = {
      schemaVersion: 2,
      manifests: [{ ...ociManifest.config, platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } }],
    };
    expect(parseManifest(JSON.stringify(index), `${oci}.index.v1+json`)).toEqual({
      kind: 'index',
      mediaType: `${oci}.index.v1+json`,
      manifests: index.manifests,
    });
    expect(parseManifest(JSON.stringify(index), '').kind).toBe('index');
    expect(parseManifest(JSON.stringify(ociManifest), '').kind).toBe('manifest');
    expect(
      parseManifest(
        JSON.stringify({ ...index, mediaType: `${docker}.distribution.manifest.list.v2+json` }),
        'text/plain',
      ).kind,
    ).toBe('index');
  });

  test.each([
    ['{', 'it is not valid JSON'],
    ['[]', 'the document is not an object'],
    ['{"schemaVersion":1}', 'its schemaVersion is 1, not 2'],
    ['{}', 'its schemaVersion is missing, not 2'],
    ['{"schemaVersion":2}', 'it has no config'],
    [JSON.stringify({ ...ociManifest, manifests: [] }), 'it has the members of a manifest and of an index'],
    [
      JSON.stringify({ ...ociManifest, layers: [{ ...ociManifest.layers[0], digest: 'sha512:00' }] }),
      'layers[0].digest is not a sha256 digest',
    ],
    [
      JSON.stringify({ ...ociManifest, config: { ...ociManifest.config, size: -1 } }),
      'config.size is not a size',
    ],
    [JSON.stringify({ ...ociManifest, layers: {} }), 'layers is not a list'],
  ])('%s is refused: %s', (text, problem) => {
    expect(() => parseManifest(text, `${oci}.manifest.v1+json`)).toThrowError(problem);
  });

  test('has layers whose media type contains their compression', () => {
    expect(compressionOf(`${oci}.layer.v1.tar`)).toBe('none');
    expect(compressionOf(`${oci}.layer.v1.tar+zstd`)).toBe('zstd');
    expect(compressionOf(`${docker}.image.rootfs.diff.tar.gzip`)).toBe('gzip');
    expect(compressionOf(`${docker}.image.rootfs.foreign.diff.tar.gzip`)).toBe('gzip');
    expect(compressionOf('application/vnd.in-toto+json')).toBeUndefined();
  });
});

describe('the config of an image', () => {
  const bare = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [digestOf('c')] } };

  test('has empty lists for null and for missing members', () => {
    const { config, created, history } = parseImageDocument(
      JSON.stringify({ ...bare, config: { Env: null, Cmd: ['sh'], Labels: null } }),
    );
    expect({ config, created, history }).toEqual({
      config: {
        ...{ Env: [], Cmd: ['sh'], Entrypoint: [], WorkingDir: '', User: '' },
        ...{ ExposedPorts: [], Volumes: [], Labels: {} },
      },
      created: '',
      history: [],
    });
  });

  test('contains what a container needs', () => {
    const config = {
      Env: ['A=b'],
      Cmd: ['-c'],
      Entrypoint: ['/bin/sh'],
      WorkingDir: '/srv',
      User: '7:8',
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      Volumes: { '/data': {} },
      Labels: { __proto__x: 'y' },
      StopSignal: 'SIGINT',
      Healthcheck: { Test: ['CMD', 'true'] },
    };
    expect(parseImageDocument(JSON.stringify({ ...bare, config })).config).toEqual({
      ...config,
      ExposedPorts: ['80/tcp', '53/udp'],
      Volumes: ['/data'],
    });
  });

  test.each([
    [{ ...bare, config: { Env: 'A=b' } }, 'Env is not a list'],
    [{ ...bare, config: { Cmd: ['a', 1] } }, 'Cmd[1] is not a text'],
    [{ ...bare, config: { Labels: { a: 1 } } }, 'Labels.a is not a text'],
    [{ ...bare, rootfs: undefined }, 'it has no rootfs'],
    [{ ...bare, rootfs: { diff_ids: ['x'] } }, 'diff_ids[0] is not a sha256 digest'],
    [{ ...bare, os: undefined }, 'os is not a text'],
  ])('%j is refused: %s', (document, problem) => {
    expect(() => parseImageDocument(JSON.stringify(document))).toThrowError(problem);
  });
});
