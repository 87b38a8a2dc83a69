// SPDX-License-Identifier: Apache-2.0
/**
 * Returns the hosts file of a container with these names. Without a known address, they are names of the container's
 * own loopback interface, as in Debian.
 *
 * @param others - whole lines for other containers
 */
export function hostsFile(
  addresses: readonly string[],
  names: readonly string[],
  others: readonly string[] = [],
): string {
  const own = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    ...(addresses.length === 0 ? ['127.0.1.1'] : addresses).map(address => `${address}\t${names.join(' ')}`),
    '',
  ].join('\n');
  return own + others.join('');
}

/** The end of each line that the runtime has written for another container of a network. */
export const endOfLines = (network: string) => `\t# network ${network}`;

export const startOfLine = (address: string) => `${address}\t`;

/** Returns the line for another container of a network. */
export function otherLine(network: string, address: string, names: readonly string[]): string {
  return `${startOfLine(address)}${names.join(' ')}${endOfLines(network)}\n`;
}

/**
 * Returns the names that the hosts files of other containers may contain: a host name is any text, and must not add
 * lines to them or replace `localhost`.
 */
export function sharedNames(names: readonly string[]): string[] {
  return names.filter(name => /^[a-zA-Z0-9][\w.+-]{0,252}$/.test(name) && !/^localhost\b/i.test(name));
}
