// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { top } from '../native/build/stage.mjs';

/**
 * Bundles a program in TypeScript and its modules for this Node.
 *
 * @param {string} entry below the checkout
 * @param {string} into the directory of the bundle, below the checkout
 * @returns {Promise<string>} a URL to import
 */
export async function bundled(entry, into) {
  const { build: esbuild } = await import('esbuild');
  const outfile = join(top, into, 'main.mjs');
  await esbuild({
    absWorkingDir: top,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // It requires modules of Node, which a bundle of this format cannot.
    external: ['commander'],
    logLevel: 'warning',
  });
  return pathToFileURL(outfile).href;
}
