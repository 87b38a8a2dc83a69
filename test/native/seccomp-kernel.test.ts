// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { Seccomp } from '../../src/oci/seccomp.ts';
import { seccompStep } from '../../src/plan/seccomp.ts';
import { x32Bit } from '../../src/seccomp/architectures.ts';
import { verdictOf } from '../../src/seccomp/rules.ts';
import { x86Syscalls } from '../../src/seccomp/syscalls-x86.ts';
import { Filter, seccompData } from '../helpers/bpf.ts';
import { helperProgram } from '../helpers/inside.ts';
import { Random } from '../helpers/random.ts';
import { randomProfile } from '../helpers/random-profile.ts';
import { boundaryArguments, ReferenceProfile } from '../helpers/reference-profile.ts';
import { requires } from '../helpers/requires.ts';

// Compares the interpreter of seccomp-oracle.test.ts with the kernel: makes calls under the filters of random profiles,
// natively, with the numbers of x32 and with int 0x80.
const seed = Number(process.env['TSUBO_SEED'] ?? 1);
const rounds = Math.min(Number(process.env['TSUBO_ROUNDS'] ?? 40), 1000);
const x86_64 = 0xc000003e;
const i386 = 0x40000003;

/** Calls without effect or that fail, for any arguments. Not `semctl` and similar: the id may exist. */
const harmless = (
  'getpid getppid gettid getuid geteuid getgid getegid getpgrp getpgid getsid sched_get_priority_max ' +
  'sched_get_priority_min sched_getscheduler sched_yield ioprio_get getpriority inotify_rm_watch timer_getoverrun ' +
  'timer_delete fdatasync fchdir epoll_ctl kcmp setns socket socketpair connect'
).split(' ');
/** The harmless calls that are made, and the call that contains the others in 32-bit x86. */
const called = [
  ...harmless.filter(name => !['socket', 'socketpair', 'connect'].includes(name)),
  'socketcall',
];
/** Unassigned numbers. */
const unused = [400, 511, 600, 4095, 0x3fff_ffff, 0x7fff_ffff, 0xffff_ffff];

interface Made {
  /** With int 0x80. */
  readonly narrow: boolean;
  readonly number: number;
  readonly args: readonly bigint[];
}

test.skipIf(process.arch !== 'x64' || requires('g++'))(
  `the kernel agrees with the interpreter for ${rounds} random profiles`,
  () => {
    const seen = new Map<string, number>();
    for (let one = seed; one < seed + rounds; one++) {
      const profile = randomProfile(one, 'x86_64', { names: harmless, entries: 8, namesOfEntry: 8 });
      const { program: instructions, flags } = seccompStep(profile, 'x86_64');
      const program = BigUint64Array.from(instructions, BigInt);
      const filter = new Filter(new Uint32Array(program.buffer, program.byteOffset, 2 * program.length));
      const calls = callsFor(profile, new Random(one));
      const answers = makeCalls(program, flags, calls);
      for (const [i, { narrow, number, args }] of calls.entries()) {
        // For int 0x80 the kernel passes a filter only the lower halves of the registers.
        const shown = narrow ? args.map(value => BigInt.asUintN(32, value)) : args;
        const verdict = filter.run(seccompData({ arch: narrow ? i386 : x86_64, number, args: shown }));
        const [what, first, second] = answers[i] as Answer;
        const [name, expected] = expectedOf(verdict, narrow ? i386 : x86_64, number, second);
        seen.set(name, (seen.get(name) ?? 0) + 1);
        const did = [what, first, ...(what === 1n ? [second] : [])];
        if (String(did) === String(expected)) continue;
        const call = `${narrow ? 'int 0x80' : 'syscall'} ${number.toString(16)} (${args})`;
        expect(did, `TSUBO_SEED=${one} TSUBO_ROUNDS=1 call ${i}: ${call}, ${verdict.toString(16)}`).toEqual(
          expected,
        );
      }
    }
    if (rounds >= 40) {
      expect([...seen.keys()].sort()).toEqual([
        'errno',
        'kill-process',
        'kill-thread',
        'notify',
        'passes',
        'trace',
        'trap',
      ]);
    }
  },
  300_000,
);

