// SPDX-License-Identifier: Apache-2.0
import { memoryPolicyFlags, memoryPolicyModes, personalityDomains } from '../../oci/config-linux.ts';
import { parseNumberList } from '../../oci/number-list.ts';
import type { Check } from '../context.ts';
import { nearestWord } from '../spelling.ts';

/** The messages are those of runc. */
export const checkMemoryPolicy: Check = context => {
  const policy = context.config.linux?.memoryPolicy;
  if (policy === undefined) return;
  const problem = (name: string, message: string, value: string, hint?: string): void =>
    context.problem({
      code: 'config.memory-policy',
      message,
      pointer: `/linux/memoryPolicy${name}`,
      value,
      hint,
      spec: 'config-linux.md#memory-policy',
    });
  // Any string is possible here, despite the type.
  const mode: string = policy.mode ?? '';
  if (!known(mode, memoryPolicyModes)) {
    const at = policy.mode === undefined ? '' : '/mode';
    problem(at, `invalid memory policy mode "${mode}"`, mode, hintFor(mode, memoryPolicyModes));
  }
  for (const [index, flag] of (policy.flags ?? []).entries()) {
    if (known(flag, memoryPolicyFlags)) continue;
    const hint = hintFor(flag, memoryPolicyFlags);
    problem(`/flags/${index}`, `invalid memory policy flag "${flag}"`, flag, hint);
  }
  const nodes = policy.nodes ?? '';
  const list = parseNumberList(nodes);
  if (typeof list === 'string') {
    const hint = 'write a list of memory nodes as 0-3,7';
    problem('/nodes', `invalid memory policy nodes "${nodes}": ${list}`, nodes, hint);
  } else if ((mode === 'MPOL_DEFAULT' || mode === 'MPOL_LOCAL') && list.count > 0) {
    problem('/nodes', `memory policy mode requires 0 nodes but got ${list.count}`, nodes);
  } else if (known(mode, needNodes) && list.count === 0) {
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

export const checkPersonality: Check = context => {
  const personality = context.config.linux?.personality;
  if (personality === undefined) return;
  const spec = 'config-linux.md#personality';
  const domain: string = personality.domain ?? '';
  if (!known(domain, personalityDomains)) {
    context.problem({
      code: 'config.personality',
      message: `invalid personality domain ${domain}`,
      pointer: `/linux/personality${personality.domain === undefined ? '' : '/domain'}`,
      value: domain,
      hint: hintFor(domain, personalityDomains),
      spec,
    });
  }
  const { flags = [] } = personality;
  if (flags.length > 0) {
    context.warn({
      code: 'config.personality',
      message: `ignoring unsupported personality flags: [${flags.join(' ')}]`,
      pointer: '/linux/personality/flags',
      hint: 'the specification defines no flags: remove the list',
      spec,
    });
  }
};

function known(word: string, words: readonly string[]): boolean {
  return words.includes(word);
}

function hintFor(word: string, words: readonly string[]): string {
  const meant = nearestWord(word, words);
  return meant === undefined ? `allowed values: ${words.join(', ')}` : `did you mean ${meant}?`;
}
