// SPDX-License-Identifier: Apache-2.0
import type { Linux } from '../oci/config.ts';
import { parseNumberList } from '../oci/number-list.ts';
import type { Step } from '../wire/steps.ts';

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

/** PER_LINUX32 of linux/personality.h. */
const linux32 = 8;

/** linux.personality and linux.memoryPolicy, which apply to every process of the container. */
export function memoryPolicySteps({ linux }: { readonly linux?: Linux | undefined }): Step[] {
  const steps: Step[] = [];
  const { personality, memoryPolicy } = linux ?? {};
  if (personality !== undefined) {
    const persona = personality.domain === 'LINUX32' ? linux32 : 0;
    steps.push({ op: 'setPersonality', origin: '/linux/personality', persona });
  }
  if (memoryPolicy?.mode !== undefined) {
    let mode: number = modes[memoryPolicy.mode];
    for (const flag of memoryPolicy.flags ?? []) mode |= flagBits[flag];
    const list = parseNumberList(memoryPolicy.nodes ?? '');
    const nodes = typeof list === 'string' ? [] : list.words;
    steps.push({ op: 'setMemoryPolicy', origin: '/linux/memoryPolicy', mode, nodes });
  }
  return steps;
}

/** `MPOL_BIND|MPOL_F_STATIC_NODES`. */
export function memoryPolicyText(value: number | bigint): string {
  const number = Number(value);
  const mode = Object.entries(modes).find(([, code]) => code === (number & 0xff))?.[0] ?? `${number & 0xff}`;
  const flags = Object.entries(flagBits).filter(([, bit]) => (number & bit) !== 0);
  return [mode, ...flags.map(([name]) => name)].join('|');
}
