// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findProgram } from '../../native/build/programs.mjs';
import {
  FakeRegistry,
  indexOf,
  layerOf,
  machine,
  makeImage,
  noise,
  RealRegistry,
  sha256,
} from '../helpers/registry.ts';
import { requires } from '../helpers/requires.ts';
import { commands, host, runtime } from '../helpers/runtime.ts';

interface Done {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The fields of the error in standard error. */
  readonly error: { readonly code?: string; readonly msg?: string; readonly hint?: string };
}

let directory = '';
const data = () => join(directory, 'data');
const blobs = () => join(data(), 'images/blobs/sha256');
const partials = () => join(data(), 'images/partial');
const hexOf = (digest: string) => digest.replace('sha256:', '');

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsubo-pull-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: directory,
    TSUBO_DATA: data(),
    TSUBO_SETTINGS: join(directory, 'settings.json'),
    ...more,
  };
}

function start(
  words: readonly string[],
  more?: Readonly<Record<string, string>>,
  before: readonly string[] = [],
) {
  const [file = '', ...args] = [...before, ...runtime.command, '--log-format', 'json', ...words];
  const child = spawn(file, args, { env: environment(more), stdio: ['pipe', 'pipe', 'pipe'] });
  return { child, done: endOf(child) };
}

async function endOf(child: ChildProcess): Promise<Done> {
  const texts = { stdout: '', stderr: '' };
  child.stdout?.on('data', piece => (texts.stdout += piece));
  child.stderr?.on('data', piece => (texts.stderr += piece));
  const [status] = (await once(child, 'close')) as [number | null];
  const line = texts.stderr.split('\n').find(text => text.startsWith('{"'));
  return { status, ...texts, error: line === undefined ? {} : JSON.parse(line) };
}

async function tsubo(...words: string[]): Promise<Done> {
  const { child, done } = start(words);
  child.stdin?.end();
  return done;
}

async function must(...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await tsubo(...words);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout;
}

/** The number of processes that have opened a file. */
function openersOf(path: string): number {
  const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name));
  return pids.filter(pid => {
    try {
      return readdirSync(`/proc/${pid}/fd`).some(fd => readlinkSync(`/proc/${pid}/fd/${fd}`) === path);
    } catch {
      return false; // it has ended, or the descriptor is closed
    }
  }).length;
}

/** Everything in the store has the digest of its name, and nothing is left over. */
function checkStore(): void {
  for (const name of readdirSync(blobs()))
    expect(sha256(readFileSync(join(blobs(), name)))).toBe(`sha256:${name}`);
  expect(readdirSync(partials())).toEqual([]);
}

async function listed(): Promise<{ reference: string; id: string; digest: string }[]> {
  return JSON.parse(await must('image', 'ls', '--format', 'json'));
}

const layers = [layerOf({ one: noise(40_000, 'one') }), layerOf({ two: noise(90_000, 'two') })];

