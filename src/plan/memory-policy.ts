// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import type { Linux } from '../oci/config.ts';
import { parseNumberList } from '../oci/number-list.ts';
import type { Step } from '../wire/steps.ts';
import type { Facility } from './facility.ts';

/** linux/mempolicy.h */
const modes = {
  MPOL_DEFAULT: 0,
  MPOL_PREFERRED: 1,
  MPOL_BIND: 2,
  MPOL_INTERLEAVE: 3,
  MPOL_LOCAL: 4,
  MPOL_PREFERRED_MANY: 5,
  MPOL_WEIGHTED_INTERLEAVE: 6,
} as const;
const flagBits = {
  MPOL_F_NUMA_BALANCING: 1 << 13,
  MPOL_F_RELATIVE_NODES: 1 << 14,
  MPOL_F_STATIC_NODES: 1 << 15,
} as const;

/** linux.memoryPolicy, which applies to every process of the container. */
export function memoryPolicySteps({ memoryPolicy }: Linux): Step[] {
  if (memoryPolicy?.mode === undefined) return [];
  let mode: number = modes[memoryPolicy.mode];
  for (const flag of memoryPolicy.flags ?? []) mode |= flagBits[flag];
  const list = parseNumberList(memoryPolicy.nodes ?? '');
  const nodes = typeof list === 'string' ? [] : list.words;
  return [{ op: 'setMemoryPolicy', origin: '/linux/memoryPolicy', mode, nodes }];
}

/** `MPOL_BIND|MPOL_F_STATIC_NODES`. */
function memoryPolicyText(value: number | bigint): string {
  const number = Number(value);
  const mode = Object.entries(modes).find(([, code]) => code === (number & 0xff))?.[0] ?? `${number & 0xff}`;
  const flags = Object.entries(flagBits).filter(([, bit]) => (number & bit) !== 0);
  return [mode, ...flags.map(([name]) => name)].join('|');
}

const steps = {
  /** set_mempolicy(2): MPOL_* with MPOL_F_*, and the words of the node mask. */
  setMemoryPolicy: { mode: 'number', nodes: 'numbers' },
} as const;

/** The NUMA memory policy. */
export const memoryPolicyFacility: Facility<typeof steps> = {
  steps,
  explain: {
    setMemoryPolicy: (_, { text, stepText }) => ({
      code: 'container.memory-policy',
      message: `set_mempolicy: ${text}`,
      value: stepText(),
    }),
  },
  hints: () => ({
    setMemoryPolicy: {
      [errno.EINVAL]:
        'the mode and its flags do not fit each other, or none of the nodes has memory that the cgroup may use: /sys/devices/system/node/has_memory lists them',
      [errno.ENOSYS]: 'this kernel was built without NUMA',
    },
  }),
  fields: { setMemoryPolicy: { mode: memoryPolicyText } },
};
