// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { writeImage } from '../helpers/images.ts';
import { FakeRegistry, layerOf, makeImage, noise, RealRegistry, sha256 } from '../helpers/registry.ts';
import { requires } from '../helpers/requires.ts';
import { runtime } from '../helpers/runtime.ts';

let top = '';
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'tsubo-push-'));
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

async function run(command: readonly string[], data: string) {
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: top,
      TSUBO_DATA: join(top, data),
      TSUBO_SETTINGS: join(top, 'settings.json'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { stdout: '', stderr: '' };
  child.stdout.on('data', piece => (texts.stdout += piece));
  child.stderr.on('data', piece => (texts.stderr += piece));
  const [status] = (await once(child, 'close')) as [number | null];
  const line = texts.stderr.split('\n').find(text => text.startsWith('{"'));
  return { status, ...texts, error: line === undefined ? {} : JSON.parse(line) };
}

const tsubo = (words: readonly string[], data = 'data') =>
  run([...runtime.command, '--log-format', 'json', ...words], data);

async function inspect(name: string, data = 'data') {
  const { stdout } = await tsubo(['image', 'inspect', name], data);
  return JSON.parse(stdout)[0];
}

const skipped = requires('root', 'busybox', 'docker-registry', 'skopeo');

describe.skipIf(skipped)("a push to Debian's docker-registry", () => {
  const registry = new RealRegistry();
  beforeAll(() => registry.open());
  afterAll(() => registry.close());

  test('gives the image the same digests when it is pulled elsewhere, and skopeo sees it', async () => {
    writeImage(join(top, 'data'), 'web:v1', { files: { 'srv/page': 'hello' } });
    const name = `${registry.host}/team/web:v1`;
    expect(await tsubo(['image', 'tag', 'web:v1', name])).toMatchObject({ status: 0 });
    const pushed = await tsubo(['image', 'push', name]);
    expect(pushed).toMatchObject({ status: 0, stderr: '' });
    const here = await inspect(name);
    const short = here.Layers[0].digest.slice(7, 19);
    expect(pushed.stdout.split('\n')).toEqual([
      `The push refers to repository [${registry.host}/team/web]`,
      `${short}: Preparing`,
      `${short}: Pushed`,
      expect.stringMatching(new RegExp(`^v1: digest: ${here.Manifest} size: \\d+$`)),
      '',
    ]);
    expect(await tsubo(['image', 'pull', '-q', name], 'other')).toMatchObject({ status: 0 });
    const there = await inspect(name, 'other');
    expect([there.Id, there.Manifest, there.Layers]).toEqual([here.Id, here.Manifest, here.Layers]);
    const seen = await run(['skopeo', 'inspect', '--tls-verify=false', `docker://${name}`], 'data');
    expect(seen.status).toBe(0);
    const found = JSON.parse(seen.stdout);
    expect([found.Digest, found.Layers]).toEqual([
      here.Manifest,
      here.Layers.map((layer: { digest: string }) => layer.digest),
    ]);
  });

  test('sends no layer twice, also not to another repository', async () => {
    writeImage(join(top, 'data'), 'web:v1', { files: { 'srv/page': 'twice' } });
    const names = ['a/web:1', 'a/web:2', 'b/web:1'].map(name => `${registry.host}/${name}`);
    const outputs: string[] = [];
    for (const name of names) {
      await tsubo(['image', 'tag', 'web:v1', name]);
      outputs.push((await tsubo(['image', 'push', name])).stdout.split('\n')[2]?.slice(14) ?? '');
    }
    expect(outputs).toEqual(['Pushed', 'Layer already exists', 'Mounted from a/web']);
  });

  test('keeps the digest of an image with Docker media types', async () => {
    const image = makeImage({ layers: [layerOf({ a: 'a' })], docker: true });
    await registry.push('old', 'v1', image);
    const name = `${registry.host}/old:v1`;
    expect(await tsubo(['image', 'pull', '-q', name])).toMatchObject({ status: 0 });
    const copy = `${registry.host}/copy:v1`;
    await tsubo(['image', 'tag', name, copy]);
    const { stdout } = await tsubo(['image', 'push', copy]);
    expect(stdout).toContain(`v1: digest: ${image.manifest.digest} size:`);
  });

  test('refuses a name that no image has', async () => {
    const { status, error } = await tsubo(['image', 'push', `${registry.host}/none:v1`]);
    expect([status, error.code]).toEqual([1, 'image.unknown']);
  });
});

describe.skipIf(requires('root', 'busybox'))('a push', () => {
  const registry = new FakeRegistry();
  beforeAll(() => registry.open());
  afterAll(() => registry.close());

  /** Answers as a registry that takes uploads, after it has cut some connections. */
  function receiving(state: { cuts: number; password?: string }) {
    const blobs = new Map<string, string>();
    registry.answer = (request: IncomingMessage, response: ServerResponse) => {
      const { method = '', url = '' } = request;
      const end = (status: number, headers: Record<string, string> = {}) => {
        response.writeHead(status, headers);
        response.end();
      };
      if (state.password !== undefined && request.headers.authorization !== state.password) {
        request.resume();
        end(401, { 'www-authenticate': 'Basic realm="x"' });
      } else if (method === 'HEAD') end(404);
      else if (method === 'POST') end(202, { location: '/v2/upload/1?state=x' });
      else if (method === 'PUT' && url.startsWith('/v2/upload/')) {
        if (state.cuts > 0) {
          state.cuts--;
          request.socket.destroy();
          return true;
        }
        const pieces: Buffer[] = [];
        request.on('data', piece => pieces.push(piece));
        request.on('end', () => {
          const stated = new URL(url, 'http://x').searchParams.get('digest') ?? '';
          blobs.set(stated, sha256(Buffer.concat(pieces)));
          end(201);
        });
      } else if (method === 'PUT') {
        request.resume();
        end(201);
      } else return false;
      return true;
    };
    return blobs;
  }

  async function pushed() {
    writeImage(join(top, 'data'), 'web:v1', { files: { 'srv/big': noise(3 << 20).toString('base64') } });
    const name = `${registry.host}/web:v1`;
    await tsubo(['image', 'tag', 'web:v1', name]);
    return tsubo(['image', 'push', name]);
  }

  test('begins a blob again after a cut connection', async () => {
    const state = { cuts: 1 };
    const blobs = receiving(state);
    expect(await pushed()).toMatchObject({ status: 0 });
    expect(state.cuts).toBe(0);
    expect([...blobs.keys()]).toEqual([...blobs.values()]);
    expect(blobs.size).toBe(2);
  });

  test('fails with the reason after three cut connections', async () => {
    const state = { cuts: 99 };
    receiving(state);
    const { status, error } = await pushed();
    expect([status, error.code]).toEqual([1, 'registry.unreachable']);
    expect(99 - state.cuts).toBe(3);
  });

  test('fails without the password', async () => {
    receiving({ cuts: 0, password: 'Basic eDp5' });
    const { status, error } = await pushed();
    expect([status, error.code]).toEqual([1, 'registry.unauthorized']);
    expect(error.hint).toContain(`tsubo login ${registry.host}`);
  });
});
