// SPDX-License-Identifier: Apache-2.0
// Writes the system call numbers of the kernel headers to src/seccomp/. The result is checked in, because few machines
// have the headers of all architectures.
//   node native/build/syscalls.mjs     Debian: linux-libc-dev, linux-libc-dev-arm64-cross, linux-libc-dev-armhf-cross
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { script, top } from './stage.mjs';

/** @type {Readonly<Record<string, { include: string, header: string, defines?: readonly string[] }>>} */
const headers = {
  x86_64: { include: '/usr/include/x86_64-linux-gnu', header: 'asm/unistd_64.h' },
  x86: { include: '/usr/include/x86_64-linux-gnu', header: 'asm/unistd_32.h' },
  x32: { include: '/usr/include/x86_64-linux-gnu', header: 'asm/unistd_x32.h' },
  aarch64: { include: '/usr/aarch64-linux-gnu/include', header: 'asm/unistd.h', defines: ['__aarch64__'] },
  arm: { include: '/usr/arm-linux-gnueabihf/include', header: 'asm/unistd.h', defines: ['__ARM_EABI__'] },
};

/** Calls of newer kernels than these headers, with the same number on every architecture by default. */
/** @type {readonly { name: string, number: number, only?: readonly string[] }[]} */
const newer = [
  { name: 'uretprobe', number: 335, only: ['x86_64'] },
  { name: 'uprobe', number: 336, only: ['x86_64'] },
  { name: 'memfd_secret', number: 447, only: ['aarch64'] },
  { name: 'cachestat', number: 451 },
  { name: 'fchmodat2', number: 452 },
  { name: 'map_shadow_stack', number: 453, only: ['x86_64', 'x86', 'aarch64', 'arm'] },
  { name: 'futex_wake', number: 454 },
  { name: 'futex_wait', number: 455 },
  { name: 'futex_requeue', number: 456 },
  { name: 'statmount', number: 457 },
  { name: 'listmount', number: 458 },
  { name: 'lsm_get_self_attr', number: 459 },
  { name: 'lsm_set_self_attr', number: 460 },
  { name: 'lsm_list_modules', number: 461 },
  { name: 'mseal', number: 462 },
  { name: 'setxattrat', number: 463 },
  { name: 'getxattrat', number: 464 },
  { name: 'listxattrat', number: 465 },
  { name: 'removexattrat', number: 466 },
  { name: 'open_tree_attr', number: 467 },
  { name: 'file_getattr', number: 468 },
  { name: 'file_setattr', number: 469 },
];

/**
 * Names and numbers of one architecture; those of x32 without their marker bit.
 * @param {string} name
 */
function numbersOf(name) {
  const { include, header, defines = [] } = /** @type {typeof headers[string]} */ (headers[name]);
  const args = ['-E', '-dM', '-nostdinc', '-U__x86_64__', '-U__i386__', ...defines.map(d => `-D${d}`)];
  const text = execFileSync('g++', [...args, '-I', include, '-I', '/usr/include', '-x', 'c', '-'], {
    input: `#include <${header}>\n`,
    encoding: 'utf8',
  });
  const macros = new Map(
    [...text.matchAll(/^#define (\w+) (.+)$/gm)].map(([, key = '', value = '']) => [key, value]),
  );
  /** @returns {number} */
  const value = (/** @type {string} */ expression) =>
    expression
      .replace(/[()]/g, '')
      .split('+')
      .map(part => part.trim())
      .reduce((sum, part) => {
        if (part === '__X32_SYSCALL_BIT') return sum;
        const known = macros.get(part);
        if (/^\d/.test(part)) return sum + Number(part);
        return known === undefined || known === part ? Number.NaN : sum + value(known);
      }, 0);
  /** @type {Map<string, number>} */
  const found = new Map();
  for (const [key, expression] of macros) {
    const called = /^__(?:ARM_)?NR_(\w+)$/.exec(key)?.[1];
    if (
      called === undefined ||
      /^(BASE|SYSCALL_BASE|OABI_SYSCALL_BASE|SYSCALL_MASK|syscalls|arch_specific_syscall)$/.test(called)
    )
      continue;
    const number = value(expression);
    if (Number.isInteger(number)) found.set(called, number);
  }
  for (const { name: called, number, only } of newer) {
    if (only === undefined || only.includes(name)) found.set(called, number);
  }
  return found;
}

/**
 * The numbers of one architecture in ascending order, as runs: the first number, the place of its name, and the length
 * of the run, in which both increase by one.
 * @param {ReadonlyMap<string, number>} numbers
 * @param {ReadonlyMap<string, number>} places
 */
function runsOf(numbers, places) {
  const byNumber = new Map([...numbers].map(([name, number]) => [number, places.get(name) ?? 0]));
  const entries = [...byNumber]
    .map(([number, place]) => ({ number, place }))
    .sort((a, b) => a.number - b.number);
  /** @type {{ number: number, place: number, count: number }[]} */
  const runs = [];
  for (const { number, place } of entries) {
    const last = runs.at(-1);
    if (last !== undefined && number === last.number + last.count && place === last.place + last.count) {
      last.count++;
    } else {
      runs.push({ number, place, count: 1 });
    }
  }
  return runs.flatMap(({ number, place, count }) => [number, place, count]);
}

/**
 * @param {string} file
 * @param {readonly string[]} architectures the native one first
 * @param {readonly string[]} inner names without a number, which profiles use nevertheless
 */
export function table(file, architectures, inner = []) {
  const numbers = architectures.map(numbersOf);
  const names = [...new Set([...numbers.flatMap(known => [...known.keys()]), ...inner])];
  // Sorted by number, because then runs are long.
  names.sort((a, b) => {
    for (const known of numbers) {
      const order = (known.get(a) ?? 1_000_000) - (known.get(b) ?? 1_000_000);
      if (order !== 0) return order;
    }
    return 0;
  });
  /** @type {Map<string, number>} */
  const places = new Map();
  /** @type {Map<string, number>} */
  const known = new Map();
  for (const name of names) {
    // Two names of one call share a place.
    const call = numbers.map(of => of.get(name) ?? '-').join();
    const place = (inner.includes(name) ? undefined : known.get(call)) ?? new Set(places.values()).size;
    known.set(call, place);
    places.set(name, place);
  }
  const runs = architectures.map((architecture, i) => {
    const own = /** @type {Map<string, number>} */ (numbers[i]);
    return `    ${architecture}: [${runsOf(own, places).join(', ')}],`;
  });
  return {
    path: `src/seccomp/${file}`,
    text: [
      '// SPDX-License-Identifier: Apache-2.0',
      '// Written by native/build/syscalls.mjs from the headers of the kernel.',
      "import type { SyscallTable } from './architectures.ts';",
      '',
      `export const ${file === 'syscalls-x86.ts' ? 'x86Syscalls' : 'armSyscalls'}: SyscallTable = {`,
      '  places: {',
      ...[...places].map(([name, place]) => `    ${name}: ${place},`),
      '  },',
      '  runs: {',
      ...runs,
      '  },',
      '};',
      '',
    ].join('\n'),
  };
}

/** Both tables in the form of the sources. */
export const tables = () => [
  // Only socketcall(2) contains these.
  table('syscalls-x86.ts', ['x86_64', 'x86', 'x32'], ['recv', 'send']),
  table('syscalls-arm.ts', ['aarch64', 'arm']),
];

if (process.argv[1]?.endsWith('syscalls.mjs')) {
  await script(async () => {
    for (const { path, text } of tables()) writeFileSync(join(top, path), text);
    return 0;
  });
}
