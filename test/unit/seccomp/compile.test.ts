// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Seccomp, SeccompOperator, Syscall } from '../../../src/oci/seccomp.ts';
import { seccompActions, seccompOperators } from '../../../src/oci/seccomp.ts';
import type { SyscallTable } from '../../../src/seccomp/architectures.ts';
import { compileSeccomp } from '../../../src/seccomp/compile.ts';
import { verdictOf } from '../../../src/seccomp/rules.ts';
import { armSyscalls } from '../../../src/seccomp/syscalls-arm.ts';
import { x86Syscalls } from '../../../src/seccomp/syscalls-x86.ts';
import { Filter, runFilter, seccompData } from '../../helpers/bpf.ts';

const allow = verdictOf('SCMP_ACT_ALLOW');
const eperm = verdictOf('SCMP_ACT_ERRNO');
const enosys = verdictOf('SCMP_ACT_ERRNO', 38);
const x86_64 = 0xc000003e;
const i386 = 0x40000003;
const every = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'] as const;

function filter(syscalls: Syscall[], rest: Partial<Seccomp> = {}): Uint32Array {
  return compileSeccomp({ defaultAction: 'SCMP_ACT_ERRNO', syscalls, ...rest }, 'x86_64');
}

function pass(...names: string[]): Syscall {
  return { names, action: 'SCMP_ACT_ALLOW' };
}