describe.skipIf(requires('docker-registry', 'skopeo', 'zstd'))('a pull from a registry', () => {
  const registry = new RealRegistry();
  beforeAll(() => registry.open());
  afterAll(() => registry.close());

  test.each([
    ['gzip', false],
    ['gzip', true],
    ['zstd', false],
    ['none', false],
  ] as const)(
    'stores %s layers (media types of Docker: %s), and skopeo reads them',
    async (compression, docker) => {
      const image = makeImage({ layers, compression, docker, config: { Cmd: ['/bin/one'], Env: ['A=b'] } });
      const name = `${registry.host}/${compression}${docker ? '-docker' : ''}:v1`;
      await registry.push(name.replace(/^[^/]*\/|:v1$/g, ''), 'v1', image);
      const output = await must('image', 'pull', name);
      const [config, low, high] = image.blobs.map(({ digest }) => digest);
      expect(output).toContain(`v1: Pulling from ${name.replace(/^[^/]*\/|:v1$/g, '')}\n`);
      expect(output).toContain(`${hexOf(low ?? '').slice(0, 12)}: Download complete\n`);
      expect(output).toContain(`${hexOf(high ?? '').slice(0, 12)}: Pull complete\n`);
      for (const [index, file] of ['one', 'two'].entries()) {
        const tree = join(data(), 'layers', hexOf(sha256(layers[index] as Buffer)), 'tree');
        expect(sha256(readFileSync(join(tree, file)))).toBe(
          sha256(noise([40_000, 90_000][index] as number, file)),
        );
      }
      expect(output).toContain(
        `Digest: ${image.manifest.digest}\nStatus: Downloaded newer image for ${name}\n`,
      );
      expect(output.endsWith(`\n${name}\n`)).toBe(true);
      expect(await listed()).toMatchObject([{ reference: name, id: config, digest: image.manifest.digest }]);
      const skopeo = spawn(findProgram('skopeo') ?? '', ['inspect', `oci:${data()}/images:${name}`], {
        env: environment(),
      });
      expect(JSON.parse((await endOf(skopeo)).stdout)).toMatchObject({
        Created: '2024-05-06T07:08:09Z',
        Architecture: machine,
        Os: 'linux',
        Layers: [low, high],
        Env: ['A=b'],
      });
      checkStore();
      expect(await must('image', 'pull', '--quiet', name)).toBe(`${name}\n`);
      expect(await must('image', 'pull', name)).toBe(
        [
          `v1: Pulling from ${name.replace(/^[^/]*\/|:v1$/g, '')}`,
          `Digest: ${image.manifest.digest}`,
          `Status: Image is up to date for ${name}`,
          `${name}\n`,
        ].join('\n'),
      );
    },
  );

  test('selects the image of an index by platform and variant', async () => {
    const other = machine === 'amd64' ? 'arm64' : 'amd64';
    const of = (architecture: string, variant?: string) =>
      makeImage({ layers, platform: { os: 'linux', architecture, ...(variant && { variant }) } });
    const images = [of('arm', 'v6'), of(other), of('arm', 'v7'), of(machine)];
    for (const [index, image] of images.entries()) await registry.push('many', `${index}`, image);
    await registry.pushManifest('many', 'latest', indexOf(images));
    const name = `${registry.host}/many`;
    const idAfter = async (...flags: string[]) => {
      await must('image', 'pull', ...flags, name);
      return (await listed()).find(({ reference }) => reference === `${name}:latest`)?.id;
    };
    const ids = images.map(image => image.blobs[0]?.digest);
    expect(await idAfter()).toBe(ids[3]);
    expect(await idAfter('--platform', `linux/${other}`)).toBe(ids[1]);
    expect(await idAfter('--platform', 'linux/arm/v7')).toBe(ids[2]);
    expect(await idAfter('--platform', 'linux/arm/v6')).toBe(ids[0]);
    const refused = await tsubo('image', 'pull', '--platform', 'linux/s390x', name);
    expect(refused.status).toBe(1);
    expect(refused.error).toMatchObject({
      msg: expect.stringContaining(
        `${name}:latest has no image for linux/s390x, only for linux/arm/v6, linux/${other}, linux/arm/v7, linux/${machine}`,
      ),
      code: 'image.platform',
      hint: expect.stringContaining('--platform linux/arm/v6; its programs need qemu-arm in'),
    });
  });

  test('reports that the registry has no such image', async () => {
    const { status, error } = await tsubo('image', 'pull', `${registry.host}/nothing:v9`);
    expect(status).toBe(1);
    expect(error).toMatchObject({
      code: 'registry.not-found',
      msg: `tsubo image pull failed: ${registry.host}/nothing:v9 does not exist: manifest unknown`,
      hint: 'check the name and the tag; a private repository needs tsubo login',
    });
    expect(readdirSync(blobs())).toEqual([]);
  });
});

/** Both hosts start one program for registries, so its failures are tested with one of them. */
const isTestedHere = host === 'standalone' || !existsSync(commands.standalone[0]);

const describeOnce: (name: string, tests: () => void) => void = isTestedHere ? describe : () => {};

