// SPDX-License-Identifier: Apache-2.0
import { refusalOf } from '../../errors/system.ts';
import type { Binding } from '../../host/binding.d.ts';

/** The name of a keeper among the processes. */
export const keeperName = 'tsubo:[keeper]';

export interface PortHolder {
  readonly pid: number;
  /** Name of the program. */
  readonly name: string;
}

/** State `listen` of TCP in /proc/net/tcp. */
const listening = '0A';

/** Returns the process that has a socket on this port; undefined if none can be found. Slow: only for an error. */
export function portHolder(binding: Binding, protocol: 'tcp' | 'udp', port: number): PortHolder | undefined {
  const inodes = socketsOn(binding, protocol, port);
  if (inodes.size === 0) return undefined;
  for (const entry of binding.readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    let found = false;
    // The process may end at any moment, or belong to another user.
    refusalOf(() => {
      for (const fd of binding.readdir(`/proc/${entry}/fd`)) {
        refusalOf(() => {
          const [, inode = ''] = /^socket:\[(\d+)\]$/.exec(binding.readlink(`/proc/${entry}/fd/${fd}`)) ?? [];
          found ||= inodes.has(inode);
        });
        if (found) return;
      }
    });
    if (found) {
      const name = binding.readTextIfThere(`/proc/${entry}/comm`)?.trim() ?? '';
      return { pid: Number(entry), name };
    }
  }
  return undefined;
}

function socketsOn(binding: Binding, protocol: 'tcp' | 'udp', port: number): Set<string> {
  const inodes = new Set<string>();
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const file of [protocol, `${protocol}6`]) {
    for (const line of (binding.readTextIfThere(`/proc/net/${file}`) ?? '').split('\n')) {
      const [, local = '', , state = '', , , , , , inode = '0'] = line.trim().split(/\s+/);
      if (local.endsWith(suffix) && (protocol === 'udp' || state === listening)) inodes.add(inode);
    }
  }
  inodes.delete('0');
  return inodes;
}