describe('a compiled profile', () => {
  it('returns ENOSYS above the largest call it names, and its default below', () => {
    const program = filter([pass('read', 'close', 'no_such_call')]);
    const verdicts = [0, 1, 2, 3, 4, 0x3fffffff].map(number => runFilter(program, { arch: x86_64, number }));
    expect(verdicts).toEqual([allow, eperm, eperm, allow, enosys, enosys]);
  });

  it('adds no ENOSYS if the default allows calls', () => {
    const program = filter([{ names: ['read'], action: 'SCMP_ACT_ERRNO' }], {
      defaultAction: 'SCMP_ACT_LOG',
    });
    expect(runFilter(program, { arch: x86_64, number: 400 })).toBe(verdictOf('SCMP_ACT_LOG'));
  });

  it('kills callers of an architecture that is not in the list, except for calls that a tracer skips', () => {
    const program = filter([pass('read')]);
    expect(runFilter(program, { arch: i386, number: 3 })).toBe(0);
    expect(runFilter(program, { arch: x86_64, number: 0x40000000 })).toBe(0);
    expect(runFilter(program, { arch: x86_64, number: 0xffffffff })).toBe(eperm);
  });

  it('maps the name of a call in every architecture', () => {
    const program = filter([pass('write')], { architectures: every });
    expect(runFilter(program, { arch: i386, number: 4 })).toBe(allow);
    expect(runFilter(program, { arch: x86_64, number: 0x40000001 })).toBe(allow);
    expect(runFilter(program, { arch: x86_64, number: 0x40000000 })).toBe(eperm);
    expect(runFilter(program, { arch: x86_64, number: 0x40000002 })).toBe(enosys);
  });

  it('treats calls inside socketcall(2) as the same calls', () => {
    const program = filter([pass('socket', 'uname')], { architectures: every });
    const inner = [1n, 2n].map(call => runFilter(program, { arch: i386, number: 102, args: [call] }));
    expect(inner).toEqual([allow, eperm]);
  });

  it('applies the first rule without conditions, and no other rule', () => {
    const program = filter([
      { names: ['read'], action: 'SCMP_ACT_TRAP', args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }] },
      pass('read'),
      { names: ['read'], action: 'SCMP_ACT_KILL' },
    ]);
    expect(runFilter(program, { arch: x86_64, number: 0, args: [1n] })).toBe(allow);
  });

  it('makes one rule of each condition if an argument is repeated', () => {
    const args = [0, 5].map(value => ({ index: 0, value, op: 'SCMP_CMP_EQ' as const }));
    const program = filter([{ ...pass('read'), args }]);
    expect([0n, 5n, 4n].map(arg => runFilter(program, { arch: x86_64, number: 0, args: [arg] }))).toEqual([
      allow,
      allow,
      eperm,
    ]);
  });

  it('refuses a program above the size limit of the kernel', () => {
    const syscalls = Array.from({ length: 2000 }, (_, value) => ({
      ...pass('read'),
      args: [{ index: 0, value, op: 'SCMP_CMP_EQ' as const }],
    }));
    expect(() => filter(syscalls)).toThrow('the kernel accepts at most 4096');
  });

  it('compares 64 bits with every operator, and 32 on 32-bit architectures', () => {
    const program = (op: SeccompOperator, value: bigint, valueTwo: bigint): Uint32Array =>
      filter([{ ...pass('read'), args: [{ index: 1, value, valueTwo, op }] }], { architectures: every });
    const edge = [0n, 1n, 0xffffffffn, 0x100000000n, 0x7fffffff00000000n, 0xffffffffffffffffn];
    for (const op of seccompOperators) {
      for (const value of edge.flatMap(v => [v, BigInt.asUintN(64, v - 1n), BigInt.asUintN(64, v + 1n)])) {
        const compiled = program(op, value, 0x1_0000_0001n);
        for (const arg of edge.flatMap(v => [v, v ^ 1n, v ^ (1n << 32n)]).concat(value)) {
          const verdict = (arch: number, number: number, given: bigint): number =>
            runFilter(compiled, { arch, number, args: [0n, given] });
          const expected = (bits: number, given: bigint): number =>
            holds(
              op,
              BigInt.asUintN(bits, given),
              BigInt.asUintN(bits, value),
              BigInt.asUintN(bits, 0x1_0000_0001n),
            )
              ? allow
              : eperm;
          expect(verdict(x86_64, 0, arg), `${op} ${value} ${arg}`).toBe(expected(64, arg));
          expect(verdict(i386, 3, BigInt.asUintN(32, arg))).toBe(expected(32, arg));
        }
      }
    }
  });

  it('either terminates or reports its size limit, for any valid profile', () => {
    const next = random(5);
    const pick = <T>(list: readonly T[]): T => list[next() % list.length] as T;
    const names = [...Object.keys(x86Syscalls.places), 'constructor', '__proto__', 'toString', '', 'no_such'];
    const values = [0, 1, 0xffffffff, 2 ** 40, 0xffff_ffff_ffff_ffffn, 1n << 63n];
    let tooLong = 0;
    for (let round = 0; round < 300; round++) {
      const syscalls = Array.from({ length: next() % 60 }, () => ({
        names: Array.from({ length: 1 + (next() % 30) }, () => pick(names)),
        action: pick(seccompActions),
        args: Array.from({ length: pick([0, 0, 1, 6, 40]) }, () => ({
          index: next() % 6,
          op: pick(seccompOperators),
          value: pick(values),
          valueTwo: pick(values),
        })),
      }));
      const profile = {
        defaultAction: pick(seccompActions),
        architectures: pick([[], every, ['SCMP_ARCH_ARM', 'SCMP_ARCH_S390'] as const]),
        syscalls,
      };
      const machine = pick(['x86_64', 'aarch64'] as const);
      try {
        const program = compileSeccomp(profile, machine);
        expect(program.length).toBeLessThanOrEqual(2 * 4096);
        for (let number = 0; number < 480; number += 7) runFilter(program, { arch: x86_64, number });
      } catch (error) {
        expect(error).toMatchObject({ code: 'config.seccomp.size', pointer: '/linux/seccomp' });
        tooLong += 1;
      }
    }
    expect(tooLong).toBeGreaterThan(10);
    expect(tooLong).toBeLessThan(290);
  });

  it.each([1, 2, 3, 4])('returns the verdict of every call for any profile (seed %i)', seed => {
    const next = random(seed);
    for (const machine of ['x86_64', 'aarch64'] as const) {
      const table = machine === 'x86_64' ? x86Syscalls : armSyscalls;
      const numbers = numbersOf(table, machine);
      const names = [...numbers.keys()];
      for (let round = 0; round < 40; round++) {
        const chosen = names.map(name => ({ name, errnoRet: next() % (1 + (next() % 9)) }));
        const wanted = chosen.filter(() => next() % 3 !== 0);
        const syscalls = wanted.map(({ name, errnoRet }) => ({
          names: [name],
          action: 'SCMP_ACT_ERRNO' as const,
          errnoRet: errnoRet + 2,
        }));
        const program = compileSeccomp({ defaultAction: 'SCMP_ACT_KILL_PROCESS', syscalls }, machine);
        const expected = new Map(
          wanted.map(({ name, errnoRet }) => [numbers.get(name), verdictOf('SCMP_ACT_ERRNO', errnoRet + 2)]),
        );
        const compiled = new Filter(program);
        const largest = Math.max(...([...expected.keys()] as number[]));
        const arch = machine === 'x86_64' ? x86_64 : 0xc00000b7;
        for (let number = 0; number < 600; number++) {
          const other = number > largest ? enosys : verdictOf('SCMP_ACT_KILL_PROCESS');
          const verdict = compiled.run(seccompData({ arch, number }));
          const right = expected.get(number) ?? other;
          // One assertion for each call would take most of the time.
          if (verdict !== right) expect([number, verdict]).toEqual([number, right]);
        }
      }
    }
  });
});

