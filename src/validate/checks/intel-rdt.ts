// SPDX-License-Identifier: Apache-2.0
import type { Check } from '../context.ts';

const spec = 'config-linux.md#intelrdt';

/** Directories of resctrl that are not classes of service. */
const reserved = ['.', '..', 'info', 'mon_data', 'mon_groups'];

export const checkIntelRdt: Check = context => {
  const rdt = context.config.linux?.intelRdt;
  if (rdt === undefined) return;
  const { closID = '', l3CacheSchema = '', memBwSchema = '', schemata = [] } = rdt;
  const problem = (name: string, message: string, value: string, hint: string): void =>
    context.problem({
      code: 'config.intel-rdt',
      message,
      pointer: `/linux/intelRdt/${name}`,
      value,
      hint,
      spec,
    });
  if (closID !== '/' && (reserved.includes(closID) || /[/\n]/.test(closID))) {
    const hint = 'use the name of a directory in resctrl, or / for the default class';
    problem('closID', `invalid intelRdt.ClosID ${JSON.stringify(closID)}`, closID, hint);
  }
  if (l3CacheSchema !== '' && !/^L3(CODE|DATA)?:/.test(l3CacheSchema)) {
    context.warn({
      code: 'config.intel-rdt',
      message: `intelRdt.l3CacheSchema ${JSON.stringify(l3CacheSchema)} should start with L3:`,
      pointer: '/linux/intelRdt/l3CacheSchema',
      value: l3CacheSchema,
      spec,
    });
  }
  if (memBwSchema !== '' && (!memBwSchema.startsWith('MB:') || memBwSchema.includes('\n'))) {
    const hint = 'use one line such as MB:0=20;1=70; other lines belong in schemata';
    const message = `intelRdt.memBwSchema ${JSON.stringify(memBwSchema)} must be one line that starts with MB:`;
    problem('memBwSchema', message, memBwSchema, hint);
  }
  for (const [index, line] of schemata.entries()) {
    if (!line.includes('\n')) continue;
    const message = `intelRdt.schemata ${JSON.stringify(line)} must be one line`;
    problem(`schemata/${index}`, message, line, 'write one entry for each line');
  }
};