describeOnce('a pull', () => {
  const registry = new FakeRegistry();
  const other = new FakeRegistry();
  beforeAll(async () => {
    await registry.open();
    await other.open();
  });
  afterAll(async () => {
    await registry.close();
    await other.close();
  });
  beforeEach(() => {
    for (const server of [registry, other]) {
      server.log.length = 0;
      server.answer = () => false;
    }
    registry.add('web', 'v1', image);
  });

  const image = makeImage({ layers });
  const [config, low, high] = image.blobs as [
    (typeof image.blobs)[0],
    (typeof image.blobs)[0],
    (typeof image.blobs)[0],
  ];
  const name = () => `${registry.host}/web:v1`;

  /** Answers requests for a blob in another way. */
  const forBlob = (
    digest: string,
    answer: (request: IncomingMessage, response: ServerResponse) => boolean,
  ) => {
    registry.answer = (request, response) =>
      request.url?.endsWith(`/blobs/${digest}`) === true && answer(request, response);
  };
  const isWhole = async () => {
    expect(await listed()).toMatchObject([{ reference: name(), id: config.digest }]);
    expect(readdirSync(blobs()).sort()).toEqual(
      [image.manifest.digest, config.digest, low.digest, high.digest].map(hexOf).sort(),
    );
    checkStore();
  };

  test.each([
    ['manifest', image.manifest.digest],
    ['config', config.digest],
  ])('replaces a damaged %s', async (_, digest) => {
    await must('image', 'pull', name());
    writeFileSync(join(blobs(), hexOf(digest)), '');
    await must('image', 'pull', name());
    await isWhole();
  });

  test('does not store content with another digest', async () => {
    const wrong = Buffer.from(high.bytes);
    wrong[1000] = (wrong[1000] as number) ^ 1;
    forBlob(high.digest, (_, response) => {
      response.end(wrong);
      return true;
    });
    const { status, error } = await tsubo('image', 'pull', name());
    expect(status).toBe(1);
    expect(error).toMatchObject({
      code: 'registry.digest',
      msg: `tsubo image pull failed: the content of blob ${hexOf(high.digest).slice(0, 12)} has another digest; it was removed`,
    });
    expect(existsSync(join(blobs(), hexOf(high.digest)))).toBe(false);
    expect(existsSync(join(partials(), hexOf(high.digest)))).toBe(false);
    expect(await listed()).toEqual([]);
    registry.answer = () => false;
    await must('image', 'pull', name());
    await isWhole();
  });

  test('refuses content that is longer than the manifest states, with and without Content-Length', async () => {
    const long = Buffer.concat([high.bytes, Buffer.from('x')]);
    for (const headers of [{ 'content-length': long.length }, { 'transfer-encoding': 'chunked' }]) {
      forBlob(high.digest, (_, response) => {
        response.writeHead(200, headers);
        response.end(long);
        return true;
      });
      const { error } = await tsubo('image', 'pull', name());
      expect(error.code).toBe('registry.size');
      expect(existsSync(join(blobs(), hexOf(high.digest)))).toBe(false);
    }
    registry.answer = () => false;
    await must('image', 'pull', name());
    await isWhole();
  });

  test('refuses a manifest that has another digest than the reference', async () => {
    const requested = makeImage({ layers: [layerOf({ a: 'b' })] });
    registry.answer = ({ url = '' }, response) => {
      if (!url.includes('/manifests/')) return false;
      response.setHeader('content-type', image.mediaType);
      response.end(image.manifest.bytes);
      return true;
    };
    const { error } = await tsubo('image', 'pull', `${registry.host}/web@${requested.manifest.digest}`);
    expect(error).toMatchObject({
      code: 'registry.digest',
      msg: `tsubo image pull failed: the manifest of web has another digest: ${image.manifest.digest} instead of ${requested.manifest.digest}`,
    });
    expect(readdirSync(blobs())).toEqual([]);
  });

  /** Sends bytes from the requested one to `end`, and cuts the connection. */
  const cutAt = (request: IncomingMessage, response: ServerResponse, end: number) => {
    const from = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0);
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': high.bytes.length - from,
      ...(from > 0 && { 'content-range': `bytes ${from}-${high.bytes.length - 1}/${high.bytes.length}` }),
    });
    response.write(high.bytes.subarray(from, Math.max(from, end)), () => response.destroy());
    return true;
  };

  test.each([1, 512, 40_000, high.bytes.length - 1])(
    'a download that is cut after byte %d resumes at that byte',
    async cut => {
      // The first command gets no more; the second one continues.
      forBlob(high.digest, (request, response) => cutAt(request, response, cut));
      const first = await tsubo('image', 'pull', name());
      expect(first.status).toBe(1);
      expect(first.error).toMatchObject({
        code: 'registry.cut',
        hint: 'pull again: the received part is kept, and only the rest is requested',
      });
      expect(first.error.msg).toContain(`was cut after ${cut} of ${high.bytes.length} bytes`);
      expect(statSync(join(partials(), hexOf(high.digest))).size).toBe(cut);
      expect(await listed()).toEqual([]);
      registry.answer = () => false;
      registry.log.length = 0;
      await must('image', 'pull', name());
      expect(registry.blobRequests(high.digest).map(({ headers }) => headers.range)).toEqual([
        `bytes=${cut}-`,
      ]);
      await isWhole();
    },
  );

  test('one command resumes as long as each attempt receives data', async () => {
    const ends = [1000, 1001, 60_000];
    forBlob(high.digest, (request, response) => {
      const end = ends.shift();
      return end !== undefined && cutAt(request, response, end);
    });
    await must('image', 'pull', name());
    expect(registry.blobRequests(high.digest).map(({ headers }) => headers.range)).toEqual([
      undefined,
      ...['bytes=1000-', 'bytes=1001-', 'bytes=60000-'],
    ]);
    await isWhole();
  });

  test('a server without ranges sends the whole blob again, which is accepted', async () => {
    let requests = 0;
    forBlob(high.digest, (request, response) => {
      requests++;
      if (requests === 1) return cutAt(request, response, 7000);
      response.end(high.bytes);
      return true;
    });
    await must('image', 'pull', name());
    await isWhole();
  });

  test.each([
    { server: 'with ranges', ranges: true, requests: 3 },
    { server: 'without ranges', ranges: false, requests: 2 },
  ])('a blob that is too short on a server $server ends the pull', async ({ ranges, requests }) => {
    const short = high.bytes.subarray(0, 5000);
    forBlob(high.digest, ({ headers }, response) => {
      // A pull that does not give up gets the whole blob in the end, and succeeds.
      if (registry.blobRequests(high.digest).length > 20) return false;
      response.statusCode = ranges && headers.range !== undefined ? 416 : 200;
      response.end(response.statusCode === 416 ? '' : short);
      return true;
    });
    expect((await tsubo('image', 'pull', name())).error).toMatchObject({
      code: 'registry.cut',
      msg: `tsubo image pull failed: the download of blob ${hexOf(high.digest).slice(0, 12)} was cut after 5000 of ${high.bytes.length} bytes: the registry ends the answer early`,
    });
    expect(registry.blobRequests(high.digest)).toHaveLength(requests);
    registry.answer = () => false;
    await must('image', 'pull', name());
    await isWhole();
  });

  test('a partial file with other content is not used', async () => {
    await must('image', 'pull', name());
    rmSync(join(blobs(), hexOf(high.digest)));
    writeFileSync(join(partials(), hexOf(high.digest)), 'x'.repeat(5000));
    expect((await tsubo('image', 'pull', name())).error.code).toBe('registry.digest');
    await must('image', 'pull', name());
    await isWhole();
  });

  test('a limit of requests is reported with its time, and the request is not repeated', async () => {
    registry.answer = (_, response) => {
      response.writeHead(429, { 'retry-after': '3600' });
      response.end(JSON.stringify({ errors: [{ code: 'TOOMANYREQUESTS', message: 'slow down' }] }));
      return true;
    };
    const { status, error } = await tsubo('image', 'pull', name());
    expect(status).toBe(1);
    expect(error).toMatchObject({
      code: 'registry.rate-limited',
      msg: `tsubo image pull failed: ${registry.host} permits no more requests at present: slow down`,
      hint: expect.stringMatching(/^try again in 3600 s, at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
    expect(registry.log).toHaveLength(1);
    registry.answer = (_, response) => {
      response.writeHead(429).end();
      return true;
    };
    registry.log.length = 0;
    expect((await tsubo('image', 'pull', name())).error.code).toBe('registry.rate-limited');
    expect(registry.log).toHaveLength(1);
  });

  test('a request with a short Retry-After is repeated after that time', async () => {
    let refusals = 1;
    forBlob(high.digest, (_, response) => {
      if (refusals-- <= 0) return false;
      response.writeHead(429, { 'retry-after': '1' }).end();
      return true;
    });
    const output = await must('image', 'pull', name());
    expect(output).toContain(`${registry.host} asks to wait 1 s\n`);
    const [refused, served] = registry.blobRequests(high.digest).map(({ at }) => at);
    expect((served ?? 0) - (refused ?? 0)).toBeGreaterThanOrEqual(1000);
    await isWhole();
  });

  const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;
  /** Requires a header, and names a method for it. */
  const requireHeader = (expected: string, challenge: string) => {
    registry.answer = ({ headers, url = '' }, response) => {
      if (url.startsWith('/token') || headers.authorization === expected) return false;
      response.writeHead(401, { 'www-authenticate': challenge });
      response.end(JSON.stringify({ errors: [{ message: 'authentication required' }] }));
      return true;
    };
  };
  const writeAuths = (pair: string) => {
    mkdirSync(join(directory, '.docker'), { recursive: true });
    const auth = Buffer.from(pair).toString('base64');
    writeFileSync(
      join(directory, '.docker/config.json'),
      JSON.stringify({ auths: { [registry.host]: { auth } } }),
    );
  };

  test('credentials of config.json are used, wrong ones are refused with a hint', async () => {
    requireHeader(basic('me:secret'), 'Basic realm="test"');
    const without = await tsubo('image', 'pull', name());
    expect(without.error).toMatchObject({
      code: 'registry.unauthorized',
      msg: `tsubo image pull failed: ${registry.host} refuses access without credentials for ${registry.host}/web: authentication required`,
      hint: expect.stringContaining(`tsubo login ${registry.host};`),
    });
    writeAuths('me:wrong');
    const wrong = await tsubo('image', 'pull', name());
    expect(wrong.error).toMatchObject({
      code: 'registry.unauthorized',
      msg: `tsubo image pull failed: ${registry.host} refuses the credentials for ${registry.host}/web: authentication required`,
    });
    writeAuths('me:secret');
    await must('image', 'pull', name());
    await isWhole();
  });

  test('a token is requested with the credentials, for the repository', async () => {
    writeAuths('me:secret');
    requireHeader('Bearer good', `Bearer realm="http://${registry.host}/token?x=y",service="test"`);
    const guarded = registry.answer;
    const tokens: { path: string | undefined; authorization: string | undefined }[] = [];
    registry.answer = (request, response) => {
      if (request.url?.startsWith('/token') !== true) return guarded(request, response);
      tokens.push({ path: request.url, authorization: request.headers.authorization });
      response.end(JSON.stringify({ token: 'good' }));
      return true;
    };
    await must('image', 'pull', name());
    await isWhole();
    expect(tokens).toEqual([
      { path: '/token?x=y&service=test&scope=repository%3Aweb%3Apull', authorization: basic('me:secret') },
    ]);
  });

  test('a credential helper is run', async () => {
    requireHeader(basic('helped:by'), 'Basic realm="test"');
    mkdirSync(join(directory, '.docker'));
    writeFileSync(
      join(directory, '.docker/config.json'),
      JSON.stringify({ credHelpers: { [registry.host]: 'test' } }),
    );
    const helper = join(directory, 'docker-credential-test');
    writeFileSync(
      helper,
      `#!/bin/sh\nread -r host\necho "$1 $host" >> ${directory}/asked\necho '{"Username":"helped","Secret":"by"}'\n`,
    );
    chmodSync(helper, 0o755);
    const PATH = `${directory}:${process.env['PATH']}`;
    expect((await start(['image', 'pull', name()], { PATH }).done).stderr).toBe('');
    await isWhole();
    expect(readFileSync(join(directory, 'asked'), 'utf8')).toMatch(new RegExp(`^(get ${registry.host}\n)+$`));
    const { error } = await tsubo('image', 'pull', name());
    expect(error).toMatchObject({
      code: 'registry.credentials',
      msg: 'tsubo image pull failed: the credential helper docker-credential-test failed: it is not in PATH',
    });
  });

  test('credentials are not sent to another server after a redirect', async () => {
    writeAuths('me:secret');
    requireHeader(basic('me:secret'), 'Basic realm="test"');
    const guarded = registry.answer;
    other.add('web', 'v1', image);
    registry.answer = (request, response) => {
      if (guarded(request, response)) return true;
      if (request.url?.includes('/blobs/') !== true) return false;
      response.writeHead(307, { location: `http://${other.host}${request.url}` }).end();
      return true;
    };
    await must('image', 'pull', name());
    await isWhole();
    expect(other.log).toHaveLength(3);
    expect(other.log.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
  });

  test('mirrors are tried first, and blobs that they lack come from the registry', async () => {
    other.add('web', 'v1', image);
    other.answer = ({ url = '' }, response) => {
      if (!url.endsWith(high.digest)) return false;
      response.writeHead(404).end();
      return true;
    };
    const mirrors = ['http://127.0.0.1:1', `http://${other.host}`];
    writeFileSync(
      join(directory, 'settings.json'),
      JSON.stringify({ registries: { [registry.host]: { mirrors } } }),
    );
    const output = await must('image', 'pull', name());
    expect(output.match(/^mirror 127\.0\.0\.1:1: unable to reach .*ECONNREFUSED.*$/gm)).toHaveLength(1);
    expect(output).toContain(`mirror ${other.host}: `);
    expect(registry.log.map(({ path }) => path)).toEqual([`/v2/web/blobs/${high.digest}`]);
    await isWhole();
    writeFileSync(join(directory, 'settings.json'), '{"registries": []}');
    expect((await tsubo('image', 'pull', name())).error).toMatchObject({
      code: 'registry.settings',
      msg: `tsubo image pull failed: unable to use the settings in ${directory}/settings.json: registries and its members are objects`,
    });
  });

  test('two pulls of one image at once request each blob once', async () => {
    // The answer waits until both commands have opened the partial file of the blob.
    const partial = join(partials(), hexOf(config.digest));
    forBlob(config.digest, (request, response) => {
      const timer = setInterval(() => {
        if (openersOf(partial) < 2) return;
        clearInterval(timer);
        registry.serve(request, response);
      }, 5);
      return true;
    });
    const both = await Promise.all([tsubo('image', 'pull', name()), tsubo('image', 'pull', name())]);
    expect(both.map(({ status, stderr }) => ({ status, stderr }))).toEqual([
      { status: 0, stderr: '' },
      { status: 0, stderr: '' },
    ]);
    for (const { digest } of image.blobs) expect(registry.blobRequests(digest), digest).toHaveLength(1);
    await isWhole();
  });

  test('a layer is unpacked while another one is downloaded', async () => {
    const below = layerOf({ below: 'b' });
    const two = makeImage({ layers: [below, layerOf({ large: noise(5 << 20) })], compression: 'none' });
    registry.add('two', 'v1', two);
    const unpacked = join(data(), 'layers', hexOf(sha256(below)), 'tree/below');
    // The answer with the upper layer waits until the lower one is there.
    forBlob(two.blobs[2]?.digest ?? '', (request, response) => {
      const timer = setInterval(() => {
        if (!existsSync(unpacked)) return;
        clearInterval(timer);
        registry.serve(request, response);
      }, 5);
      return true;
    });
    await must('image', 'pull', `${registry.host}/two:v1`);
    expect(readdirSync(join(data(), 'layers'))).toHaveLength(2);
  });

  test('a large layer is decompressed by Node, without the program gzip', async () => {
    const large = layerOf({ large: noise(9 << 20) });
    const whole = makeImage({ layers: [large] });
    const layer = whole.blobs[1] as (typeof whole.blobs)[0];
    registry.add('large', 'v1', whole);
    const bin = join(directory, 'bin');
    mkdirSync(bin);
    symlinkSync(process.execPath, join(bin, 'node'));
    const pulled = await start(['image', 'pull', '-q', `${registry.host}/large:v1`], { PATH: bin }).done;
    expect(pulled).toMatchObject({ status: 0, stderr: '' });
    const file = join(data(), 'layers', hexOf(sha256(large)), 'tree/large');
    expect(sha256(readFileSync(file))).toBe(sha256(noise(9 << 20)));
    // The end of its data is missing, and its digest is right.
    const cut = layer.bytes.subarray(0, layer.bytes.length - 1000);
    const text = whole.manifest.bytes
      .toString()
      .replace(layer.digest, sha256(cut))
      .replace(`"size":${layer.bytes.length}`, `"size":${cut.length}`);
    const broken = { digest: sha256(text), bytes: Buffer.from(text) };
    const blobs = [whole.blobs[0] as typeof layer, { digest: sha256(cut), bytes: cut }];
    registry.add('large', 'v2', { ...whole, manifest: broken, blobs });
    rmSync(data(), { recursive: true });
    expect((await tsubo('image', 'pull', '-q', `${registry.host}/large:v2`)).error).toMatchObject({
      code: 'image.archive',
      msg: `tsubo image pull failed: unable to decompress layer ${sha256(cut).slice(0, 19)}: gzip: unexpected end of file`,
    });
  });

  test('a pull that is killed while it downloads leaves a partial file that the next one resumes', async () => {
    const half = Math.floor(high.bytes.length / 2);
    const sent = new Promise<void>(resolve => {
      forBlob(high.digest, (_, response) => {
        response.writeHead(200, { 'content-length': high.bytes.length });
        response.write(high.bytes.subarray(0, half), () => resolve());
        return true;
      });
    });
    const { child, done } = start(['image', 'pull', name()]);
    await sent;
    const partial = join(partials(), hexOf(high.digest));
    while (!existsSync(partial) || statSync(partial).size < half)
      await new Promise(resolve => setTimeout(resolve, 10));
    child.kill('SIGKILL');
    await done;
    expect(await listed()).toEqual([]);
    registry.answer = () => false;
    registry.log.length = 0;
    await must('image', 'pull', name());
    expect(registry.blobRequests(high.digest).map(({ headers }) => headers.range)).toEqual([
      `bytes=${half}-`,
    ]);
    await isWhole();
  });

  test.skipIf(requires('strace'))(
    'a pull that is killed at any rename leaves a store that the next completes',
    async () => {
      let killed = 0;
      for (let when = 1; ; when++) {
        rmSync(data(), { recursive: true, force: true });
        const strace = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=rename'];
        const inject = `inject=rename:signal=KILL:when=${when}`;
        const { child, done } = start(['image', 'pull', name()], {}, [...strace, '-e', inject]);
        child.stdin?.end();
        const { status } = await done;
        if (status === 0) break;
        killed++;
        for (const blob of readdirSync(blobs()).filter(file => !file.startsWith('.')))
          expect(sha256(readFileSync(join(blobs(), blob)))).toBe(`sha256:${blob}`);
        await must('image', 'pull', name());
        await isWhole();
      }
      // oci-layout, three blobs, two layers with their records, the manifest, index.json
      expect(killed).toBe(10);
    },
  );

  test.skipIf(requires('root'))(
    'a full disk is reported with the missing bytes, and the next pull resumes',
    async () => {
      mkdirSync(data());
      const [file = '', ...args] = runtime.command;
      const script = `
      mount -t tmpfs -o size=100k none "$1" && shift
      "$@"; echo "status $?"
      cd ${partials()} && for f in *; do echo "partial $f $(stat -c %s "$f")"; done
      mount -o remount,size=2m ${data()}
      "$@"; echo "status $?"
      ls ${blobs()}`;
      const words = ['--log-format', 'json', 'image', 'pull', '--quiet', name()];
      const child = spawn('unshare', ['-m', 'sh', '-c', script, 'sh', data(), file, ...args, ...words], {
        env: environment(),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const { stdout, error } = await endOf(child);
      const partial = Number(new RegExp(`^partial ${hexOf(high.digest)} (\\d+)$`, 'm').exec(stdout)?.[1]);
      expect(partial).toBeGreaterThan(0);
      expect(error).toMatchObject({
        code: 'image.disk-full',
        msg: `tsubo image pull failed: no space left on the device of ${partials()}/${hexOf(high.digest)}: blob ${hexOf(high.digest).slice(0, 12)} needs ${high.bytes.length - partial} more bytes`,
        hint: 'make space (tsubo image prune), and pull again: the received part is kept',
      });
      expect(stdout.match(/^status \d+$/gm)).toEqual(['status 1', 'status 0']);
      expect(registry.blobRequests(high.digest).map(({ headers }) => headers.range)).toEqual([
        undefined,
        `bytes=${partial}-`,
      ]);
      expect(stdout).toContain(`\n${hexOf(high.digest)}\n`);
    },
  );

  test('an image that a container uses is not removed, and shared layers stay', async () => {
    const upper = makeImage({ layers: [...layers, layerOf({ three: '3' })] });
    registry.add('web', 'v2', upper);
    await must('image', 'pull', name());
    await must('image', 'pull', `${registry.host}/web:v2`);
    const container = join(data(), 'containers', 'ef'.repeat(32));
    mkdirSync(container, { recursive: true });
    writeFileSync(
      join(container, 'container.json'),
      JSON.stringify({ imageId: upper.blobs[0]?.digest, layers: [], note: 'a "b"' }),
    );
    const refused = await tsubo('image', 'rm', `${registry.host}/web:v2`);
    expect(refused.status).toBe(1);
    expect(refused.error).toMatchObject({
      code: 'image.in-use',
      msg: expect.stringContaining('container efefefefefef uses image'),
    });
    expect(await must('image', 'rm', name())).toBe(`Untagged: ${name()}\nDeleted: ${config.digest}\n`);
    expect(existsSync(join(blobs(), hexOf(low.digest)))).toBe(true);
    rmSync(container, { recursive: true });
    expect(await must('image', 'rm', hexOf(upper.blobs[0]?.digest ?? '').slice(0, 8))).toMatch(
      /^Untagged: \S+:v2\n(Deleted: sha256:[0-9a-f]{64}\n){4}$/,
    );
    expect(readdirSync(blobs())).toEqual([]);
  });

  test('an invalid name is refused before the data directory is made', async () => {
    const { status, error } = await tsubo('image', 'pull', 'Web');
    expect(status).toBe(1);
    expect(error).toMatchObject({
      code: 'image.reference',
      hint: 'names of repositories are in lower case: web',
    });
    expect(existsSync(data())).toBe(false);
  });

  test('a manifest of the first schema is refused', async () => {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 1, name: 'web', tag: 'old' }));
    const mediaType = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
    registry.addManifest('web', 'old', { digest: sha256(bytes), bytes, mediaType });
    expect((await tsubo('image', 'pull', `${registry.host}/web:old`)).error).toMatchObject({
      code: 'image.unsupported',
      msg: `tsubo image pull failed: unable to use the manifest of ${registry.host}/web:old: its schemaVersion is 1, not 2`,
    });
  });

  test('login checks the credentials before it stores them, and logout removes them', async () => {
    requireHeader(basic('me:secret'), 'Basic realm="test"');
    const log = async (password: string) => {
      const { child, done } = start(['login', '-u', 'me', '--password-stdin', registry.host]);
      child.stdin?.end(`${password}\n`);
      return done;
    };
    const file = join(directory, '.docker/config.json');
    const wrong = await log('wrong');
    expect(wrong).toMatchObject({ status: 1, stdout: '', error: { code: 'registry.unauthorized' } });
    expect(existsSync(file)).toBe(false);
    const right = await log('secret');
    expect(right).toMatchObject({ status: 0, stdout: 'Login Succeeded\n' });
    expect(right.stderr).toContain(`stored unencrypted in ${file}`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await must('image', 'pull', name());
    expect(await must('logout', registry.host)).toBe(`Removing login credentials for ${registry.host}\n`);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ auths: {} });
    expect(await must('logout', registry.host)).toBe(`Not logged in to ${registry.host}\n`);
  });

  test('the hint contains the command of skopeo if there is no Node', async context => {
    context.skip(host !== 'standalone', 'this host is Node');
    mkdirSync(join(directory, 'bin'));
    symlinkSync('/bin/true', join(directory, 'bin/true'));
    const { done } = start(['image', 'pull', 'busybox'], { PATH: join(directory, 'bin') });
    expect((await done).error).toMatchObject({
      code: 'image.no-node',
      msg: 'tsubo image pull failed: access to registries needs Node, and there is no node in PATH',
      hint: `install Node 20 or later, and the npm package of tsubo, or use skopeo: skopeo copy docker://docker.io/library/busybox:latest oci:${data()}/images:docker.io/library/busybox:latest`,
    });
  });
});
