// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import { allowedWordHint, isOneOf } from '../errors/spelling.ts';
import { MPOL, MPOL_F } from '../kernel/memory-policy.ts';
import type { Linux } from '../oci/config.ts';
import { parseNumberList } from '../oci/number-list.ts';
import { string, strings } from '../oci/shape.ts';
import type { Check } from '../validate/context.ts';
import type { Step } from '../wire/steps.ts';
import type { Facility } from './facility.ts';

/** A member of `linux`. */
export interface MemoryPolicyProperty {
  readonly memoryPolicy?: MemoryPolicy;
}

const memoryPolicyModes = [
  'MPOL_DEFAULT',
  'MPOL_BIND',
  'MPOL_INTERLEAVE',
  'MPOL_WEIGHTED_INTERLEAVE',
  'MPOL_PREFERRED',
  'MPOL_PREFERRED_MANY',
  'MPOL_LOCAL',
] as const;

const memoryPolicyFlags = ['MPOL_F_NUMA_BALANCING', 'MPOL_F_RELATIVE_NODES', 'MPOL_F_STATIC_NODES'] as const;

/** set_mempolicy(2). config-linux.md#memory-policy */
interface MemoryPolicy {
  readonly mode?: (typeof memoryPolicyModes)[number];
  /** List of nodes such as `0-3,7`. */
  readonly nodes?: string;
  readonly flags?: readonly (typeof memoryPolicyFlags)[number][];
}

/** A member of `linux` in the features document. */
export interface MemoryPolicyFeatures {
  readonly memoryPolicy: { readonly modes: readonly string[]; readonly flags: readonly string[] };
}

const spec = 'config-linux.md#memory-policy';

/** linux.memoryPolicy, which applies to every process of the container. */
function memoryPolicySteps({ memoryPolicy }: Linux): Step[] {
  if (memoryPolicy?.mode === undefined) return [];
  let mode: number = MPOL[memoryPolicy.mode];
  for (const flag of memoryPolicy.flags ?? []) mode |= MPOL_F[flag];
  const list = parseNumberList(memoryPolicy.nodes ?? '');
  const nodes = typeof list === 'string' ? [] : list.words;
  return [{ op: 'setMemoryPolicy', origin: '/linux/memoryPolicy', mode, nodes }];
}

/** `MPOL_BIND|MPOL_F_STATIC_NODES`. */
function memoryPolicyText(value: number | bigint): string {
  const number = Number(value);
  const mode = Object.entries(MPOL).find(([, code]) => code === (number & 0xff))?.[0] ?? `${number & 0xff}`;
  const flags = Object.entries(MPOL_F).filter(([, bit]) => (number & bit) !== 0);
  return [mode, ...flags.map(([name]) => name)].join('|');
}

/** The messages are those of runc. */
const checkMemoryPolicy: Check = context => {
  const policy = context.config.linux?.memoryPolicy;
  if (policy === undefined) return;
  const problem = (name: string, message: string, value: string, hint?: string): void =>
    context.problem({
      code: 'config.memory-policy',
      message,
      pointer: `/linux/memoryPolicy${name}`,
      value,
      hint,
      spec,
    });
  // Any string is possible here, despite the type.
  const mode: string = policy.mode ?? '';
  if (!isOneOf(mode, memoryPolicyModes)) {
    const at = policy.mode === undefined ? '' : '/mode';
    problem(at, `invalid memory policy mode "${mode}"`, mode, allowedWordHint(mode, memoryPolicyModes));
  }
  for (const [index, flag] of (policy.flags ?? []).entries()) {
    if (isOneOf(flag, memoryPolicyFlags)) continue;
    const hint = allowedWordHint(flag, memoryPolicyFlags);
    problem(`/flags/${index}`, `invalid memory policy flag "${flag}"`, flag, hint);
  }
  const nodes = policy.nodes ?? '';
  const list = parseNumberList(nodes);
  if (typeof list === 'string') {
    const hint = 'write a list of memory nodes as 0-3,7';
    problem('/nodes', `invalid memory policy nodes "${nodes}": ${list}`, nodes, hint);
  } else if ((mode === 'MPOL_DEFAULT' || mode === 'MPOL_LOCAL') && list.count > 0) {
    problem('/nodes', `memory policy mode requires 0 nodes but got ${list.count}`, nodes);
  } else if (isOneOf(mode, needNodes) && list.count === 0) {
    const at = policy.nodes === undefined ? '' : '/nodes';
    problem(at, 'memory policy mode requires at least one node but got 0', nodes);
  }
};

const needNodes = [
  'MPOL_BIND',
  'MPOL_INTERLEAVE',
  'MPOL_PREFERRED_MANY',
  'MPOL_WEIGHTED_INTERLEAVE',
] as const;

const steps = {
  /** set_mempolicy(2): MPOL_* with MPOL_F_*, and the words of the node mask. */
  setMemoryPolicy: { mode: 'number', nodes: 'numbers' },
} as const;

/** The NUMA memory policy. */
export const memoryPolicyFacility: Facility<typeof steps> = {
  steps,
  shapes: {
    linux: {
      memoryPolicy: { kind: 'object', spec, properties: { mode: string, nodes: string, flags: strings } },
    },
  },
  shared: memoryPolicySteps,
  check: checkMemoryPolicy,
  features: () => ({
    memoryPolicy: { modes: [...memoryPolicyModes].sort(), flags: [...memoryPolicyFlags].sort() },
  }),
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
        'the flags do not match the mode, or none of the nodes has memory that the cgroup may use: see /sys/devices/system/node/has_memory',
      [errno.ENOSYS]: 'this kernel was built without NUMA',
    },
  }),
  fields: { setMemoryPolicy: { mode: memoryPolicyText } },
};
