// SPDX-License-Identifier: Apache-2.0
// Builds what is missing or out of date: node native/build/build.mjs [STAGE...], all stages if none is named.
// Starting it requires only Node: the first stage installs the development packages.

import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure, filesBelow, run, say, script, stage, timed, top } from './stage.mjs';
import { strictness } from './toolchain.mjs';

const require = createRequire(import.meta.url);

/** @param {string} path */
function json(path) {
  return JSON.parse(readFileSync(join(top, path), 'utf8'));
}

/** True if node_modules has the content of package-lock.json. */
function packagesAreInstalled() {
  if (!existsSync(join(top, 'node_modules/.package-lock.json'))) return false;
  const have = json('node_modules/.package-lock.json').packages;
  return Object.entries(json('package-lock.json').packages).every(
    ([path, entry]) =>
      path === '' || have[path]?.version === entry.version || (!have[path] && entry.optional),
  );
}

/**
 * The install scripts of the packages are not needed, and newer versions of npm skip them by default. The stages below
 * build everything that is required.
 */
async function packages() {
  if (packagesAreInstalled()) return;
  await timed('installing the development packages (npm ci)', async () => {
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  });
}

/** The directory of this Node if it contains the headers; otherwise undefined: node-gyp downloads them. */
function directoryWithHeaders() {
  const prefix = process.env['npm_config_nodedir'] ?? dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include/node/node_api.h')) ? prefix : undefined;
}

/** Environment variables from which node-gyp reads its settings. */
export function nodeGypEnvironment() {
  const nodedir = directoryWithHeaders();
  return { ...process.env, npm_config_jobs: 'max', ...(nodedir && { npm_config_nodedir: nodedir }) };
}

