// SPDX-License-Identifier: Apache-2.0
// Writes the system call numbers of the kernel's headers to src/seccomp/. The result is checked in, because the headers
// of all of them are on few machines.
//   node .ci/syscalls.mjs     Debian: linux-libc-dev, linux-libc-dev-arm64-cross, linux-libc-dev-armhf-cross
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

/** What kernels after these headers have, the same number everywhere unless said. */
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
 * Names and numbers of one architecture; those of x32 without the bit that marks them.
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
 * @param {string} file
 * @param {readonly string[]} architectures the native one first
 */
export function table(file, architectures) {
  const numbers = architectures.map(numbersOf);
  const native = /** @type {Map<string, number>} */ (numbers[0]);
  const names = [...new Set(numbers.flatMap(known => [...known.keys()]))];
  const place = (/** @type {string} */ name) => native.get(name) ?? 1_000_000;
  names.sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
  /** @type {string[]} */
  const lines = [];
  for (const name of names) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + name.length < 108) lines[lines.length - 1] = `${last} ${name}`;
    else lines.push(name);
  }
  const arrays = architectures.map((architecture, i) => {
    const known = /** @type {Map<string, number>} */ (numbers[i]);
    return `    ${architecture}: [${names.map(name => known.get(name) ?? -1).join(', ')}],`;
  });
  return {
    path: `src/seccomp/${file}`,
    text: [
      '// SPDX-License-Identifier: Apache-2.0',
      '// Written by .ci/syscalls.mjs from the headers of the kernel.',
      "import type { SyscallTable } from './architectures.ts';",
      '',
      '/** A function, so that a start which needs no filter does not make the lists. */',
      `export function ${file === 'syscalls-x86.ts' ? 'x86Syscalls' : 'armSyscalls'}(): SyscallTable {`,
      '  return {',
      '    names:',
      `${lines.map((line, i) => `      '${line}${i + 1 < lines.length ? " '" : "',"}`).join(' +\n')}`,
      ...arrays,
      '  };',
      '}',
      '',
    ].join('\n'),
  };
}

/** Both tables, as they belong into the sources. */
export const tables = () => [
  table('syscalls-x86.ts', ['x86_64', 'x86', 'x32']),
  table('syscalls-arm.ts', ['aarch64', 'arm']),
];

if (process.argv[1]?.endsWith('syscalls.mjs')) {
  await script(async () => {
    for (const { path, text } of tables()) writeFileSync(join(top, path), text);
    return 0;
  });
}
