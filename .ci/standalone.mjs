// SPDX-License-Identifier: Apache-2.0
// npm run build:standalone [-- --arch x64|arm64]: the runtime as one static executable, build/standalone/ARCH/tsubo.
// Another architecture than this machine's is cross-compiled (Debian: g++-aarch64-linux-gnu).
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { dropSegment, fillSegment, isDynamic } from './elf.mjs';
import { gypTarget } from './gyp.mjs';
import { muslDirectory } from './musl.mjs';
import { quickjsDirectory, quickjsSources, withImmortals } from './quickjs.mjs';
import { Failure, filesBelow, run, say, script, stage, top, Unavailable } from './stage.mjs';
import { architectures, compile, lacksCompiler, nativeArch, toolchain, versionOf } from './toolchain.mjs';
import { findProgram } from './tools.mjs';

const require = createRequire(import.meta.url);

/** What engines start for every call has to be in memory fast. */
const largestBytes = 4 << 20;

const sections = ['-ffunction-sections', '-fdata-sections'];
// Position dependent: applying the relocations of a static PIE costs 65 us of every start (2 % of `--version`, 1,400
// interleaved rounds) and 110 KB.
const position = ['-fno-pic', '-fno-pie'];

/**
 * For another C library than the compiler's own (native/standalone/README.md): nothing that only that one has.
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

/** Where the bytecode is: behind all else, so that it can be cut off. */
const program = 0x20000000n;
/** Where the engine's heap is: native/standalone/README.md. Far from what the linker places. */
const arena = 0x10000000n;
/** Runs an executable for another architecture than this machine's, so that it makes its snapshot. */
const emulator = 'qemu-aarch64-static';

/** What quickjs.mjs puts into the engine. */
const settling = ['native/standalone/immortal.h', 'native/standalone/settle.h'];

/** @param {import('./toolchain.mjs').Arch} arch */
export function executable(arch) {
  return `build/standalone/${arch}/tsubo`;
}

/** @param {import('./toolchain.mjs').Arch} [arch] */
export async function standalone(arch = nativeArch()) {
  for (const needed of [nativeArch(), arch]) {
    const lack = lacksCompiler(needed);
    if (lack !== undefined) throw new Unavailable(lack);
  }
  const quickjs = await quickjsDirectory();
  const musl = await muslDirectory(arch);
  await stage({
    name: `standalone-${arch}`,
    saying: `building the standalone executable (${arch})`,
    into: 'build/standalone',
    inputs: filesBelow(['src', 'native', 'package-lock.json', 'binding.gyp', '.ci'], path =>
      /^(src|native\/(?!hello|napi)|binding|package|\.ci\/(standalone|toolchain|gyp|quickjs)\b)/.test(path),
    ),
    outputs: [executable(arch)],
    also: [hashOf(quickjs), musl, await versionOf(toolchain(arch).cxx)],
    make: async () => {
      const into = `build/standalone/${arch}`;
      const engine = await engineObjects(quickjs, arch);
      const program = await bytecode(await compiler(quickjs), `${into}/bytecode.cc`);
      const init = await initImage(arch, `${into}/init_image.cc`);
      const host = await hostObjects(quickjs, arch, [program, init]);
      await link(arch, musl, [...host, ...engine], executable(arch));
    },
  });
}

/**
 * The executables that can be built here; says of the others why not.
 * @param {readonly import('./toolchain.mjs').Arch[]} archs
 */
