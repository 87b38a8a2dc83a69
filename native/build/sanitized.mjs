// SPDX-License-Identifier: Apache-2.0
// The executable, its init and its keeper with AddressSanitizer and UndefinedBehaviorSanitizer, for npm run
// test:sanitized. C library, C++ library and heap are those of the machine, because the sanitizers need them. The engine is
// compiled without the changes of quickjs.mjs and without sanitizers.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { gypTarget } from './gyp.mjs';
import { engineSources, findEngine } from './quickjs.mjs';
import { filesBelow, run, stage, top } from './stage.mjs';
import { programSource, standalone } from './standalone.mjs';
import { compile, nativeArch, toolchain, versionOf } from './toolchain.mjs';

const into = 'build/sanitized';
export const sanitizedExecutable = `${into}/tsubo`;

/** The process ends at the first error. The check of virtual tables needs RTTI, which the code is compiled without. */
const sanitizers = [
  ...['-fsanitize=address,undefined', '-fno-sanitize=vptr', '-fno-sanitize-recover=all'],
  ...['-O1', '-g1', '-fno-omit-frame-pointer', '-fno-pie'],
];
// Position dependent, because the sanitizer of GCC 12 crashes if the kernel places an executable in its region.
const link = ['-no-pie', '-fsanitize=address,undefined'];

/** Sources that the machine's libraries replace, and the entry point, which test/native/sanitized-entry.cc replaces. */
const replaced = /\/(compile|cxx|heap|entry|memory)\.cc$/;

/**
 * Compiles and links a program with sanitizers.
 * @param {'tsubo' | 'tsubo-init' | 'tsubo-keeper' | 'tsubo-reaper'} target of binding.gyp
 * @param {readonly string[]} more sources
 * @param {readonly string[]} flags
 * @param {readonly string[]} objects
 */
async function program(target, more, flags = [], objects = []) {
  const { cxx } = toolchain(nativeArch());
  const { sources, compile: own } = gypTarget(target, nativeArch());
  const wanted = [...sources.filter(path => !path.startsWith('native/napi/')), ...more];
  const compiled = await compile({
    units: wanted
      .filter(path => !replaced.test(path))
      .map(source => ({ source, compiler: cxx, flags: [...own, ...flags, ...sanitizers] })),
    into: `${into}/objects/${target}`,
  });
  const out = `${into}/${target}`;
  await run(cxx, [...link, '-o', out, ...compiled, ...objects]);
  return out;
}

/** Builds `sanitizedExecutable`. */
export async function sanitized() {
  const arch = nativeArch();
  const { cc, cxx } = toolchain(arch);
  const engine = await findEngine();
  await standalone(arch);
  const bytecode = programSource(arch);
  const options = 'test/native/sanitizer-options.cc';
  const entry = 'test/native/sanitized-entry.cc';
  await stage({
    name: 'sanitized',
    saying: 'building the executable with sanitizers',
    into,
    inputs: [
      ...filesBelow(
        ['native', 'binding.gyp'],
        path => !/^native\/(hello|napi|build(?!\/sanitized))/.test(path),
      ),
      ...[bytecode, options, entry],
    ],
    outputs: [sanitizedExecutable],
    also: [engine.sha256, await versionOf(cxx)],
    make: async () => {
      mkdirSync(join(top, into), { recursive: true });
      const images = `${into}/images.cc`;
      const init = await program('tsubo-init', [entry, options]);
      const keeper = await program('tsubo-keeper', [entry, options]);
      const reaper = await program('tsubo-reaper', [entry, options]);
      const programs = ['Init', init, 'Keeper', keeper, 'Reaper', reaper];
      await run(process.execPath, ['native/init/embed.cjs', images, ...programs]);
      const objects = await compile({
        units: engineSources({ ...engine, pinned: false }, into).map(source => ({
          source,
          compiler: cc,
          flags: ['-O2', '-w', '-fno-pie', '-D_GNU_SOURCE', '-DNDEBUG', `-I${engine.directory}`],
        })),
        into: `${into}/objects/engine`,
      });
      const own = filesBelow(['native/standalone'], path => path.endsWith('.cc'));
      await program('tsubo', [...own, bytecode, images, options], ['-isystem', engine.directory], objects);
    },
  });
}
