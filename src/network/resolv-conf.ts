// SPDX-License-Identifier: Apache-2.0
import { parseAddress } from './cidr.ts';

/** The file of systemd-resolved with the name servers to which its own server on 127.0.0.53 forwards. */
export const resolvedServers = '/run/systemd/resolve/resolv.conf';

/** Requested contents of a resolv.conf. A list that is absent is taken from the host's file. */
export interface DnsSettings {
  /** Addresses of name servers. */
  readonly servers?: readonly string[];
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

/** Returns the resolv.conf with the requested lists in the place of those of `text`. */
export function requestedResolvConf(text: string, { servers, search, options }: DnsSettings): string {
  const replaced = new Set([
    ...(servers === undefined ? [] : ['nameserver']),
    // The resolver uses only the last of `domain` and `search`: replace both.
    ...(search === undefined ? [] : ['search', 'domain']),
    ...(options === undefined ? [] : ['options']),
  ]);
  const kept = text
    .split('\n')
    .filter(line => line !== '' && !replaced.has(line.trim().split(/\s/)[0] ?? ''));
  const list = (keyword: string, words: readonly string[] = []) =>
    words.length === 0 ? [] : [`${keyword} ${words.join(' ')}`];
  const lines = [
    ...(servers ?? []).map(server => `nameserver ${server}`),
    ...list('search', search),
    ...list('options', options),
    ...kept,
    '',
  ];
  return lines.join('\n');
}

/**
 * Returns the resolv.conf of a container: that of the host without name servers on loopback addresses, because the
 * container has its own loopback interface. Undefined if no name server remains; the caller then tries another file, or
 * warns.
 */
export function containerResolvConf(text: string, options: { readonly ipv6: boolean }): string | undefined {
  let servers = 0;
  const lines = text.split('\n').filter(line => {
    const [, server] = /^\s*nameserver\s+(\S+)/.exec(line) ?? [];
    if (server === undefined) return !/^\s*([#;]|$)/.test(line);
    const usable = isUsable(server, options.ipv6);
    if (usable) servers++;
    return usable;
  });
  return servers === 0 ? undefined : `${lines.join('\n')}\n`;
}

/** An address of one interface (`fe80::1%eth0`) has no meaning in the container. */
function isUsable(server: string, ipv6: boolean): boolean {
  const address = parseAddress(server);
  if (address === undefined) return false;
  if (address.family === 4) return address.value >> 24n !== 127n && address.value !== 0n;
  return ipv6 && address.value > 1n && address.value >> 118n !== 0xfe80n >> 6n;
}