export async function standaloneWherePossible(archs = architectures) {
  for (const arch of archs) {
    try {
      await standalone(arch);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      // one of an earlier day is not what is to be tested
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
      // the global whose members native/standalone/main.cc calls
      globalName: 'tsuboProgram',
      platform: 'neutral',
      target: 'es2022',
      mainFields: ['module', 'main'],
      minifySyntax: true,
      // fewer names in the heap: 2 % of a short command, and 11 page faults less in `features`
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
 * The tool that makes bytecode. It runs here, whatever the executable is for: the bytecode is the same.
 * @param {string} quickjs
 */
async function compiler(quickjs) {
  const arch = nativeArch();
  const { cxx } = toolchain(arch);
  const tool = `build/standalone/${arch}/compile`;
  const objects = await compile({
    units: [{ source: 'native/standalone/compile.cc', compiler: cxx, flags: hostFlags(quickjs, arch) }],
    headers: headers(quickjs),
    into: `build/standalone/${arch}/objects`,
  });
  const engine = await engineObjects(quickjs, arch);
  await run(cxx, ['-no-pie', '-o', tool, ...objects, ...engine, '-lm', '-lpthread']);
  return join(top, tool);
}

/**
 * @param {string} quickjs
 * @param {import('./toolchain.mjs').Arch} arch
 */
function engineObjects(quickjs, arch) {
  // its warnings are not ours to fix
  const own = ['-Inative', `-I${quickjs}`];
  const flags = [
    '-O2',
    '-w',
    '-D_GNU_SOURCE',
    '-DNDEBUG',
    ...own,
    ...sections,
    ...position,
    ...forMusl(arch),
  ];
  const main = withImmortals(quickjs, `build/standalone/${arch}/engine`);
  return compile({
    units: quickjsSources.map(name => ({
      source: name === 'quickjs.c' ? main : join(quickjs, name),
      compiler: toolchain(arch).cc,
      flags,
    })),
    headers: [...headersOf(quickjs), ...settling],
    into: `build/standalone/${arch}/objects/engine`,
  });
}

/**
 * What becomes the container's first process, as a C++ source.
 * @param {import('./toolchain.mjs').Arch} arch
 * @param {string} out
 */
async function initImage(arch, out) {
  const { cxx } = toolchain(arch);
  const init = gypTarget('tsubo-init');
  const objects = await compile({
    units: init.sources.map(source => ({ source, compiler: cxx, flags: init.compile })),
    headers: headers(),
    into: `build/standalone/${arch}/objects/init`,
  });
  const program = `build/standalone/${arch}/tsubo-init`;
  await run(cxx, [...init.link, '-o', program, ...objects]);
  await run(process.execPath, ['native/init/embed.cjs', program, out]);
  return out;
}

/**
 * The host itself: the addon's sources but for what is Node's, and native/standalone in its place.
 * @param {string} quickjs
 * @param {import('./toolchain.mjs').Arch} arch
 * @param {readonly string[]} generated
 */
function hostObjects(quickjs, arch, generated) {
  const shared = gypTarget('tsubo').sources.filter(path => !path.startsWith('native/napi/'));
  const own = filesBelow(
    ['native/standalone'],
    path => path.endsWith('.cc') && !path.endsWith('/compile.cc'),
  );
  return compile({
    units: [...shared, ...own, ...generated].map(source => ({
      source,
      compiler: toolchain(arch).cxx,
      flags: [...hostFlags(quickjs, arch)],
    })),
    headers: headers(quickjs),
    into: `build/standalone/${arch}/objects`,
  });
}

/**
 * @param {string} quickjs
 * @param {import('./toolchain.mjs').Arch} arch
 */
function hostFlags(quickjs, arch) {
  const own = gypTarget('tsubo').compile;
  return [...own, '-O2', ...sections, ...position, ...forMusl(arch), '-isystem', quickjs];
}

/**
 * @param {import('./toolchain.mjs').Arch} arch
 * @param {string} musl
 * @param {readonly string[]} objects
 * @param {string} out
 */
async function link(arch, musl, objects, out) {
  const { cxx } = toolchain(arch);
  /** @param {readonly string[]} names */
  const ofMusl = (...names) => names.map(name => join(musl, name));
  const flags = [
    '-static',
    '-nostdlib',
    '-no-pie',
    '-s',
    '-Wl,--gc-sections',
    '-Wl,--build-id=none',
    '-Wl,-z,noexecstack',
    '-Wl,-z,separate-code',
    `-Wl,--section-start=.tsubo_arena=0x${arena.toString(16)}`,
    `-Wl,--section-start=.tsubo_program=0x${program.toString(16)}`,
  ];
  const fresh = `${out}.${process.pid}`;
  const begin = ofMusl('crt1.o', 'crti.o');
  const end = ofMusl('libc.a').concat('-lgcc', ofMusl('libc.a', 'crtn.o'));
  await run(cxx, [...flags, '-o', fresh, ...begin, ...objects, ...end]);
  const linked = readFileSync(join(top, fresh));
  // begins with another number than that of a snapshot: there shall be none
  const bytecodeOnly = fillSegment(linked, arena, Buffer.from([1, ...Buffer.alloc(4095)]));
  writeFileSync(join(top, `${out}-bytecode`), bytecodeOnly, { mode: 0o755 });
  const snapshot = await heapSnapshot(arch, fresh);
  const file =
    snapshot === undefined ? bytecodeOnly : fillSegment(dropSegment(linked, program), arena, snapshot);
  writeFileSync(join(top, fresh), file);
  const wrong =
    file.length > largestBytes
      ? `has ${file.length} bytes, more than ${largestBytes}`
      : isDynamic(file)
        ? 'needs a dynamic linker'
        : undefined;
  if (wrong !== undefined) {
    rmSync(join(top, fresh));
    throw new Failure(`${out} ${wrong}`);
  }
  // somebody may be running the one before
  renameSync(join(top, fresh), join(top, out));
}

/**
 * What the executable's heap is when it has loaded the program; undefined where that cannot be found out here: then it
 * loads its bytecode at every start, as the one beside it does that tests are made with (`tsubo-bytecode`).
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
  const file = `${program}.snapshot`;
  const command = [
    ...(native || found === undefined ? [] : [found]),
    join(top, program),
    '--write-snapshot',
    join(top, file),
  ];
  await run(command[0] ?? '', command.slice(1));
  const contents = readFileSync(join(top, file));
  rmSync(join(top, file));
  return contents;
}

/** @param {string} [quickjs] */
function headers(quickjs) {
  const own = filesBelow(['native'], path => path.endsWith('.h'));
  return quickjs === undefined ? own : [...own, ...headersOf(quickjs)];
}

/** @param {string} directory */
function headersOf(directory) {
  return readdirSync(directory)
    .filter(name => name.endsWith('.h'))
    .sort()
    .map(name => join(directory, name));
}

/** @param {string} quickjs */
function hashOf(quickjs) {
  const hash = createHash('sha256');
  for (const path of [...quickjsSources.map(name => join(quickjs, name)), ...headersOf(quickjs)]) {
    hash.update(readFileSync(path));
  }
  return hash.digest('hex');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await script(async () => {
    const args = process.argv.slice(2);
    const arch = args.length === 0 ? nativeArch() : architectures.find(name => name === args[1]);
    if (args.length > 2 || (args[0] ?? '--arch') !== '--arch' || arch === undefined) {
      throw new Failure(`usage: npm run build:standalone [-- --arch ${architectures.join('|')}]`);
    }
    await build(['packages']);
    await standalone(arch);
    return 0;
  });
}
