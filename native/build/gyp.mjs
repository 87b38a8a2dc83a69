// SPDX-License-Identifier: Apache-2.0
// Reads targets of binding.gyp for builds without node-gyp: sources and flags are defined only there.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, top } from './stage.mjs';

/**
 * @typedef {object} Target
 * @property {string[]} sources below the checkout
 * @property {string[]} compile flags for C++
 * @property {string[]} link
 */

/** @returns {any} binding.gyp, which is JSON except for its comments */
function parsed() {
  const text = readFileSync(join(top, 'binding.gyp'), 'utf8');
  return JSON.parse(text.replace(/^\s*#.*$/gm, ''));
}

/**
 * @param {string} name
 * @param {import('./toolchain.mjs').Arch} arch
 * @returns {Target}
 */
export function gypTarget(name, arch) {
  const { variables, target_defaults: defaults, targets } = parsed();
  const target = targets.find((/** @type {any} */ one) => one.target_name === name);
  if (target === undefined) throw new Failure(`binding.gyp has no target ${name}`);
  /** @param {string} key @returns {string[]} */
  const words = key =>
    [defaults, ...conditional(defaults, arch), target]
      .flatMap(one => one[key] ?? [])
      .flatMap(word => {
        const list = /^<@\((\w+)\)$/.exec(word)?.[1];
        return list === undefined ? [word] : variables[list];
      });
  return {
    // The caller builds generated sources.
    sources: words('sources').filter(path => !path.startsWith('<')),
    compile: [
      ...words('include_dirs')
        .filter(path => !path.startsWith('<'))
        .map(path => `-I${path}`),
      ...words('cflags'),
      ...words('cflags_cc'),
    ],
    link: words('ldflags'),
  };
}

/**
 * The hardening flags for sources that are in no target: the engine's.
 * @param {import('./toolchain.mjs').Arch} arch
 * @returns {string[]}
 */
export function gypHardening(arch) {
  const { variables, target_defaults: defaults } = parsed();
  return [...variables.hardening, ...conditional(defaults, arch).flatMap(({ cflags_cc }) => cflags_cc)];
}

/**
 * @param {any} defaults
 * @param {import('./toolchain.mjs').Arch} arch
 * @returns {any[]} the settings for this architecture alone
 */
function conditional({ conditions }, arch) {
  return conditions.flatMap((/** @type {[string, unknown]} */ [condition, then]) =>
    condition === `target_arch=='${arch}'` ? [then] : [],
  );
}
