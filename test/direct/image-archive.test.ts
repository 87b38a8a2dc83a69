// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TarEntry, tarOf } from '../helpers/archive.ts';
import { requires } from '../helpers/requires.ts';
import { runtime } from '../helpers/runtime.ts';
import { until } from '../helpers/sandbox.ts';
import { layoutOf } from '../helpers/tree-state.ts';

let top: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'tsubo-archives-'));
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

function tsubo(args: readonly string[], { data = 'data', input }: { data?: string; input?: Buffer } = {}) {
  const [file = '', ...before] = runtime.command;
  const { status, stdout, stderr } = spawnSync(file, [...before, '--log-format', 'json', ...args], {
    encoding: 'buffer',
    input: input ?? '',
    env: { PATH: process.env['PATH'] ?? '', TSUBO_DATA: join(top, data) },
    maxBuffer: 1 << 28,
  });
  const text = stderr.toString();
  const line = text.split('\n').find(one => one.startsWith('{"'));
  return { status, stdout, text, error: line === undefined ? undefined : JSON.parse(line) };
}

const layers = [
  tarOf([
    { name: 'etc/', kind: '5' },
    { name: 'etc/a', data: 'a' },
  ]),
  tarOf([{ name: 'etc/b', data: 'b' }]),
];
const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');
const config = JSON.stringify({
  architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
  os: 'linux',
  created: '2024-01-01T00:00:00Z',
  config: { Cmd: ['sh'] },
  rootfs: { type: 'layers', diff_ids: layers.map(layer => `sha256:${sha256(layer)}`) },
});

/** An archive as docker save wrote it before version 25. */
function dockerArchive(
  more: Partial<Record<'Config' | 'Layers' | 'RepoTags', unknown>> = {},
  changed: TarEntry[] = [],
): Buffer {
  const entry = {
    Config: `${sha256(config)}.json`,
    RepoTags: ['web:v1', 'localhost:5000/web:v1'],
    Layers: ['0/layer.tar', '1/layer.tar'],
    ...more,
  };
  return tarOf([
    { name: `${sha256(config)}.json`, data: config },
    { name: '0/layer.tar', data: layers[0] ?? '' },
    { name: 'shared.tar', data: layers[1] ?? '' },
    { name: '1/layer.tar', kind: '2', link: '../shared.tar' },
    { name: 'manifest.json', data: JSON.stringify([entry]) },
    ...changed,
  ]);
}

/** Loads an archive from a file. */
function load(archive: Buffer, data = 'data') {
  writeFileSync(join(top, 'archive.tar'), archive);
  return tsubo(['image', 'load', '-i', join(top, 'archive.tar')], { data });
}

