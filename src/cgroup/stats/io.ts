// SPDX-License-Identifier: Apache-2.0

import type { Binding } from '../../host/binding.d.ts';
import { lookUp } from '../../oci/look-up.ts';
import type { BlkioEntry, BlkioStats } from '../../oci/stats.ts';
import { fileText, integer, linesOf, nonzero, parse } from './files.ts';
import { pressure } from './pressure.ts';

type Table = 'ioServiceBytesRecursive' | 'ioServicedRecursive';

/** The table and operation for a key of io.stat; the tables of cgroup version 1 have no place for the other keys. */
const places: Readonly<Record<string, readonly [table: Table, op: BlkioEntry['op']]>> = {
  rbytes: ['ioServiceBytesRecursive', 'Read'],
  wbytes: ['ioServiceBytesRecursive', 'Write'],
  rios: ['ioServicedRecursive', 'Read'],
  wios: ['ioServicedRecursive', 'Write'],
};

/** io.stat: `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0`. */
export function ioStats(binding: Binding, cgroup: string): BlkioStats {
  const tables: { [Name in Table]?: BlkioEntry[] } = {};
  for (const line of linesOf(fileText(binding, cgroup, 'io.stat'))) {
    const [device = '', ...fields] = line.split(' ');
    const [, major = '', minor = ''] = /^(\d+):(\d+)$/.exec(device) ?? [];
    if (major === '') continue;
    for (const field of fields) {
      const [key = '', text = ''] = field.split('=');
      const [table, op] = lookUp(places, key) ?? [];
      if (table === undefined || op === undefined) continue;
      const value = integer(parse(text));
      tables[table] ??= [];
      tables[table].push({
        ...nonzero({ major: Number(major), minor: Number(minor) }),
        op,
        ...nonzero({ value }),
      });
    }
  }
  return { ...tables, ...pressure(binding, cgroup, 'io.pressure') };
}
