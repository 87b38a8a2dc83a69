// SPDX-License-Identifier: Apache-2.0
// npm run build:standalone [-- --arch x64|arm64] [--into DIR]: the runtime as one static executable, DIR/ARCH/tsubo
// (default: build/standalone). An architecture other than that of this machine is cross-compiled (Debian:
// g++-aarch64-linux-gnu).
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { dropSegment, fillSegment, isDynamic } from './elf.mjs';
import { gypHardening, gypTarget } from './gyp.mjs';
import { findMusl, muslHeaders } from './musl.mjs';
import { findProgram } from './programs.mjs';
import { engineSources, findEngine } from './quickjs.mjs';
import { Failure, filesBelow, run, say, script, stage, top, Unavailable } from './stage.mjs';
import {
  architectures,
  compile,
  lacksCompiler,
  nativeArch,
  strictness,
  toolchain,
  versionOf,
} from './toolchain.mjs';
import { namesOfKnown } from './versions.mjs';

const require = createRequire(import.meta.url);

/** A larger executable fails the build, because engines start it for every call and loading it must be fast. */
const largestBytes = 6 << 20;

const sections = ['-ffunction-sections', '-fdata-sections'];
// Position dependent, because the snapshot is: native/standalone/README.md, "Hardening".
const position = ['-fno-pic', '-fno-pie'];

/**
 * Code for a C library other than that of the compiler (native/standalone/README.md): no tables for unwinding, no calls
 * that only glibc and libgcc provide.
 * @param {import('./toolchain.mjs').Arch} arch
 */
function forMusl(arch) {
  return [
    '-fno-asynchronous-unwind-tables',
    '-fno-unwind-tables',
    '-fno-math-errno',
    '-U_FORTIFY_SOURCE',
    ...(arch === 'arm64' ? ['-mno-outline-atomics'] : []),
  ];
}

/** Address of the bytecode: behind all other segments, because it is removed later. */
const programAddress = 0x20000000n;
/** Address of the heap of the engine: native/standalone/README.md. Far from the addresses of the linker. */
const arenaAddress = 0x10000000n;
/** The recorded results of the binding, with which the build rehearses commands. */
export const recording = 'src/standalone/rehearsal.json';
/** The program that runs an arm64 executable on another machine to make its snapshot. */
const emulator = 'qemu-aarch64-static';

/**
 * @param {import('./toolchain.mjs').Arch} arch
 * @param {string} [into]
 */
export function executable(arch, into = 'build/standalone') {
  return `${into}/${arch}/tsubo`;
}

/**
 * Returns the path of the C++ source with the program's bytecode, which the build of the executable writes.
 * @param {import('./toolchain.mjs').Arch} arch
 */
export function programSource(arch, into = 'build/standalone') {
  return `${into}/${arch}/bytecode.cc`;
}

/**
 * Inputs of a build. `built-with.json` beside the executable contains their versions. A test reads it, which fails in CI
 * if a version is not pinned.
 * @typedef {object} BuildInputs
 * @property {import('./quickjs.mjs').Engine} engine
 * @property {import('./musl.mjs').Musl} musl of the architecture
 * @property {import('./toolchain.mjs').Arch} arch
 * @property {string} into `build/standalone/x64`
 */

/**
 * @param {import('./toolchain.mjs').Arch} [arch]
 * @param {string} [into] from the top
 */
