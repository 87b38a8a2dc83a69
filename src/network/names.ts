// SPDX-License-Identifier: Apache-2.0

/** Name of the network that is made on first use. */
export const defaultNetwork = 'default';

/** Longest name of a network interface: IFNAMSIZ without the NUL. */
const longestInterface = 15;

/** Names of networks are names of files, too. */
export function isNetworkName(name: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/.test(name);
}

/** The kernel refuses `.`, `..`, `/`, `:` and blanks in names of interfaces. */
export function isInterfaceName(name: string): boolean {
  return name.length <= longestInterface && /^[a-zA-Z0-9_.-]+$/.test(name) && !/^\.{1,2}$/.test(name);
}

/** Parses `02:42:0a:3f:00:07` as bytes; undefined for any other text and for a multicast address. */
export function parseMac(text: string): number[] | undefined {
  if (!/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text)) return undefined;
  const bytes = text.split(':').map(byte => Number.parseInt(byte, 16));
  return ((bytes[0] ?? 0) & 1) === 0 ? bytes : undefined;
}

export function formatMac(bytes: readonly number[]): string {
  return bytes.map(byte => byte.toString(16).padStart(2, '0')).join(':');
}