/** The addon, and the two static executables that it embeds: the init of a container and the keeper. */
async function native() {
  if (!existsSync(join(top, 'binding.gyp'))) throw new Failure('binding.gyp is missing');
  await stage({
    name: 'native',
    saying: 'compiling the C++ (node-gyp)',
    into: 'build',
    inputs: filesBelow(['binding.gyp', 'native'], path => !/^native\/(hello|build)\//.test(path)),
    outputs: ['tsubo.node', 'tsubo-init', 'tsubo-keeper', 'tsubo-reaper'].map(
      name => `build/Release/${name}`,
    ),
    also: [process.version, process.arch, json('node_modules/node-addon-api/package.json').version],
    make: async () => {
      const program = join(top, 'node_modules/node-gyp/bin/node-gyp.js');
      const flags = await strictness(process.env['CXX'] ?? 'g++');
      const printed = await run(process.execPath, [program, 'configure', 'build', '--release'], {
        ...nodeGypEnvironment(),
        // Added to those of binding.gyp for this checkout only, not for an installation of the package.
        CXXFLAGS: [process.env['CXXFLAGS'] ?? '', ...flags].join(' '),
      });
      const warnings = printed.split('\n').filter(line => line.includes('warning:'));
      if (warnings.length > 0) say(warnings.join('\n'));
    },
  });
}

/**
 * dist/cli.js is the program, which dist/tsubo.cjs starts, and dist/index.js the library. Each is one file, because then
 * a start reads one file. The program is CommonJS, because Node starts it faster: by a quarter of the time that `node -e
 * 0` takes.
 * dist/cjs/index.js is the library for `require`, and dist/thread.cjs the program of its threads.
 * dist/tsubo is the command of the package, dist/install.cjs its install script, and dist/registry.cjs the program that
 * both hosts start for registries; dist/dashboard.cjs is that of the dashboard, whose page is in dist/dashboard.
 */
async function bundle() {
  const program = 'dist/cli.js';
  const start = 'dist/tsubo.cjs';
  const install = 'dist/install.cjs';
  const library = 'dist/index.js';
  const required = 'dist/cjs/index.js';
  const thread = 'dist/thread.cjs';
  const registry = 'dist/registry.cjs';
  const dashboard = 'dist/dashboard.cjs';
  const page = 'dist/dashboard';
  const pageSources = 'src/node/dashboard/page';
  const command = 'dist/tsubo';
  await stage({
    name: 'bundle',
    saying: 'bundling the TypeScript (esbuild)',
    into: 'dist',
    inputs: filesBelow(['src', 'package.json', 'package-lock.json', 'native/build/build.mjs']),
    outputs: [
      ...[program, start, install, library, required, thread, registry, dashboard, command],
      ...['index.html', 'icon.svg', 'page.js', 'page.css'].map(name => `${page}/${name}`),
      'dist/.bundled-notices',
    ],
    also: [process.version],
    make: async () => {
      /** @type {typeof import('esbuild')} */
      const esbuild = require('esbuild');
      /** @type {import('esbuild').BuildOptions & { metafile: true }} */
      const common = {
        absWorkingDir: top,
        bundle: true,
        platform: 'node',
        target: 'node20',
        legalComments: 'none',
        metafile: true,
        logLevel: 'warning',
      };
      const commonJs = {
        ...common,
        format: /** @type {const} */ ('cjs'),
        keepNames: true,
        define: { 'import.meta.url': '__filename' },
      };
      try {
        const built = await Promise.all([
          esbuild.build({
            ...common,
            entryPoints: ['src/node/cli.ts'],
            outfile: program,
            format: 'cjs',
            minifySyntax: true,
            minifyWhitespace: true,
            // commander can start other programs for subcommands in separate files. There are none, and loading the
            // modules for it takes a tenth of a start.
            alias: { 'node:child_process': 'data:text/javascript,' },
            define: { 'import.meta.url': '__filename' },
            banner: { js: '(function (require, __filename) {"use strict";' },
            footer: { js: '})' },
          }),
          esbuild.build({
            ...common,
            entryPoints: ['src/index.ts'],
            outfile: library,
            format: 'esm',
            keepNames: true,
          }),
          esbuild.build({ ...commonJs, entryPoints: ['src/index.ts'], outfile: required }),
          esbuild.build({ ...commonJs, entryPoints: ['src/node/library/thread.ts'], outfile: thread }),
          esbuild.build({ ...commonJs, entryPoints: ['src/node/registry/main.ts'], outfile: registry }),
          esbuild.build({
            ...commonJs,
            entryPoints: ['src/node/dashboard/main.ts'],
            outfile: dashboard,
            // ws loads two optional addons if a directory above contains them. They are not needed.
            define: {
              ...commonJs.define,
              'process.env.WS_NO_BUFFER_UTIL': '"1"',
              'process.env.WS_NO_UTF_8_VALIDATE': '"1"',
            },
          }),
          esbuild.build({
            ...common,
            platform: 'browser',
            target: 'es2022',
            format: 'iife',
            minify: true,
            entryPoints: [`${pageSources}/main.ts`],
            outfile: `${page}/page.js`,
          }),
        ]);
        notices(built.flatMap(result => Object.keys(result.metafile.inputs)));
        const hash = createHash('sha256')
          .update(readFileSync(join(top, program)))
          .digest('hex');
        for (const name of readdirSync(join(top, 'dist'))) {
          if (/^cli-.*\.cache/.test(name)) rmSync(join(top, 'dist', name));
        }
        const starting = {
          ...common,
          format: /** @type {const} */ ('cjs'),
          define: { CODE_CACHE: JSON.stringify(`cli-${hash.slice(0, 16)}.cache`) },
        };
        await Promise.all([
          esbuild.build({ ...starting, entryPoints: ['src/node/start.ts'], outfile: start }),
          esbuild.build({ ...starting, entryPoints: ['src/node/install.ts'], outfile: install }),
        ]);
      } catch (error) {
        throw new Failure(`esbuild: ${/** @type {Error} */ (error).message.split('\n')[0]}`);
      }
      for (const name of ['index.html', 'icon.svg']) {
        cpSync(join(top, pageSources, name), join(top, page, name));
      }
      cpSync(join(top, 'src/node/launcher.sh'), join(top, command));
      // Node and TypeScript then take the files below for CommonJS.
      writeFileSync(join(top, 'dist/cjs/package.json'), '{ "type": "commonjs" }\n');
      for (const path of [start, command]) chmodSync(join(top, path), 0o755);
      await run(process.execPath, [install, 'cache']);
    },
  });
}

/**
 * Writes the licences of the packages that are bundled.
 * @param {readonly string[]} inputs
 */
function notices(inputs) {
  const names = new Set(
    inputs.flatMap(path => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1] ?? []),
  );
  const texts = [...names].sort().map(name => {
    const home = join(top, 'node_modules', name);
    const licence = readdirSync(home).find(file => /^licen[cs]e/i.test(file));
    const text = licence === undefined ? json(`node_modules/${name}/package.json`).license : '';
    return `${name}\n\n${licence === undefined ? text : readFileSync(join(home, licence), 'utf8')}`;
  });
  writeFileSync(join(top, 'dist/.bundled-notices'), texts.join('\n---\n\n'));
}