describe.skipIf(requires('root'))('image load', () => {
  it('takes an archive of docker save with all names', () => {
    const { status, stdout, text } = load(dockerArchive());
    expect({ status, text, stdout: stdout.toString() }).toEqual({
      status: 0,
      text: '',
      stdout: 'Loaded image: web:v1\nLoaded image: localhost:5000/web:v1\n',
    });
    const [image] = JSON.parse(tsubo(['image', 'inspect', 'web:v1']).stdout.toString());
    expect(image.Id).toBe(`sha256:${sha256(config)}`);
    const blobs = readdirSync(join(top, 'data/images/blobs/sha256'));
    expect(blobs).toEqual(expect.arrayContaining([sha256(config), ...layers.map(sha256)]));
    // Nothing of the unpacked archive stays.
    expect(readdirSync(join(top, 'data/layers'))).toEqual([]);
  });

  it('takes compressed archives, from standard input too', () => {
    expect(load(gzipSync(dockerArchive())).status).toBe(0);
    const { status, stdout } = tsubo(['image', 'load', '--quiet'], {
      data: 'other',
      input: gzipSync(dockerArchive()),
    });
    expect({ status, stdout: stdout.toString() }).toEqual({
      status: 0,
      stdout: `sha256:${sha256(config)}\n`,
    });
  });

  it('takes an OCI layout, and gives an image with only a tag no name', () => {
    const layout = join(top, 'layout');
    layoutOf(layout, layers);
    const archive = execFileSync('tar', ['-C', layout, '-cf', '-', '.'], { maxBuffer: 1 << 28 });
    const { status, stdout, text } = load(archive);
    expect({ status, text }).toEqual({ status: 0, text: '' });
    expect(stdout.toString()).toMatch(/^Loaded image ID: sha256:[0-9a-f]{64}\n$/);
  });

  it.each([
    [
      'has a layer with another content',
      dockerArchive({}, [{ name: '0/layer.tar', data: 'x' }]),
      /0\/layer\.tar has the digest sha256:2d71/,
    ],
    ['lacks a layer', dockerArchive({ Layers: ['0/layer.tar', 'gone'] }), /gone is missing/],
    [
      'names too few layers',
      dockerArchive({ Layers: ['0/layer.tar'] }),
      /manifest\.json names 1 layers, and the config 2/,
    ],
    ['names a file of the machine', dockerArchive({ Config: '../../../../etc/passwd' }), /passwd is missing/],
    [
      'has a link to a file of the machine',
      dockerArchive({ Config: 'out' }, [{ name: 'out', kind: '2', link: '/etc/passwd' }]),
      /out is missing/,
    ],
    [
      'contains a device',
      dockerArchive({}, [{ name: 'sda', kind: '4', device: [8, 0] }]),
      /at sda: the entry is a device or a FIFO/,
    ],
    ['is not an archive', Buffer.alloc(2048, 'x'), /the file is not a tar archive/],
    [
      'is neither of docker save nor an OCI layout',
      tarOf([{ name: 'a' }]),
      /neither manifest\.json nor index\.json/,
    ],
    ['has a manifest without JSON', tarOf([{ name: 'manifest.json', data: '[' }]), /it is not valid JSON/],
    ['is cut', dockerArchive().subarray(0, 3000), /the archive ends inside this entry/],
    ['is a damaged gzip file', gzipSync(dockerArchive()).subarray(0, 200), /unexpected end of file/],
  ])('refuses an archive that %s, and keeps nothing of it', (_, archive, message) => {
    const { status, error } = load(archive);
    expect(status).toBe(1);
    expect(error).toMatchObject({
      code: 'image.archive',
      msg: expect.stringMatching(message),
      hint: expect.stringMatching(/./),
    });
    expect(readdirSync(join(top, 'data/layers'))).toEqual([]);
    expect(JSON.parse(tsubo(['image', 'ls', '--format', 'json']).stdout.toString() || '[]')).toEqual([]);
  });

  // In a process with several threads, another one may take the signal, and the call is not the last one.
  it.skipIf(requires('strace', 'host:standalone'))('keeps its files during a prune', async () => {
    writeFileSync(join(top, 'archive.tar'), dockerArchive());
    const trace = join(top, 'trace');
    // At the end of this call config and layers are in the store, and no image has them.
    const words = ['-f', '-o', trace, '-e', 'trace=linkat', '-e', 'inject=linkat:signal=STOP:when=3'];
    const child = spawn(
      'strace',
      [...words, ...runtime.command, 'image', 'load', '-i', join(top, 'archive.tar')],
      { env: { PATH: process.env['PATH'] ?? '', TSUBO_DATA: join(top, 'data') }, stdio: 'ignore' },
    );
    const ended = once(child, 'exit');
    const stopped = () =>
      existsSync(trace)
        ? /^(\d+) --- stopped by SIGSTOP/m.exec(readFileSync(trace, 'latin1'))?.[1]
        : undefined;
    await until('the command is stopped', () => stopped() !== undefined);
    expect(tsubo(['image', 'prune'])).toMatchObject({ status: 0, text: '' });
    process.kill(Number(stopped()), 'SIGCONT');
    expect(await ended).toEqual([0, null]);
    expect(JSON.parse(tsubo(['image', 'inspect', 'web:v1']).stdout.toString())).toHaveLength(1);
    const blobs = readdirSync(join(top, 'data/images/blobs/sha256'));
    expect(blobs).toEqual(expect.arrayContaining([sha256(config), ...layers.map(sha256)]));
    expect(readdirSync(join(top, 'data/claims/images'))).toEqual([]);
  });

  it('names a missing file', () => {
    const { status, error } = tsubo(['image', 'load', '-i', join(top, 'gone.tar')]);
    expect(status).toBe(1);
    expect(error).toMatchObject({
      code: 'host.syscall',
      errnoName: 'ENOENT',
      msg: expect.stringContaining('gone.tar'),
    });
  });
});

