// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const format = '%n\\t%F\\t%a\\t%u:%g\\t%s\\t%.9Y\\t%t:%T\\t%h\\t%N\\n';

/**
 * Type, mode, owner, size, time, device, number of links, target and checksum of every file below a directory, by its
 * path. With `lowers`, the directory shows an overlay of them, the uppermost first, in a mount namespace of its own.
 */
export function treeState(directory: string, lowers: readonly string[] = []): Record<string, string> {
  const mount = `mount -t overlay overlay -o ro,lowerdir=${lowers.join(':')} .; cd "$PWD";`;
  const script = [
    `set -e; ${lowers.length > 0 ? mount : ''}`,
    `find . -exec stat --printf '${format}' {} +; echo; find . -type f -size -16M -exec cksum {} +`,
  ].join(' ');
  const text = execFileSync(
    lowers.length > 0 ? 'unshare' : 'env',
    [...(lowers.length > 0 ? ['-m'] : []), ...['sh', '-c', script]],
    {
      cwd: directory,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
      maxBuffer: 1 << 28,
    },
  );
  const [rows = '', sums = ''] = text.split('\n\n');
  const checksums = new Map(
    [...sums.matchAll(/^(\d+) \d+ (.+)$/gm)].map(([, sum = '', name = '']) => [name, sum]),
  );
  return Object.fromEntries(
    rows
      .split('\n')
      .filter(row => row !== '')
      .map(row => {
        const [name = '', kind = '', mode, owner, size, time, device, links, named = ''] = row.split('\t');
        // Sizes and numbers of links of directories depend on the file system.
        const target = kind === 'symbolic link' ? named.replace(/^.* -> /, '') : (checksums.get(name) ?? '');
        const rest = kind === 'directory' ? '' : ` ${size} ${links} ${device} ${target}`;
        return [name, `${kind} ${mode} ${owner} ${time}${rest}`];
      }),
  );
}

/** The extended attributes of a file, as GNU tar writes them. */
export function attributesOf(directory: string, name: string): Record<string, string> {
  const options = ['--format=pax', '--xattrs', '--xattrs-include=*', '--no-recursion', '-cf', '-'];
  const archive = execFileSync('tar', [...options, '-C', directory, name], { maxBuffer: 1 << 28 }).toString(
    'latin1',
  );
  const found = archive.matchAll(/(\d+) SCHILY\.xattr\.([^=]+)=/g);
  return Object.fromEntries(
    [...found].map(match => {
      const [whole, length = '', key = ''] = match;
      const begin = match.index + whole.length;
      const size = Number(length) - whole.length - 1;
      return [key, archive.slice(begin, begin + size)];
    }),
  );
}

/** An OCI layout with one image of these uncompressed layers, and the reference `image`. */
export function layoutOf(directory: string, layers: readonly Buffer[]): void {
  mkdirSync(join(directory, 'blobs/sha256'), { recursive: true });
  const add = (content: string | Buffer, mediaType: string) => {
    const hex = createHash('sha256').update(content).digest('hex');
    writeFileSync(join(directory, 'blobs/sha256', hex), content);
    return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(content) };
  };
  const added = layers.map(layer => add(layer, 'application/vnd.oci.image.layer.v1.tar'));
  const config = add(
    JSON.stringify({
      created: '2024-01-01T00:00:00Z',
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: added.map(({ digest }) => digest) },
    }),
    'application/vnd.oci.image.config.v1+json',
  );
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = add(JSON.stringify({ schemaVersion: 2, mediaType, config, layers: added }), mediaType);
  const named = { ...manifest, annotations: { 'org.opencontainers.image.ref.name': 'image' } };
  writeFileSync(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [named] }));
}