/** dist/types: the declarations of the library. */
async function types() {
  await stage({
    name: 'types',
    saying: 'writing the type declarations (tsc)',
    into: 'dist/types',
    inputs: filesBelow(['src', 'tsconfig.json', 'package-lock.json', 'native/build/build.mjs']),
    outputs: ['dist/types/index.d.ts', 'dist/cjs/types/index.d.ts'],
    make: async () => {
      rmSync(join(top, 'dist/types'), { recursive: true, force: true });
      const tsc = join(top, 'node_modules/typescript/bin/tsc');
      // `npm run check` checks the types.
      const emit = ['--noCheck', '--emitDeclarationOnly', '--declaration', '--outDir', 'dist/types'];
      await run(process.execPath, [tsc, '-p', '.', ...emit]);
      // tsc skips hand-written declarations; the generated ones refer to them.
      for (const path of filesBelow(['src'], name => name.endsWith('.d.ts'))) {
        cpSync(join(top, path), join(top, 'dist/types', path.slice('src/'.length)));
      }
      keepReachable('dist/types', 'index.d.ts');
      // TypeScript takes declarations for those of a module or of CommonJS by their directory.
      rmSync(join(top, 'dist/cjs/types'), { recursive: true, force: true });
      cpSync(join(top, 'dist/types'), join(top, 'dist/cjs/types'), { recursive: true });
    },
  });
}

/**
 * Removes the declarations that the entry of the library does not reference.
 * @param {string} directory
 * @param {string} entry
 */
function keepReachable(directory, entry) {
  const reached = new Set([join(directory, entry)]);
  for (const path of reached) {
    const text = readFileSync(join(top, path), 'utf8');
    for (const [, target = ''] of text.matchAll(/(?:from|import\() ?['"](\.[^'"]+)['"]/g)) {
      reached.add(join(dirname(path), target.replace(/(?<!\.d)\.ts$/, '.d.ts')));
    }
  }
  for (const path of filesBelow([directory])) {
    if (!reached.has(path) && path.endsWith('.ts')) rmSync(join(top, path));
  }
}

/** dist/man: the manual pages, which npm installs with the package. */
async function man() {
  await stage({
    name: 'man',
    saying: 'writing the manual pages',
    into: 'dist/man',
    inputs: filesBelow(['src/cli', 'native/build/build.mjs', 'package-lock.json']),
    outputs: ['dist/man/tsubo.1'],
    make: async () => {
      /** @type {typeof import('esbuild')} */
      const esbuild = require('esbuild');
      const { outputFiles } = await esbuild.build({
        absWorkingDir: top,
        entryPoints: ['src/cli/man-pages.ts'],
        bundle: true,
        write: false,
        platform: 'node',
        format: 'esm',
        logLevel: 'warning',
        alias: { commander: './src/standalone/shims/commander.ts' },
      });
      const text = Buffer.from(outputFiles[0]?.contents ?? []).toString('base64');
      const { manPages } = await import(`data:text/javascript;base64,${text}`);
      rmSync(join(top, 'dist/man'), { recursive: true, force: true });
      mkdirSync(join(top, 'dist/man'), { recursive: true });
      for (const [name, page] of manPages()) writeFileSync(join(top, 'dist/man', name), page);
    },
  });
}

/** The root file system of bundle-fixtures/good/hello. */
const hello = () => exampleRoot('hello');

/** The lower layer of bundle-fixtures/good/web that has the program. */
const web = () => exampleRoot('web');

/**
 * The root file system of an example, whose only file is a program of native/hello.
 * @param {'hello' | 'web'} name
 */
async function exampleRoot(name) {
  const rootfs = `bundle-fixtures/good/${name}/rootfs`;
  const source = `native/hello/${name}.cc`;
  const compiler = process.env['CXX'] ?? 'g++';
  const flags = '-std=c++20 -Os -static -s -Wall -Wextra -Werror -fno-exceptions -fno-rtti'.split(' ');
  await stage({
    name,
    saying: `making ${rootfs}`,
    into: 'build',
    inputs: [source],
    outputs: [`${rootfs}/${name}`],
    also: [compiler, ...flags],
    make: async () => {
      for (const directory of ['proc', 'sys', 'dev'])
        mkdirSync(join(top, rootfs, directory), { recursive: true });
      await run(compiler, [...flags, '-o', `${rootfs}/${name}`, source]);
    },
  });
}

const stages = { packages, native, bundle, types, man, hello, web };

/** @param {readonly (keyof typeof stages)[]} names in the order of the build */
export async function build(names) {
  for (const name of names) await stages[name]();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await script(async () => {
    const all = /** @type {(keyof typeof stages)[]} */ (Object.keys(stages));
    const requested = process.argv.slice(2);
    const unknown = requested.find(name => !(name in stages));
    if (unknown !== undefined)
      throw new Failure(`unknown stage ${unknown}: the stages are ${all.join(', ')}`);
    await build(requested.length === 0 ? all : all.filter(name => requested.includes(name)));
    return 0;
  });
}
