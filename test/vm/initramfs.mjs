// SPDX-License-Identifier: Apache-2.0
// The initial file system, as a cpio archive: busybox, the modules that the disks need, and the files of one run.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Drivers of the disks and ports, and overlayfs. A built-in driver has no file and is skipped. */
const wanted = [
  ...['virtio_pci', 'virtio_blk', 'virtio_console', 'virtio_rng', 'ext4', 'overlay', 'fuse', 'bfq'],
];

/**
 * The files of the wanted modules, each after its dependencies.
 * @param {string} directory of all modules
 * @returns {string[]}
 */
export function modulesToLoad(directory) {
  /** @type {Map<string, string>} */
  const files = new Map();
  for (const path of readdirSync(directory, { recursive: true })) {
    const file = join(directory, String(path));
    if (file.endsWith('.ko')) files.set(nameOf(file), file);
  }
  /** @type {Set<string>} */
  const order = new Set();
  /** @param {string} name */
  const add = name => {
    const file = files.get(name);
    if (file === undefined || order.has(file)) return;
    for (const dependency of dependenciesOf(file)) add(dependency);
    order.add(file);
  };
  wanted.forEach(add);
  return [...order];
}

/** @param {string} file */
function nameOf(file) {
  return basename(file, '.ko').replaceAll('-', '_');
}

/**
 * The dependencies from the section .modinfo of the module.
 * @param {string} file
 */
function dependenciesOf(file) {
  const text = readFileSync(file, 'latin1');
  const list = /\0depends=([\w,-]*)\0/.exec(text)?.[1] ?? '';
  return list === '' ? [] : list.split(',').map(name => name.replaceAll('-', '_'));
}

/**
 * @typedef {string | { readonly copyOf: string }} Content
 */

/**
 * A cpio archive in the format of the kernel (newc), owned by root.
 * @param {Readonly<Record<string, Content>>} files path without a leading slash to the content or a file to copy; all are executable
 * @returns {Buffer}
 */
export function archive(files) {
  /** @type {Buffer[]} */
  const parts = [];
  /** @type {Set<string>} */
  const made = new Set();
  let inode = 1;
  /** @param {string} name @param {number} mode @param {Buffer} content */
  const add = (name, mode, content) => {
    const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0];
    inode += 1;
    const numbers = fields.map(field => field.toString(16).padStart(8, '0')).join('');
    parts.push(padded(Buffer.from(`070701${numbers}${name}\0`)), padded(content));
  };
  for (const [path, content] of Object.entries(files)) {
    const steps = path.split('/');
    for (let depth = 1; depth < steps.length; depth++) {
      const directory = steps.slice(0, depth).join('/');
      if (!made.has(directory)) add(directory, 0o040755, Buffer.alloc(0));
      made.add(directory);
    }
    add(path, 0o100755, typeof content === 'string' ? Buffer.from(content) : readFileSync(content.copyOf));
  }
  add('TRAILER!!!', 0, Buffer.alloc(0));
  return Buffer.concat(parts);
}

/** @param {Buffer} bytes */
function padded(bytes) {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
