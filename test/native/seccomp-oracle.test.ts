// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import type { Seccomp, Syscall } from '../../src/oci/seccomp.ts';
import { seccompOperators } from '../../src/oci/seccomp.ts';
import { compileSeccomp } from '../../src/seccomp/compile.ts';
import { verdictOf } from '../../src/seccomp/rules.ts';
import { x86Syscalls } from '../../src/seccomp/syscalls-x86.ts';
import { runFilter } from '../helpers/bpf.ts';
import { engineProfile } from '../helpers/engine-profile.ts';
import { helperProgram } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';

// Every call of every architecture gets the verdict that libseccomp's filter of the same profile gives it, but for what
// is named here: calls newer than the profile answer ENOSYS (runc puts that before libseccomp's filter). Rules of one call
// with different actions are not tried: libseccomp sorts them, here the profile's order counts. And where two rules of a
// call compare the same argument, libseccomp 2.5.4 loses some of what the second allows: then the words of the profile
// decide, read one by one.

const enosys = verdictOf('SCMP_ACT_ERRNO', 38);
/** AUDIT_ARCH_* and what the numbers begin at. */
const architectures = [
  ['x86_64', 0xc000003e, 0, 64],
  ['x32', 0xc000003e, 0x4000_0000, 32],
  ['x86', 0x40000003, 0, 32],
  ['aarch64', 0xc00000b7, 0, 64],
] as const;
const words = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'] as const;
const most = 600;

it.skipIf(requires('g++', 'libseccomp'))(
  'every call gets the verdict that libseccomp gives it',
  () => {
    const known = namesOfLibseccomp();
    const seeds = Array.from({ length: 150 }, (_, seed) => seed + 1);
    const profiles: [string, Seccomp][] = [
      ['short', only(known, engineProfile('short'))],
      ['long', only(known, engineProfile('long'))],
      ...seeds.map((seed): [string, Seccomp] => [`seed ${seed}`, randomProfile(seed, [...known])]),
    ];
    const theirs = ask(profiles.map(([, profile]) => profile)).filters;
    const wrong: string[] = [];
    for (const [i, [name, profile]] of profiles.entries()) {
      const filter = theirs[i] as Uint32Array;
      const ours = compileSeccomp(profile, 'x86_64');
      const fallback = verdictOf(profile.defaultAction, profile.defaultErrnoRet);
      const argued = argumentsFor(profile);
      for (const [architecture, arch, base, bits] of architectures) {
        for (let number = 0; number < most; number++) {
          for (const args of i < 2 || number % 8 === i % 8 ? argued : argued.slice(0, 2)) {
            const call = { arch, number: base + number, args };
            const mine = runFilter(ours, call);
            const other = runFilter(filter, call);
            if (mine === other || (mine === enosys && other === fallback)) continue;
            if (mine === byItsWords(profile, nameOf(architecture, number), bits, args)) continue;
            wrong.push(
              `${name}: ${arch.toString(16)} ${number} (${args}) ${mine.toString(16)} not ${other.toString(16)}`,
            );
          }
        }
      }
    }
    expect(wrong.slice(0, 10)).toEqual([]);
  },
  300_000,
);

function nameOf(architecture: string, number: number): string | undefined {
  const runs = x86Syscalls.runs[architecture] ?? [];
  for (let run = 0; run < runs.length; run += 3) {
    const [first = 0, place = 0, count = 0] = runs.slice(run, run + 3);
    if (number < first || number >= first + count) continue;
    return Object.keys(x86Syscalls.places).find(name => x86Syscalls.places[name] === place + number - first);
  }
  return undefined;
}

/** The verdict of a call that has several rules with conditions; undefined for any other. */
function byItsWords(
  { defaultAction, defaultErrnoRet, syscalls = [] }: Seccomp,
  name: string | undefined,
  bits: number,
  given: readonly bigint[],
): number | undefined {
  const rules = syscalls.filter(({ names, args = [] }) => args.length > 0 && names.includes(name ?? ''));
  if (rules.length < 2 && (rules[0]?.args?.length ?? 0) < 2) return undefined;
  const low = (value: number | bigint) => BigInt.asUintN(bits, BigInt(value));
  for (const { action, errnoRet, args = [] } of rules) {
    const held = args.map(({ index, op, value, valueTwo }) => {
      const [one, two, arg] = [low(value), low(valueTwo ?? 0), low(given[index] ?? 0n)];
      if (op === 'SCMP_CMP_MASKED_EQ') return (arg & one) === (two & one);
      if (op === 'SCMP_CMP_EQ') return arg === one;
      if (op === 'SCMP_CMP_NE') return arg !== one;
      if (op === 'SCMP_CMP_LT') return arg < one;
      if (op === 'SCMP_CMP_LE') return arg <= one;
      return op === 'SCMP_CMP_GT' ? arg > one : arg >= one;
    });
    const apart = new Set(args.map(({ index }) => index)).size < args.length;
    if (apart ? held.includes(true) : !held.includes(false)) return verdictOf(action, errnoRet);
  }
  return verdictOf(defaultAction, defaultErrnoRet);
}

