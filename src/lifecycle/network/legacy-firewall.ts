// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../../errors/error.ts';
import { onHost } from '../../errors/system.ts';
import type { Binding } from '../../host/binding.d.ts';
import { findProgram } from '../../host/find-program.ts';
import { type DroppingChain, dockerUser } from '../../network/forward-policy.ts';

/** The tables of the kernel's older packet filter, which nf_tables does not list. A read of the file loads no module. */
const filters = [
  { family: 'ip', names: '/proc/net/ip_tables_names', program: 'iptables-legacy' },
  { family: 'ip6', names: '/proc/net/ip6_tables_names', program: 'ip6tables-legacy' },
] as const;

const longestListing = 1 << 20;
const timeoutMs = 10_000;

/** Chains FORWARD of the older filter that drop the packets of a bridge. */
export function legacyChainsThatDrop(binding: Binding, bridge: string): DroppingChain[] {
  return filters.flatMap(({ family, names, program }) => {
    if (!(binding.readTextIfThere(names) ?? '').split('\n').includes('filter')) return [];
    const path = findProgram(binding, program);
    // The program that made the table may be in another root file system.
    if (path === undefined) return [];
    const rules = run(binding, path, ['-S']).split('\n');
    if (!rules.includes('-P FORWARD DROP') || rules.some(rule => rule.split(' ').includes(bridge))) return [];
    const userChain = rules.includes(`-N ${dockerUser}`) ? dockerUser : 'FORWARD';
    return { family, table: 'filter', chain: 'FORWARD', userChain, program };
  });
}

/** Adds the two rules that accept the packets of a bridge. */
export function acceptInLegacyChain(
  binding: Binding,
  { userChain, program }: DroppingChain,
  bridge: string,
): void {
  const path = findProgram(binding, program ?? '') ?? '';
  for (const side of ['-i', '-o']) run(binding, path, ['-w', '-I', userChain, side, bridge, '-j', 'ACCEPT']);
}

function run(binding: Binding, path: string, words: readonly string[]): string {
  const command = [path, ...words].join(' ');
  const end = onHost(`unable to run ${command}`, () =>
    binding.runHook({
      path,
      args: [path, ...words],
      input: '',
      directory: '/',
      timeoutMs,
      keep: longestListing,
    }),
  );
  if (end.code === 0) return end.stdout;
  throw new RuntimeError({
    code: 'host.syscall',
    message: `${command} failed: ${end.stderr.trim()}`,
    value: path,
  });
}
