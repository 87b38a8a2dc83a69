// SPDX-License-Identifier: Apache-2.0
import { utf8Length } from '../host/utf8.ts';

/**
 * The hosts file of a container with these names. Without a known address, they are names of the container's own
 * loopback interface, as in Debian.
 */
export function hostsFile(addresses: readonly string[], names: readonly string[]): string {
  return [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    ...(addresses.length === 0 ? ['127.0.1.1'] : addresses).map(address => `${address}\t${names.join(' ')}`),
    '',
  ].join('\n');
}

const markOf = (network: string) => `\t# network ${network}`;

/** The line for another container of a network. */
export function otherLine(network: string, address: string, names: readonly string[]): string {
  return `${address}\t${names.join(' ')}${markOf(network)}`;
}

/**
 * The text with these lines in the place of the earlier ones of the network. Other lines stay, also those of the
 * container itself. The result is never shorter than `text`: it is written over the file without truncating it, because
 * a reader must not find the file empty.
 */
export function withOtherLines(text: string, network: string, lines: readonly string[]): string {
  const mark = markOf(network);
  const own = text.split('\n').filter(line => !line.endsWith(mark));
  while (own.at(-1) === '') own.pop();
  const made = [...own, ...lines, ''].join('\n');
  return made + '\n'.repeat(Math.max(0, utf8Length(text) - utf8Length(made)));
}

/**
 * Names that the hosts files of other containers may contain: a host name is any text, and must not add lines to them or
 * replace `localhost`.
 */
export function sharedNames(names: readonly string[]): string[] {
  return names.filter(name => /^[a-zA-Z0-9][\w.+-]{0,252}$/.test(name) && !/^localhost\b/i.test(name));
}
