// SPDX-License-Identifier: Apache-2.0

/** The hosts file of a container with these names. */
export function hostsFile(addresses: readonly string[], names: readonly string[]): string {
  return [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    ...addresses.map(address => `${address}\t${names.join(' ')}`),
    '',
  ].join('\n');
}