function holds(op: SeccompOperator, arg: bigint, value: bigint, two: bigint): boolean {
  switch (op) {
    case 'SCMP_CMP_NE':
      return arg !== value;
    case 'SCMP_CMP_LT':
      return arg < value;
    case 'SCMP_CMP_LE':
      return arg <= value;
    case 'SCMP_CMP_EQ':
      return arg === value;
    case 'SCMP_CMP_GE':
      return arg >= value;
    case 'SCMP_CMP_GT':
      return arg > value;
    case 'SCMP_CMP_MASKED_EQ':
      return (arg & value) === (two & value);
  }
}

/** The number of each name that an architecture has. */
function numbersOf({ places, runs }: SyscallTable, architecture: string): Map<string, number> {
  const numbers = new Map<string, number>();
  const list = runs[architecture] ?? [];
  for (const [name, at] of Object.entries(places)) {
    for (let run = 0; run < list.length; run += 3) {
      const [number = 0, place = 0, count = 0] = list.slice(run, run + 3);
      if (at >= place && at < place + count) numbers.set(name, number + at - place);
    }
  }
  return numbers;
}

function random(seed: number): () => number {
  let state = seed * 2654435761;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state >>> 8;
  };
}

describe('a profile with the same call in many rules', () => {
  const on = (value: number, action: Syscall['action'], ...names: string[]): Syscall => ({
    names,
    action,
    args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
  });
  const verdict = (program: Uint32Array, number: number, first: bigint) =>
    runFilter(program, { arch: x86_64, number, args: [first] });

  it('applies to each call the first of its rules that holds', () => {
    const program = filter([
      on(1, 'SCMP_ACT_ALLOW', 'read', 'write', 'read'),
      on(1, 'SCMP_ACT_LOG', 'read'),
      on(2, 'SCMP_ACT_LOG', 'write'),
    ]);
    expect([1n, 2n].map(first => verdict(program, 0, first))).toEqual([allow, eperm]);
    expect([1n, 2n].map(first => verdict(program, 1, first))).toEqual([allow, verdictOf('SCMP_ACT_LOG')]);
  });

  it('is refused before compilation if the rules exceed the capacity of any filter', () => {
    const args = Array.from({ length: 8000 }, (_, value) => ({
      index: 0,
      value,
      op: 'SCMP_CMP_EQ' as const,
    }));
    const names = Object.keys(x86Syscalls.places).slice(0, 100);
    expect(() => filter([{ names, action: 'SCMP_ACT_ALLOW', args }])).toThrow(
      'more than 65536 rules with conditions, and the kernel accepts at most 4096 instructions',
    );
  });
});
