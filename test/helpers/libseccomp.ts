// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import type { HostFacts } from '../../src/host/facts.ts';
import { type Seccomp, seccompOperators } from '../../src/oci/seccomp.ts';
import { familyOf, syscallsOf } from '../../src/seccomp/architectures.ts';
import { verdictOf } from '../../src/seccomp/rules.ts';
import { seccompOptions } from '../tools.mjs';
import { helperProgram } from './inside.ts';

export interface FilterRequest {
  readonly profile: Seccomp;
  readonly machine: HostFacts['machine'];
}

/** The filters that libseccomp generates for profiles, and the names that it does not support. */
export function compileWithLibseccomp(requested: readonly FilterRequest[]): {
  filters: Uint32Array[];
  unknown: Set<string>;
} {
  const input = requested.map(one => [...linesOf(one), 'end'].join('\n')).join('\n');
  const done = spawnSync(helperProgram('oracle', seccompOptions() ?? []), { input, maxBuffer: 1 << 30 });
  if (done.status !== 0) throw new Error(`the oracle ended with ${done.status}: ${done.stderr}`);
  const filters: Uint32Array[] = [];
  for (let at = 0; at < done.stdout.length; ) {
    const size = done.stdout.readUInt32LE(at);
    filters.push(new Uint32Array(new Uint8Array(done.stdout.subarray(at + 4, at + 4 + size)).buffer));
    at += 4 + size;
  }
  return { filters, unknown: new Set(String(done.stderr).split('\n')) };
}

/** Names in the machine's tables of system calls that the installed libseccomp supports too. */
export function sharedNames(machine: HostFacts['machine']): string[] {
  const names = Object.keys(syscallsOf(machine).places);
  const profile: Seccomp = {
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }],
  };
  const { unknown } = compileWithLibseccomp([{ profile, machine }]);
  return names.filter(name => !unknown.has(name));
}

/** A profile in the input format of oracle.cc, rule by rule, as runtimes add them. */
function* linesOf({ profile, machine }: FilterRequest): Generator<string> {
  const { defaultAction, defaultErrnoRet, architectures = [], syscalls = [] } = profile;
  const fallback = verdictOf(defaultAction, defaultErrnoRet);
  yield `default ${fallback}`;
  yield `machine ${machine}`;
  for (const { word } of familyOf(machine)) {
    if (architectures.includes(word)) yield `arch ${word.slice(10).toLowerCase()}`;
  }
  for (const { names, action, errnoRet, args = [] } of syscalls) {
    const verdict = verdictOf(action, errnoRet);
    if (verdict === fallback) continue;
    const conditions = args.map(
      ({ index, op, value, valueTwo }) =>
        `${index} ${seccompOperators.indexOf(op) + 1} ${value} ${valueTwo ?? 0}`,
    );
    // If an argument is repeated, each condition becomes a separate rule.
    const apart = new Set(args.map(({ index }) => index)).size < args.length;
    const rules = apart ? conditions.map(condition => [condition]) : [conditions];
    for (const name of names) {
      for (const rule of rules) yield `rule ${verdict} ${name} ${rule.length} ${rule.join(' ')}`;
    }
  }
}