export async function standalone(arch = nativeArch(), into = 'build/standalone') {
  for (const needed of [nativeArch(), arch]) {
    const lack = lacksCompiler(needed);
    if (lack !== undefined) throw new Unavailable(lack);
  }
  const engine = await findEngine();
  const musl = await findMusl(arch);
  // The bytecode compiler runs on this machine, and is linked with musl too.
  const machineInputs = {
    engine,
    arch: nativeArch(),
    musl: await findMusl(nativeArch()),
    into: `${into}/${nativeArch()}`,
  };
  const targetInputs = { engine, arch, musl, into: `${into}/${arch}` };
  await stage({
    name: `standalone-${arch}`,
    saying: `building the standalone executable (${arch})`,
    into,
    inputs: filesBelow(['src', 'native', 'package-lock.json', 'tsconfig.json', 'binding.gyp'], path =>
      /^(?!native\/(hello|napi|build(?!\/(standalone|toolchain|gyp|quickjs|musl|elf)\b)))/.test(path),
    ),
    outputs: [executable(arch, into)],
    also: [engine.sha256, machineInputs.musl.sha256, musl.sha256, await versionOf(toolchain(arch).cxx)],
    make: async () => {
      try {
        await make(machineInputs, targetInputs);
      } catch (error) {
        // The interface of another version may differ.
        if (!(error instanceof Failure) || engine.pinned) throw error;
        throw new Unavailable(`${error.message}\n${otherEngine(engine)}, and the build with it failed`);
      }
      const { version, sha256, pinned } = engine;
      const record = {
        engine: { version, sha256, pinned },
        musl: { version: musl.version, sha256: musl.sha256 },
      };
      writeFileSync(join(top, targetInputs.into, 'built-with.json'), `${JSON.stringify(record, null, 2)}\n`);
    },
  });
  if (!engine.pinned) {
    say(`${otherEngine(engine)}: the executable is correct and starts slower (native/standalone/README.md)`);
  }
  if (musl.version === undefined) {
    say(`the executable contains a musl that is not tested: ${namesOfKnown('musl')} are`);
  }
}

/** @param {import('./quickjs.mjs').Engine} engine */
function otherEngine({ version, sha256 }) {
  const what = `QuickJS-NG ${version} (${sha256.slice(0, 12)})`;
  return `${what} is not the pinned version, ${namesOfKnown('quickjs-ng')}`;
}

/**
 * @param {BuildInputs} machineInputs
 * @param {BuildInputs} targetInputs
 */
async function make(machineInputs, targetInputs) {
  const engine = await engineObjects(targetInputs);
  const program = await bytecode(
    await compiler(machineInputs),
    programSource(targetInputs.arch, dirname(targetInputs.into)),
  );
  const embedded = await images(targetInputs);
  const host = await hostObjects(targetInputs, [program, embedded]);
  await link(targetInputs, [...host, ...engine]);
}

/**
 * Builds the executables that this machine can build, and prints why it cannot build the others.
 * @param {readonly import('./toolchain.mjs').Arch[]} archs
 */
export async function standaloneWherePossible(archs = architectures) {
  for (const arch of archs) {
    try {
      await standalone(arch);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      // An executable of an earlier build must not be tested.
      rmSync(join(top, executable(arch)), { force: true });
      say(`${error.message}\nno standalone executable for ${arch}`);
    }
  }
}

/**
 * The TypeScript, bundled and compiled for the engine, as a C++ source: see native/standalone/bytecode.h.
 *
 * @param {string} compileTool
 * @param {string} out
 */
async function bytecode(compileTool, out) {
  const program = join(dirname(out), 'program.js');
  /** @type {typeof import('esbuild')} */
  const esbuild = require('esbuild');
  try {
    await esbuild.build({
      absWorkingDir: top,
      entryPoints: ['src/standalone/main.ts'],
      outfile: program,
      bundle: true,
      format: 'iife',
      // The global whose members native/standalone/main.cc calls.
      globalName: 'tsuboProgram',
      platform: 'neutral',
      target: 'es2022',
      mainFields: ['module', 'main'],
      minifySyntax: true,
      // Fewer names in the heap: 2 % of a short command, and 11 page faults less in `features`.
      minifyIdentifiers: true,
      legalComments: 'none',
      logLevel: 'warning',
      alias: { commander: './src/standalone/shims/commander.ts' },
    });
  } catch (error) {
    throw new Failure(`esbuild: ${/** @type {Error} */ (error).message.split('\n')[0]}`);
  }
  await run(compileTool, [out, program]);
  return out;
}