describe.skipIf(requires('root', 'umoci', 'skopeo'))('image save', () => {
  it('writes the same archive each time, which load reads again', () => {
    load(dockerArchive());
    const save = (name: string, data = 'data') => {
      const file = join(top, name);
      const { status, text } = tsubo(['image', 'save', '-o', file, 'web:v1', 'localhost:5000/web:v1'], {
        data,
      });
      expect({ status, text }).toEqual({ status: 0, text: '' });
      return readFileSync(file);
    };
    const first = save('first.tar');
    expect(save('second.tar').equals(first)).toBe(true);
    expect(tsubo(['image', 'save', 'web:v1', 'localhost:5000/web:v1']).stdout.equals(first)).toBe(true);
    expect(load(first, 'other').stdout.toString()).toBe(
      'Loaded image: web:v1\nLoaded image: localhost:5000/web:v1\n',
    );
    expect(save('third.tar', 'other').equals(first)).toBe(true);
    const listed = execFileSync('tar', ['-tvf', join(top, 'first.tar')], {
      encoding: 'utf8',
      env: { ...process.env, TZ: 'UTC' },
    });
    expect(listed.split('\n').filter(line => !line.includes('blobs'))).toEqual([
      expect.stringMatching(/^-rw-r--r-- 0\/0 +\d+ 1970-01-01 00:00 index\.json$/),
      expect.stringMatching(/manifest\.json$/),
      expect.stringMatching(/oci-layout$/),
      '',
    ]);
  });

  it('writes an archive that skopeo and umoci read', () => {
    load(dockerArchive());
    const file = join(top, 'saved.tar');
    expect(tsubo(['image', 'save', '-o', file, 'web:v1']).status).toBe(0);
    const inspect = (name: string) =>
      JSON.parse(
        execFileSync('skopeo', ['--tmpdir', top, 'inspect', '--config', name], { encoding: 'utf8' }),
      );
    expect(inspect(`docker-archive:${file}:web:v1`).rootfs.diff_ids).toEqual(
      JSON.parse(config).rootfs.diff_ids,
    );
    expect(inspect(`oci-archive:${file}:v1`).config).toEqual({ Cmd: ['sh'] });
    const [layout, rootfs] = [join(top, 'saved'), join(top, 'rootfs')];
    mkdirSync(layout);
    execFileSync('tar', ['-C', layout, '-xf', file]);
    execFileSync('umoci', ['raw', 'unpack', '--image', `${layout}:v1`, rootfs], { stdio: 'pipe' });
    expect(readdirSync(join(rootfs, 'etc')).sort()).toEqual(['a', 'b']);
  });

  it('reads what skopeo writes', () => {
    const layout = join(top, 'layout');
    layoutOf(layout, layers);
    for (const target of [
      `docker-archive:${join(top, 'd.tar')}:busybox:x`,
      `oci-archive:${join(top, 'o.tar')}:docker.io/library/busybox:x`,
    ]) {
      execFileSync('skopeo', ['--insecure-policy', '--tmpdir', top, 'copy', `oci:${layout}:image`, target], {
        stdio: 'pipe',
      });
      const { status, stdout, text } = tsubo(['image', 'load', '-i', target.split(':')[1] ?? ''], {
        data: target.slice(0, 3),
      });
      expect({ status, text, stdout: stdout.toString() }).toEqual({
        status: 0,
        text: '',
        stdout: 'Loaded image: busybox:x\n',
      });
    }
  });

  it('refuses an unknown image and leaves no file', () => {
    const { status, error } = tsubo(['image', 'save', '-o', join(top, 'x.tar'), 'nothing']);
    expect(status).toBe(1);
    expect(error).toMatchObject({ code: 'image.unknown' });
    expect(readdirSync(top)).not.toContain('x.tar');
  });
});
