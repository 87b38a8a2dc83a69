// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import { type AddressInfo, createServer as createListener } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { findProgram } from '../../native/build/programs.mjs';
import { tarOf } from './archive.ts';

export const sha256 = (bytes: string | Buffer) =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export interface TestBlob {
  readonly digest: string;
  readonly bytes: Buffer;
}

export interface RegistryImage {
  readonly mediaType: string;
  readonly manifest: TestBlob;
  /** The config first. */
  readonly blobs: readonly TestBlob[];
  readonly platform: { readonly os: string; readonly architecture: string; readonly variant?: string };
}

export interface ImageOptions {
  /** One tar for each layer, lowest first. */
  readonly layers: readonly Buffer[];
  readonly compression?: 'gzip' | 'zstd' | 'none';
  /** Docker's media types instead of OCI's. */
  readonly docker?: boolean;
  readonly platform?: RegistryImage['platform'];
  readonly config?: object;
}

/** This machine, with Go's name. */
export const machine = process.arch === 'x64' ? 'amd64' : process.arch;

export function makeImage({
  layers,
  compression = 'gzip',
  docker = false,
  platform = { os: 'linux', architecture: machine },
  config = { Cmd: ['/bin/sh'] },
}: ImageOptions): RegistryImage {
  const packed = layers.map(layer => blobOf(compressed(layer, compression)));
  const document = {
    ...platform,
    ...{ created: '2024-05-06T07:08:09Z', config, history: layers.map(() => ({ created_by: 'a test' })) },
    rootfs: { type: 'layers', diff_ids: layers.map(sha256) },
  };
  const configBlob = blobOf(JSON.stringify(document));
  const dockerLayer = 'application/vnd.docker.image.rootfs.diff.tar';
  const ociLayer = 'application/vnd.oci.image.layer.v1.tar';
  const suffix = compression === 'none' ? '' : docker ? `.${compression}` : `+${compression}`;
  const mediaType = docker
    ? 'application/vnd.docker.distribution.manifest.v2+json'
    : 'application/vnd.oci.image.manifest.v1+json';
  const describe = ({ digest, bytes }: TestBlob, type: string) => ({
    mediaType: type,
    digest,
    size: bytes.length,
  });
  const manifest = {
    ...{ schemaVersion: 2, mediaType },
    config: describe(
      configBlob,
      docker ? 'application/vnd.docker.container.image.v1+json' : 'application/vnd.oci.image.config.v1+json',
    ),
    layers: packed.map(blob => describe(blob, (docker ? dockerLayer : ociLayer) + suffix)),
  };
  return { mediaType, manifest: blobOf(JSON.stringify(manifest)), blobs: [configBlob, ...packed], platform };
}

function blobOf(content: string | Buffer): TestBlob {
  const bytes = Buffer.from(content);
  return { digest: sha256(bytes), bytes };
}

function compressed(plain: Buffer, how: 'gzip' | 'zstd' | 'none'): Buffer {
  if (how === 'none') return plain;
  if (how === 'gzip') return gzipSync(plain);
  const done = spawnSync(findProgram('zstd') ?? 'zstd', ['-q', '-c'], { input: plain, maxBuffer: 64 << 20 });
  if (done.status !== 0) throw new Error(`zstd: ${done.stderr}`);
  return done.stdout;
}

/** An index of images for several platforms. */
export function indexOf(
  images: readonly RegistryImage[],
  docker = false,
): TestBlob & { readonly mediaType: string } {
  const mediaType = docker
    ? 'application/vnd.docker.distribution.manifest.list.v2+json'
    : 'application/vnd.oci.image.index.v1+json';
  const manifests = images.map(image => ({
    mediaType: image.mediaType,
    digest: image.manifest.digest,
    size: image.manifest.bytes.length,
    platform: image.platform,
  }));
  return { mediaType, ...blobOf(JSON.stringify({ schemaVersion: 2, mediaType, manifests })) };
}

/** A layer with regular files, which all may execute. */
export function layerOf(files: Readonly<Record<string, string | Buffer>>): Buffer {
  return tarOf(Object.entries(files).map(([name, data]) => ({ name, data, mode: 0o755, time: 0 })));
}

/** Bytes that do not compress, the same in every run. */
export function noise(length: number, seed = 'noise'): Buffer {
  const pieces: Buffer[] = [];
  for (let count = 0; count * 32 < length; count++) {
    pieces.push(createHash('sha256').update(`${seed} ${count}`).digest());
  }
  return Buffer.concat(pieces).subarray(0, length);
}

export interface LoggedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly at: number;
}

