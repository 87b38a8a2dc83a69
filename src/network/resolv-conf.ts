// SPDX-License-Identifier: Apache-2.0
import { parseAddress } from './cidr.ts';

/** The file of systemd-resolved with the name servers to which its own server on 127.0.0.53 forwards. */
export const resolvedServers = '/run/systemd/resolve/resolv.conf';

/**
 * The resolv.conf of a container: that of the host without name servers on loopback addresses, because the container has
 * its own loopback interface. Undefined if no name server remains; the caller then tries another file, or warns.
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
