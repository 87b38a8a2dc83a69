// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Arch, toolchain } from '../../native/build/toolchain.mjs';
import { errno } from '../../src/errors/errno.ts';
import { ioClasses, schedulerFlags, schedulerPolicies } from '../../src/oci/scheduler.ts';
import { requires } from '../helpers/requires.ts';

type Constant = readonly [name: string, value: string];

/** Headers of the C library and of the kernel: some of them cannot be included together. */
const headers = [
  'errno fcntl net/if sched signal sys/mount sys/resource sys/socket sys/stat sys/statvfs unistd',
  'asm/fcntl linux/audit linux/bpf linux/capability linux/filter linux/ioprio linux/landlock linux/magic linux/mempolicy linux/mount linux/personality linux/sched linux/seccomp',
  'linux/netfilter linux/netfilter/nf_tables linux/netfilter/nf_tables_compat linux/netfilter/nfnetlink linux/netfilter/nfnetlink_conntrack',
].map(names => names.split(' ').map(name => `#include <${name}.h>`));

/** Names of later kernels than the headers of Debian 12. */
const absent = [
  ...['LANDLOCK_ACCESS_FS_TRUNCATE', 'LANDLOCK_ACCESS_FS_IOCTL_DEV'],
  ...['LANDLOCK_ACCESS_NET_BIND_TCP', 'LANDLOCK_ACCESS_NET_CONNECT_TCP'],
  ...['LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET', 'LANDLOCK_SCOPE_SIGNAL'],
  'MPOL_WEIGHTED_INTERLEAVE',
];

/** Compares the constants with the headers: the names with another value there, and those that no header defines. */
function compare(constants: readonly Constant[], arch: Arch): { different: string[]; unknown: string[] } {
  const checks = constants.map(
    ([name, value]) => `_Static_assert((unsigned long long)(${name}) == (${value}ull), "@${name}@");`,
  );
  const answers = headers.map(includes => {
    const { stderr } = spawnSync(toolchain(arch).cc, ['-fsyntax-only', '-x', 'c', '-'], {
      input: ['#define _GNU_SOURCE', ...includes, ...checks].join('\n'),
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    });
    const found = (pattern: RegExp) => [...stderr.matchAll(pattern)].map(([, name = '']) => name);
    expect(found(/fatal error: (.*)/g)).toEqual([]);
    return {
      different: found(/static assertion failed: "@(\w+)@"/g),
      unknown: new Set(found(/error: '(\w+)' undeclared/g)),
    };
  });
  return {
    different: [...new Set(answers.flatMap(({ different }) => different))],
    unknown: constants
      .map(([name]) => name)
      .filter(name => answers.every(({ unknown }) => unknown.has(name))),
  };
}

/** The constants of the TypeScript side: exported numbers with the kernel's names, alone or in a table. */
async function constantsOfTypeScript(): Promise<Constant[]> {
  const files = readdirSync('src/kernel').map(name => `../../src/kernel/${name}`);
  const modules: object[] = await Promise.all(files.map(path => import(path)));
  const exported = modules.flatMap(module => Object.entries(module));
  return [...exported, ['errno', errno] as const].flatMap(([name, value]) =>
    typeof value === 'number'
      ? [[name, String(value)] as const]
      : Object.entries(value as Record<string, number>).map(
          ([key, number]) => [key, String(number)] as const,
        ),
  );
}

/** A cross compiler exists for arm64 only. */
const compilers = [
  [process.arch as Arch, 'g++'],
  ...(process.arch === 'arm64' ? [] : [['arm64', 'aarch64-linux-gnu-g++'] as const]),
] as const;

describe.each(compilers)('for %s', (arch, compiler) => {
  describe.skipIf(requires(compiler))('the constants', () => {
    test('of the init that no header of the kernel has are those of the C library', () => {
      const text = readFileSync('native/core/kernel.h', 'utf8');
      const constants = [...text.matchAll(/^#define (\w+) ([0-9]\w*)$/gm)].map(
        ([, name = '', value = '']) => [name, value] as const,
      );
      expect(constants.length).toBeGreaterThan(15);
      expect(compare(constants, arch)).toEqual({ different: [], unknown: [] });
    });

    test('of the TypeScript side are those of the headers', async () => {
      const constants = await constantsOfTypeScript();
      expect(constants.length).toBeGreaterThan(200);
      const { different, unknown } = compare(constants, arch);
      expect(different).toEqual([]);
      expect(unknown.filter(name => !absent.includes(name))).toEqual([]);
    });

    test('of schedulers have the numbers of their places in the lists', () => {
      const constants = [
        ...schedulerPolicies.map((name, index) => [name, String(index)] as const),
        ...schedulerFlags.map((name, index) => [name, String(1 << index)] as const),
        ...ioClasses.map((name, index) => [name, String(index + 1)] as const),
      ];
      expect(compare(constants, arch)).toEqual({ different: [], unknown: [] });
    });

    test('are found where one is wrong or unknown', () => {
      const wrong: Constant[] = [
        ['X_OK', '3'],
        ['MNT_DETACH', '2'],
        ['NO_SUCH_NAME', '1'],
      ];
      expect(compare(wrong, arch)).toEqual({ different: ['X_OK'], unknown: ['NO_SUCH_NAME'] });
    });
  });
});