/**
 * Builds the bytecode compiler. It runs on this machine for any target: the bytecode is the same.
 * @param {BuildInputs} machineInputs
 */
async function compiler(machineInputs) {
  const tool = `${machineInputs.into}/compile`;
  const own = ['compile', 'cxx', 'heap'].map(name => `native/standalone/${name}.cc`);
  const objects = await compile({
    units: await hostUnits(machineInputs, own),
    into: `${machineInputs.into}/objects`,
  });
  await linkStatic(machineInputs, tool, [...objects, ...(await engineObjects(machineInputs))]);
  return join(top, tool);
}

/** @param {BuildInputs} inputs */
async function engineObjects({ engine, musl, arch, into }) {
  const { cc } = toolchain(arch);
  // -w: warnings in the engine's own sources are not printed.
  const own = ['-O2', '-w', '-D_GNU_SOURCE', '-DNDEBUG', '-Inative', `-I${engine.directory}`];
  const flags = [
    ...own,
    ...gypHardening(arch),
    ...sections,
    ...position,
    ...forMusl(arch),
    ...(await muslHeaders(musl, cc, into)),
  ];
  return compile({
    units: engineSources(engine, `${into}/engine`).map(source => ({ source, compiler: cc, flags })),
    into: `${into}/objects/engine`,
  });
}

/**
 * The programs that the host embeds, as a C++ source.
 * @param {BuildInputs} inputs
 */
async function images(inputs) {
  const out = `${inputs.into}/images.cc`;
  const init = await programAlone(inputs, 'tsubo-init');
  const keeper = await programAlone(inputs, 'tsubo-keeper');
  const reaper = await programAlone(inputs, 'tsubo-reaper');
  const programs = ['Init', init, 'Keeper', keeper, 'Reaper', reaper];
  await run(process.execPath, ['native/init/embed.cjs', out, ...programs]);
  return out;
}

/**
 * A program without a C library.
 * @param {BuildInputs} inputs
 * @param {string} name
 */
async function programAlone({ arch, into }, name) {
  const { cxx } = toolchain(arch);
  const target = gypTarget(name, arch);
  const flags = [...target.compile, ...(await strictness(cxx))];
  const objects = await compile({
    units: target.sources.map(source => ({ source, compiler: cxx, flags })),
    into: `${into}/objects/${name}`,
  });
  const program = `${into}/${name}`;
  await run(cxx, [...target.link, '-o', program, ...objects]);
  return program;
}

/**
 * The host: the sources of the addon, with native/standalone in place of native/napi.
 * @param {BuildInputs} inputs
 * @param {readonly string[]} generated
 */
async function hostObjects(inputs, generated) {
  const shared = gypTarget('tsubo', inputs.arch).sources.filter(path => !path.startsWith('native/napi/'));
  const own = filesBelow(
    ['native/standalone'],
    path => path.endsWith('.cc') && !path.endsWith('/compile.cc'),
  );
  return compile({
    units: await hostUnits(inputs, [...shared, ...own, ...generated]),
    into: `${inputs.into}/objects`,
  });
}

/**
 * @param {BuildInputs} inputs
 * @param {readonly string[]} sources
 */
async function hostUnits({ engine, musl, arch, into }, sources) {
  const { cxx } = toolchain(arch);
  const own = [...gypTarget('tsubo', arch).compile, '-O2', ...(await strictness(cxx))];
  const flags = [
    ...own,
    ...sections,
    ...position,
    ...forMusl(arch),
    ...(engine.pinned ? ['-DTSUBO_PINNED_ENGINE'] : []),
    ...['-isystem', engine.directory],
    ...(await muslHeaders(musl, cxx, into)),
  ];
  return sources.map(source => ({ source, compiler: cxx, flags }));
}

/**
 * @param {BuildInputs} inputs
 * @param {string} out
 * @param {readonly string[]} objects
 */