/** A registry on loopback that answers wrongly on purpose. */
export class FakeRegistry {
  readonly log: LoggedRequest[] = [];
  /** Called first; returns true if it has answered, or will answer. */
  answer: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  readonly #server;
  #manifests = new Map<string, { type: string; bytes: Buffer }>();
  #blobs = new Map<string, Buffer>();

  /** @param tls - certificate and key; undefined for HTTP */
  constructor(tls?: ServerOptions) {
    const serve = (request: IncomingMessage, response: ServerResponse) => this.#serve(request, response);
    this.#server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  }

  async open(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  add(repository: string, tag: string, image: RegistryImage): void {
    this.addManifest(repository, tag, { ...image.manifest, mediaType: image.mediaType });
    for (const { digest, bytes } of image.blobs) this.#blobs.set(digest, bytes);
  }

  addManifest(
    repository: string,
    tag: string,
    { digest, bytes, mediaType }: TestBlob & { mediaType: string },
  ): void {
    for (const selector of [tag, digest]) {
      this.#manifests.set(`/v2/${repository}/manifests/${selector}`, { type: mediaType, bytes });
    }
  }

  /** Requests for a blob, oldest first. */
  blobRequests(digest: string): LoggedRequest[] {
    return this.log.filter(({ path }) => path.endsWith(`/blobs/${digest}`));
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '', headers } = request;
    this.log.push({ method, path: url, headers, at: Date.now() });
    if (this.answer(request, response)) return;
    this.serve(request, response);
  }

  /** The right answer. */
  serve({ url = '', headers }: IncomingMessage, response: ServerResponse): void {
    if (url === '/v2/') return void response.end('{}');
    const manifest = this.#manifests.get(url);
    if (manifest !== undefined) {
      response.setHeader('content-type', manifest.type);
      return void response.end(manifest.bytes);
    }
    const blob = this.#blobs.get(url.replace(/^.*\/blobs\//, ''));
    if (blob === undefined) {
      response.statusCode = 404;
      return void response.end(
        JSON.stringify({ errors: [{ code: 'UNKNOWN', message: 'unknown to this registry' }] }),
      );
    }
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    if (headers.range !== undefined) {
      response.statusCode = 206;
      response.setHeader('content-range', `bytes ${from}-${blob.length - 1}/${blob.length}`);
    }
    response.setHeader('content-length', blob.length - from);
    response.end(blob.subarray(from));
  }
}

/** Debian's docker-registry on loopback. */
export class RealRegistry {
  #child: ChildProcess | undefined;
  #directory = '';
  host = '';

  async open(): Promise<void> {
    this.#directory = mkdtempSync(join(tmpdir(), 'registry-'));
    const port = await freePort();
    this.host = `127.0.0.1:${port}`;
    const config = {
      version: 0.1,
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: this.#directory } },
      http: { addr: this.host },
    };
    const file = join(this.#directory, 'config.yml');
    // JSON is YAML, except for the type of the version.
    writeFileSync(file, JSON.stringify(config));
    this.#child = spawn(findProgram('docker-registry') ?? 'docker-registry', ['serve', file], {
      stdio: 'ignore',
    });
    for (;;) {
      if (this.#child.exitCode !== null)
        throw new Error(`docker-registry ended with ${this.#child.exitCode}`);
      const reply = await fetch(`http://${this.host}/v2/`).catch(() => undefined);
      if (reply?.ok) return;
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }

  async close(): Promise<void> {
    if (this.#child !== undefined && this.#child.exitCode === null) {
      this.#child.kill('SIGKILL');
      await once(this.#child, 'exit');
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async push(repository: string, tag: string, image: RegistryImage): Promise<void> {
    for (const { digest, bytes } of image.blobs) {
      const begun = await fetch(`http://${this.host}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
      const place = new URL(begun.headers.get('location') ?? '', `http://${this.host}`);
      place.searchParams.set('digest', digest);
      await must(place, bytes, 'application/octet-stream');
    }
    await this.pushManifest(repository, tag, { ...image.manifest, mediaType: image.mediaType });
  }

  async pushManifest(
    repository: string,
    tag: string,
    { bytes, mediaType }: TestBlob & { mediaType: string },
  ): Promise<void> {
    await must(new URL(`http://${this.host}/v2/${repository}/manifests/${tag}`), bytes, mediaType);
  }
}

async function must(url: URL, bytes: Buffer, type: string): Promise<void> {
  const reply = await fetch(url, {
    method: 'PUT',
    body: new Uint8Array(bytes),
    headers: { 'content-type': type },
  });
  if (!reply.ok) throw new Error(`${url}: ${reply.status} ${await reply.text()}`);
}

async function freePort(): Promise<number> {
  const listener = createListener();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, 'close');
  return port;
}
