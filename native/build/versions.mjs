// SPDX-License-Identifier: Apache-2.0
// The versions of QuickJS-NG and musl with which the tree is tested: native/standalone/versions.json. A digest over the
// files that are compiled or linked identifies each, independent of the package or archive.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { top } from './stage.mjs';

/**
 * @typedef {object} Version
 * @property {string} version as the upstream project names it
 * @property {Readonly<Record<string, string>>} sha256 one digest, or one for each architecture
 */

/** @returns {Readonly<Record<'quickjs-ng' | 'musl', readonly Version[]>>} */
function knownVersions() {
  return JSON.parse(readFileSync(join(top, 'native/standalone/versions.json'), 'utf8'));
}

/**
 * The version with this digest, or undefined if the tree has not been tested with it.
 * @param {'quickjs-ng' | 'musl'} name
 * @param {string} kind the architecture, or `sources`
 * @param {string} sha256
 */
export function knownVersion(name, kind, sha256) {
  return knownVersions()[name].find(known => known.sha256[kind] === sha256)?.version;
}

/** @param {'quickjs-ng' | 'musl'} name */
export function namesOfKnown(name) {
  return knownVersions()
    [name].map(({ version }) => version)
    .join(' or ');
}

/**
 * One digest over files, each with its name.
 * @param {(readonly [directory: string, names: readonly string[]])[]} directories
 */
export function digestOf(...directories) {
  const hash = createHash('sha256');
  for (const [directory, names] of directories) {
    for (const name of names) {
      const contents = readFileSync(join(directory, name));
      hash.update(`${name}\0${contents.length}\0`).update(contents);
    }
  }
  return hash.digest('hex');
}
