// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gypTarget } from '../../native/build/gyp.mjs';
import { type Arch, toolchain } from '../../native/build/toolchain.mjs';
import { requires } from '../helpers/requires.ts';

/** Symbols that the compiler inserts. */
const allowedSymbols = new Set([
  // Guards in functions that have arrays: native/init/stack_guard.cc, in the host the C library.
  ...['__stack_chk_fail', '__stack_chk_guard'],
  // Copies, fills and comparisons of structures: native/core/memory.cc, in the host the C library.
  ...['memcpy', 'memmove', 'memset', 'memcmp'],
  // Position independent code; the linker defines it.
  '_GLOBAL_OFFSET_TABLE_',
]);

/** Headers of the project, the compiler and the kernel; stdc-predef.h contains no declarations. */
const allowedHeaders = [
  /^native\/(core|init|keeper|reaper|spawn|wire)\//,
  /\/lib\/gcc(-cross)?\/[^/]+\/\d+\/include\//,
  /\/include\/([^/]+-linux-gnu\/)?(linux|asm|asm-generic)\//,
  /\/stdc-predef\.h$/,
];

/** Constructors and thread-local variables need the start code of a C library. */
const startSections = /\.(init_array|ctors|tdata|tbss)\b/;

/** The parts of a C library that sources use. */
interface Uses {
  symbols: string[];
  headers: string[];
  sections: string[];
}

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsubo-no-libc-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8' });
}

/** Compiles the sources with the flags of the target of binding.gyp, and links the objects with nothing else. */
function usesOf(
  sources: readonly string[],
  target: 'tsubo-init' | 'tsubo-keeper' | 'tsubo-reaper' | 'tsubo',
  arch: Arch,
): Uses {
  const { cxx } = toolchain(arch);
  const prefix = /^(.*-)g\+\+$/.exec(cxx)?.[1] ?? '';
  // Freestanding, because <stdint.h> is then the compiler's.
  const flags = [...gypTarget(target, arch).compile, '-ffreestanding'];
  const objects = sources.map(source => {
    const object = join(directory, `${basename(source)}.o`);
    run(cxx, ...flags, '-MD', '-c', source, '-o', object);
    return object;
  });
  const headers = objects.flatMap(object => {
    const rule = readFileSync(object.replace(/\.o$/, '.d'), 'utf8').replaceAll('\\\n', ' ');
    // The target, the source, the headers.
    return rule.trim().split(/\s+/).slice(2);
  });
  const linked = join(directory, 'linked');
  run(cxx, '-r', '-nostdlib', '-o', linked, ...objects);
  return {
    symbols: run(`${prefix}nm`, '--undefined-only', '--just-symbols', linked)
      .split('\n')
      .filter(name => name !== '' && !allowedSymbols.has(name)),
    headers: [...new Set(headers)].filter(path => !allowedHeaders.some(allowed => allowed.test(path))).sort(),
    sections: run(`${prefix}objdump`, '--section-headers', linked)
      .split('\n')
      .flatMap(line => startSections.exec(line)?.[0] ?? []),
  };
}

const nothing: Uses = { symbols: [], headers: [], sections: [] };

const core = readdirSync('native/core')
  .filter(name => name.endsWith('.cc'))
  .map(name => `native/core/${name}`);

/** A cross compiler exists for arm64 only. */
const compilers = [
  [process.arch as Arch, 'g++'],
  ...(process.arch === 'arm64' ? [] : [['arm64', 'aarch64-linux-gnu-g++'] as const]),
] as const;

describe.each(compilers)('for %s', (arch, compiler) => {
  describe.skipIf(requires(compiler))('no C library', () => {
    test('is used by the code inside the container', () => {
      expect(gypTarget('tsubo-init', arch).sources).toEqual(expect.arrayContaining(core));
      expect(usesOf(gypTarget('tsubo-init', arch).sources, 'tsubo-init', arch)).toEqual(nothing);
    });

    test('is used by the keeper', () => {
      expect(usesOf(gypTarget('tsubo-keeper', arch).sources, 'tsubo-keeper', arch)).toEqual(nothing);
    });

    test('is used by the init of a container of an image', () => {
      expect(usesOf(gypTarget('tsubo-reaper', arch).sources, 'tsubo-reaper', arch)).toEqual(nothing);
    });

    test('is used between the clone and the exec of the init', () => {
      expect(usesOf(['native/spawn/child.cc'], 'tsubo', arch)).toEqual(nothing);
    });

    test('is found where there is one', () => {
      const wrong = join(directory, 'wrong.cc');
      writeFileSync(
        wrong,
        `#include <string.h>
         #include <new>
         struct Counted { Counted(); int count; };
         Counted::Counted() : count(static_cast<int>(strlen(strerror(1)))) {}
         Counted counted;
         thread_local int* numbers;
         int use() { numbers = new int[counted.count]; return numbers[0]; }\n`,
      );
      const { symbols, headers, sections } = usesOf([wrong], 'tsubo-init', arch);
      expect(symbols).toEqual(['_Znam', 'strerror', 'strlen']);
      expect(headers).toContainEqual(expect.stringMatching(/\/include\/string\.h$/));
      expect(sections).toEqual(expect.arrayContaining(['.init_array', '.tbss']));
    });
  });
});
