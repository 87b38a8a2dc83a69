// SPDX-License-Identifier: Apache-2.0
import { bytesOf, formatAddress } from '../../network/cidr.ts';
import { type PublishedPorts, publishedText } from '../../network/publish.ts';
import type { Weakness } from './weakness.ts';

/** Returns the ports that other machines can reach. `document` is the origin of the port. */
export function publishedWeaknesses(ports: readonly PublishedPorts[]): Weakness[] {
  return ports.flatMap(published => {
    const { address, origin = '--publish' } = published;
    if (address !== undefined && isLoopback(address)) return [];
    const everywhere = address === undefined || address.value === 0n;
    const text = publishedText(published);
    const where = everywhere ? 'all addresses of the host' : formatAddress(address);
    return {
      code: 'isolation.published',
      message: `${text} can be reached from outside: it is published on ${where}`,
      pointer: '',
      document: origin,
      why: 'other machines reach the program, and rules for packets to the host itself (ufw, chain INPUT) do not apply to it',
      hint: 'publish it on 127.0.0.1 if only this host uses it, or add rules to the chain user of table inet tsubo',
    };
  });
}

function isLoopback(address: NonNullable<PublishedPorts['address']>): boolean {
  return address.family === 4 ? bytesOf(address)[0] === 127 : address.value === 1n;
}
