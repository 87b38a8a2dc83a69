// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { hostBusybox } from './sandbox.ts';

/** An image of one layer with busybox and some files. */
export interface TestImage {
  readonly config?: Readonly<Record<string, unknown>>;
  /** Text by path. */
  readonly files?: Readonly<Record<string, string>>;
  /** Targets of symbolic links by path. */
  readonly links?: Readonly<Record<string, string>>;
  readonly architecture?: string;
}

const applets = (
  'adduser cat chmod chown date dd echo env false getfattr grep head hostname httpd id kill ls mkdir mount ps pwd rm sh ' +
  'sleep stat stty tail test touch trap true umount uname wc wget which yes'
).split(' ');

const users = {
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nwww:x:33:33:web:/srv:/bin/sh\n',
  'etc/group': 'root:x:0:\naudio:x:29:www\nwww:x:33:\n',
};

/** Writes an image with its unpacked layer into the store in `data`, without tsubo. */
export function writeImage(
  data: string,
  name: string,
  { config = {}, files = {}, links = {}, architecture }: TestImage,
): string {
  const tree = join(data, `.image-${name.replace(/[/:]/g, '-')}`);
  mkdirSync(join(tree, 'bin'), { recursive: true });
  for (const directory of ['etc', 'root', 'tmp', 'srv', 'proc', 'sys', 'dev']) {
    mkdirSync(join(tree, directory), { recursive: true });
  }
  copyFileSync(hostBusybox, join(tree, 'bin/busybox'));
  for (const applet of applets) symlinkSync('busybox', join(tree, 'bin', applet));
  for (const [path, text] of Object.entries({ ...users, ...files })) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  for (const [path, target] of Object.entries(links)) {
    rmSync(join(tree, path), { force: true });
    symlinkSync(target, join(tree, path));
  }
  const archive = `${tree}.tar`;
  execFileSync('tar', [
    // Equal trees are one layer.
    '--mtime=@0',
    '--sort=name',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '-C',
    tree,
    '-cf',
    archive,
    '.',
  ]);
  const layer = readFileSync(archive);
  const diffId = sha256(layer);
  const layers = join(data, 'layers', diffId);
  mkdirSync(layers, { recursive: true });
  if (existsSync(join(layers, 'tree'))) rmSync(tree, { recursive: true });
  else execFileSync('mv', [tree, join(layers, 'tree')]);
  writeFileSync(
    join(layers, 'layer.json'),
    JSON.stringify({ diffId: `sha256:${diffId}`, size: statSync(archive).size, entries: 0 }),
  );
  const images = join(data, 'images');
  const blobs = join(images, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const blob = (content: Buffer | string): { digest: string; size: number } => {
    const bytes = Buffer.from(content);
    writeFileSync(join(blobs, sha256(bytes)), bytes);
    return { digest: `sha256:${sha256(bytes)}`, size: bytes.length };
  };
  const type = 'application/vnd.oci.image.';
  const document = {
    created: '2026-01-01T00:00:00Z',
    architecture: architecture ?? (process.arch === 'x64' ? 'amd64' : process.arch),
    os: 'linux',
    config: { Cmd: ['/bin/sh'], Env: ['PATH=/usr/bin:/bin'], ...config },
    rootfs: { type: 'layers', diff_ids: [`sha256:${diffId}`] },
  };
  const descriptor = blob(JSON.stringify(document));
  const manifest = blob(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${type}manifest.v1+json`,
      config: { mediaType: `${type}config.v1+json`, ...descriptor },
      layers: [{ mediaType: `${type}layer.v1.tar`, ...blob(layer) }],
    }),
  );
  const index = join(images, 'index.json');
  const known = readIndex(index);
  const entry = {
    mediaType: `${type}manifest.v1+json`,
    ...manifest,
    annotations: { 'org.opencontainers.image.ref.name': `docker.io/library/${name}` },
  };
  writeFileSync(join(images, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}\n');
  writeFileSync(
    index,
    JSON.stringify({ schemaVersion: 2, mediaType: `${type}index.v1+json`, manifests: [...known, entry] }),
  );
  return descriptor.digest;
}

function readIndex(path: string): unknown[] {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { manifests: unknown[] }).manifests;
  } catch {
    return [];
  }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
