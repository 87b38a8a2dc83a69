// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Arch, toolchain } from '../../native/build/toolchain.mjs';
import { requires } from '../helpers/requires.ts';

/** Headers of the C library and the kernel that define the names. */
const headers = [
  ...['sys/mount.h', 'sys/socket.h', 'sys/statvfs.h', 'unistd.h', 'net/if.h', 'linux/ioprio.h'],
];

/**
 * Names whose value in the headers differs from the expected one, or that the headers do not define.
 * @param constants the expected values, as C expressions
 */
function different(constants: readonly (readonly [name: string, value: string])[], arch: Arch): string[] {
  const source = [
    '#define _GNU_SOURCE',
    ...headers.map(header => `#include <${header}>`),
    ...constants.map(
      ([name, value]) => `_Static_assert((unsigned long long)(${name}) == (${value}), "@${name}@");`,
    ),
  ].join('\n');
  const { stderr } = spawnSync(toolchain(arch).cc, ['-fsyntax-only', '-x', 'c', '-'], {
    input: source,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  return [
    ...[...stderr.matchAll(/static assertion failed: "@(\w+)@"/g)].map(
      ([, name]) => `${name} has another value`,
    ),
    ...[...stderr.matchAll(/error: '(\w+)' undeclared/g)].map(([, name]) => `${name} is unknown`),
    ...[...stderr.matchAll(/fatal error: .*/g)].map(([message]) => message),
  ];
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
      const constants = [...text.matchAll(/^#define (\w+) (\w+)$/gm)].map(
        ([, name = '', value = '']) => [name, value] as const,
      );
      expect(constants.length).toBeGreaterThan(15);
      expect(different(constants, arch)).toEqual([]);
    });

    test('are found where one is wrong or unknown', () => {
      expect(
        different(
          [
            ['X_OK', '3'],
            ['MNT_DETACH', '2'],
            ['NO_SUCH_NAME', '1'],
          ],
          arch,
        ),
      ).toEqual(['X_OK has another value', 'NO_SUCH_NAME is unknown']);
    });
  });
});