/** The profiles in the words of oracle.cc, and its answers. */
function ask(profiles: readonly Seccomp[]): { filters: Uint32Array[]; unknown: string[] } {
  const input = profiles.map(profile => [...linesOf(profile), 'end'].join('\n')).join('\n');
  const done = spawnSync(helperProgram('oracle', ['-lseccomp']), { input, maxBuffer: 1 << 30 });
  expect(done.status).toBe(0);
  const filters: Uint32Array[] = [];
  for (let at = 0; at < done.stdout.length; ) {
    const size = done.stdout.readUInt32LE(at);
    filters.push(new Uint32Array(new Uint8Array(done.stdout.subarray(at + 4, at + 4 + size)).buffer));
    at += 4 + size;
  }
  return { filters, unknown: String(done.stderr).split('\n') };
}

function* linesOf({ defaultAction, defaultErrnoRet, architectures: wanted = [], syscalls = [] }: Seccomp) {
  const fallback = verdictOf(defaultAction, defaultErrnoRet);
  yield `default ${fallback}`;
  for (const word of wanted) yield `arch ${word.slice(10).toLowerCase()}`;
  for (const { names, action, errnoRet, args = [] } of syscalls) {
    const verdict = verdictOf(action, errnoRet);
    if (verdict === fallback) continue;
    const conditions = args.map(
      ({ index, op, value, valueTwo }) =>
        `${index} ${seccompOperators.indexOf(op) + 1} ${value} ${valueTwo ?? 0}`,
    );
    // As runtimes do it: with one argument named twice each condition is a rule of its own.
    const apart = new Set(args.map(({ index }) => index)).size < args.length;
    const rules = apart ? conditions.map(condition => [condition]) : [conditions];
    for (const name of names)
      for (const rule of rules) yield `rule ${verdict} ${name} ${rule.length} ${rule.join(' ')}`;
  }
}

function namesOfLibseccomp(): Set<string> {
  const names = Object.keys(x86Syscalls.places);
  const { unknown } = ask([
    { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }] },
  ]);
  return new Set(names.filter(name => !unknown.includes(name)));
}

/** Without the names that this libseccomp is too old for. */
function only(known: ReadonlySet<string>, profile: Seccomp): Seccomp {
  const syscalls = (profile.syscalls ?? []).map(rule => ({
    ...rule,
    names: rule.names.filter(name => known.has(name)),
  }));
  // One rule of a call has another action there than the rest: its order is libseccomp's own.
  return { ...profile, syscalls: syscalls.filter(({ errnoRet }) => errnoRet !== 22) };
}

const edges = [
  0n,
  1n,
  5n,
  0x7fffffffn,
  0xffffffffn,
  0x1_0000_0000n,
  0x8000_0000_0000_0000n,
  0xffff_ffff_ffff_ffffn,
];

function argumentsFor({ syscalls = [] }: Seccomp): bigint[][] {
  const values = new Set<bigint>([0n, 1n, 0xffff_ffff_ffff_ffffn]);
  for (const { value, valueTwo } of syscalls.flatMap(({ args = [] }) => args)) {
    for (const one of [BigInt(value), BigInt(valueTwo ?? 0)]) {
      for (const near of [one - 1n, one, one + 1n]) values.add(BigInt.asUintN(64, near));
    }
  }
  const all = [...values].slice(0, 24);
  return [
    ...all.map(value => Array.from({ length: 6 }, () => value)),
    ...all
      .slice(0, 4)
      .map((_, i) => Array.from({ length: 6 }, (_none, j) => all[(i + j) % all.length] as bigint)),
  ];
}

function randomProfile(seed: number, names: readonly string[]): Seccomp {
  const next = random(seed);
  const pick = <T>(list: readonly T[]): T => list[next() % list.length] as T;
  const actions = [
    'SCMP_ACT_KILL_PROCESS',
    'SCMP_ACT_ERRNO',
    'SCMP_ACT_ALLOW',
    'SCMP_ACT_LOG',
    'SCMP_ACT_TRAP',
  ] as const;
  const left = new Set(names);
  const syscalls: Syscall[] = [];
  for (let count = 1 + (next() % 12); count > 0; count--) {
    const chosen = Array.from({ length: 1 + (next() % 40) }, () => pick(names)).filter(name =>
      left.delete(name),
    );
    if (chosen.length === 0) continue;
    const action = pick(actions);
    const errno = action === 'SCMP_ACT_ERRNO' ? { errnoRet: next() % 40 } : {};
    const rules = next() % 3 === 0 ? 1 + (next() % 3) : 0;
    if (rules === 0) syscalls.push({ names: chosen, action, ...errno });
    for (let rule = 0; rule < rules; rule++) {
      const args = Array.from({ length: 1 + (next() % 2) }, () => ({
        index: next() % 6,
        op: pick(seccompOperators),
        value: pick(edges),
        valueTwo: pick(edges),
      }));
      syscalls.push({ names: chosen, action, ...errno, args });
    }
  }
  return {
    defaultAction: pick(actions),
    architectures: words.filter(() => next() % 2 === 0),
    syscalls,
  };
}

function random(seed: number): () => number {
  let state = Math.imul(seed, 2654435761);
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state >>> 8;
  };
}