async function linkStatic({ arch, musl }, out, objects) {
  /** @param {readonly string[]} names */
  const ofMusl = (...names) => names.map(name => join(musl.lib, name));
  const flags = [
    '-static',
    '-nostdlib',
    '-no-pie',
    '-s',
    '-Wl,--gc-sections',
    '-Wl,--build-id=none',
    '-Wl,-z,noexecstack',
    '-Wl,-z,separate-code',
    `-Wl,--section-start=.tsubo_arena=0x${arenaAddress.toString(16)}`,
    `-Wl,--section-start=.tsubo_program=0x${programAddress.toString(16)}`,
  ];
  const begin = ofMusl('crt1.o', 'crti.o');
  const end = ofMusl('libc.a').concat('-lgcc', ofMusl('libc.a', 'crtn.o'));
  await run(toolchain(arch).cxx, [...flags, '-o', out, ...begin, ...objects, ...end]);
}

/**
 * @param {BuildInputs} inputs
 * @param {readonly string[]} objects
 */
async function link(inputs, objects) {
  const { arch, engine } = inputs;
  const out = executable(arch, dirname(inputs.into));
  const fresh = `${out}.${process.pid}`;
  await linkStatic(inputs, fresh, objects);
  const linked = readFileSync(join(top, fresh));
  // The first number of the arena is neither that of a snapshot nor 0, which would permit making one.
  const bytecodeOnly = fillSegment(linked, arenaAddress, Buffer.from([1, ...Buffer.alloc(4095)]));
  writeFileSync(join(top, `${out}-bytecode`), bytecodeOnly, { mode: 0o755 });
  const snapshot = engine.pinned ? await heapSnapshot(arch, fresh) : undefined;
  const file =
    snapshot === undefined
      ? bytecodeOnly
      : fillSegment(dropSegment(linked, programAddress), arenaAddress, snapshot);
  writeFileSync(join(top, fresh), file);
  const problem =
    file.length > largestBytes
      ? `has ${file.length} bytes, more than ${largestBytes}`
      : isDynamic(file)
        ? 'needs a dynamic linker'
        : undefined;
  if (problem !== undefined) {
    rmSync(join(top, fresh));
    throw new Failure(`${out} ${problem}`);
  }
  // Another process may be running the old executable.
  renameSync(join(top, fresh), join(top, out));
}

/**
 * The heap of the executable after it has loaded the program; undefined if it cannot be determined here. The executable
 * then loads its bytecode at every start, like `tsubo-bytecode` beside it, which tests use.
 *
 * @param {import('./toolchain.mjs').Arch} arch
 * @param {string} program
 */
async function heapSnapshot(arch, program) {
  const native = arch === nativeArch();
  const found = arch === 'arm64' ? findProgram(emulator) : undefined;
  if (!native && found === undefined) {
    say(`no ${emulator}: the executable for ${arch} has no snapshot and starts a little slower`);
    return undefined;
  }
  const file = join(top, `${program}.snapshot`);
  const order = join(top, `${program}.order`);
  /** @param {readonly string[]} words */
  const execute = async words => {
    const command = [...(native || found === undefined ? [] : [found]), join(top, program), ...words];
    return await run(command[0] ?? '', command.slice(1));
  };
  const stale = await execute(['--rehearse', order, join(top, recording)]);
  if (stale !== '') say(`${recording} is old, and commands need more memory: npm run rehearse\n${stale}`);
  await execute(['--write-snapshot', file, order]);
  const contents = readFileSync(file);
  for (const path of [file, order]) rmSync(path);
  return contents;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await script(async () => {
    const { values } = options();
    const arch = architectures.find(name => name === (values.arch ?? nativeArch()));
    if (arch === undefined) throw new Failure(`--arch: ${architectures.join(' or ')}`);
    await build(['packages']);
    await standalone(arch, values.into);
    return 0;
  });
}

/** The command line. */
function options() {
  try {
    return parseArgs({ options: { arch: { type: 'string' }, into: { type: 'string' } } });
  } catch (error) {
    throw new Failure(
      `${/** @type {Error} */ (error).message}\nusage: npm run build:standalone -- [--arch ARCH] [--into DIR]`,
    );
  }
}
