// SPDX-License-Identifier: Apache-2.0
import { utf8 } from '../host/utf8.ts';
import { sha256 } from './sha256.ts';

const prefix = 'sha256:';

/** Returns true for `sha256:` and 64 hexadecimal digits, the only kind of digest that registries use. */
export function isDigest(text: string): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

/** Returns the hexadecimal digits of a digest, which are the name of its file. */
export function hexOf(digest: string): string {
  return digest.slice(prefix.length);
}

export function digestOfHex(hex: string): string {
  return prefix + hex;
}

/** Returns the digest of a document. */
export function digestOfText(text: string): string {
  return prefix + sha256(utf8(text));
}

/** Returns the chain id of each layer, lowest first. It identifies the layer together with all layers below it. */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const parent = chain.at(-1);
    chain.push(parent === undefined ? diffId : digestOfText(`${parent} ${diffId}`));
  }
  return chain;
}