/** Every call that may be made, with arguments around the values in its rules. */
function callsFor(profile: Seccomp, random: Random): Made[] {
  const reference = new ReferenceProfile(profile, 'x86_64');
  const calls: Made[] = [];
  const add = (narrow: boolean, number: number): void => {
    const rules = reference.of(narrow ? i386 : x86_64, number)?.rules ?? [];
    for (const args of boundaryArguments(rules, rules.length > 0 ? 24 : 2))
      calls.push({ narrow, number, args });
  };
  for (const name of called) {
    for (const architecture of ['x86_64', 'x32', 'x86'] as const) {
      const number = numberOf(name, architecture);
      if (number === undefined) continue;
      add(architecture === 'x86', architecture === 'x32' ? x32Bit + number : number);
    }
  }
  for (const number of unused) {
    add(false, number);
    // Bit 30 has no meaning for int 0x80.
    add(true, number);
    if (number < x32Bit) add(false, x32Bit + number);
  }
  // In groups: each call that ends its process costs a new process.
  return calls.filter(() => random.once(3));
}

function numberOf(name: string, architecture: string): number | undefined {
  const place = x86Syscalls.places[name] as number;
  const runs = x86Syscalls.runs[architecture] ?? [];
  for (let run = 0; run < runs.length; run += 3) {
    const [first = 0, at = 0, count = 0] = runs.slice(run, run + 3);
    if (place >= at && place < at + count) return first + place - at;
  }
  return undefined;
}

/** The outcome and its data: see filtered.cc. */
type Answer = readonly [bigint, bigint, bigint];

/** The name of a verdict, and its effect on a call that returns `plain` without a filter. */
function expectedOf(verdict: number, arch: number, number: number, plain: bigint): [string, bigint[]] {
  const where = (BigInt(number) << 32n) | BigInt(arch);
  const failed = (errno: number): bigint[] => [0n, BigInt.asUintN(64, BigInt(-errno))];
  const data = verdict & 0xffff;
  switch (verdict - data) {
    case verdictOf('SCMP_ACT_KILL_PROCESS'):
      return ['kill-process', [3n, 31n]];
    case verdictOf('SCMP_ACT_KILL_THREAD'):
      return ['kill-thread', [2n, 0n]];
    case verdictOf('SCMP_ACT_TRAP'):
      return ['trap', [1n, BigInt(data), where]];
    case verdictOf('SCMP_ACT_ERRNO', 0):
      return ['errno', failed(data)];
    case verdictOf('SCMP_ACT_TRACE', 0):
      // ENOSYS without a tracer.
      return ['trace', failed(38)];
    case verdictOf('SCMP_ACT_NOTIFY'):
      return ['notify', [4n, where]];
    default:
      // ALLOW, and LOG, which also writes a line to the log of the machine.
      return ['passes', [0n, plain]];
  }
}

function makeCalls(program: BigUint64Array, flags: number, calls: readonly Made[]): Answer[] {
  const head = Uint32Array.of(flags, program.length);
  const body = new BigUint64Array(8 * calls.length);
  for (const [i, { narrow, number, args }] of calls.entries()) {
    body[8 * i] = (BigInt(number) << 32n) | (narrow ? 1n : 0n);
    for (const [j, value] of args.entries()) body[8 * i + 2 + j] = value;
  }
  const parts = [head, program, Uint32Array.of(calls.length), body];
  const input = Buffer.concat(parts.map(part => Buffer.from(part.buffer, part.byteOffset, part.byteLength)));
  const done = spawnSync(helperProgram('filtered'), { input, maxBuffer: 1 << 26 });
  expect([done.status, String(done.stderr)]).toEqual([0, '']);
  const out = new BigUint64Array(new Uint8Array(done.stdout).buffer);
  return calls.map(
    (_, i): Answer => [out[3 * i] as bigint, out[3 * i + 1] as bigint, out[3 * i + 2] as bigint],
  );
}
