// SPDX-License-Identifier: Apache-2.0
// Bundles the TypeScript for the standalone host in chunks, so that a command reads and evaluates only what it needs:
// `main` always, another chunk when one of its functions is called for the first time. The sources know nothing of it:
// a module at the border is replaced by one whose functions load the chunk and pass the call on.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { Failure, top } from './stage.mjs';

const require = createRequire(import.meta.url);

/**
 * The modules at the border of each chunk. They may export functions only (types vanish): esbuild finds an import of
 * anything else missing. All that only they import comes along.
 * @type {Readonly<Record<string, readonly string[]>>}
 */
const chunks = {
  create: [
    'src/lifecycle/create.ts',
    'src/lifecycle/prepare.ts',
    // here because they share validation, plan and spawn with it
    'src/cli/features-document.ts',
    'src/lifecycle/exec.ts',
    'src/cli/update-options.ts',
    'src/lifecycle/update.ts',
    'src/lifecycle/check-bundle.ts',
    'src/validate/report.ts',
    'src/standalone/warm-up.ts',
  ],
  hooks: ['src/lifecycle/hooks.ts'],
  seccomp: ['src/plan/seccomp.ts'],
  systemd: ['src/cgroup/systemd/unit.ts', 'src/plan/cgroup-unit.ts'],
  // of a container that is there already
  watch: ['src/cli/duration.ts', 'src/lifecycle/events.ts', 'src/lifecycle/pause.ts', 'src/lifecycle/ps.ts'],
  // what is said to people: help, documents, plans, failures
  words: [
    'src/bundle/json-syntax-error.ts',
    'src/bundle/locate.ts',
    'src/cli/go-json.ts',
    'src/cli/help.ts',
    'src/cli/spec-document.ts',
    'src/errors/render.ts',
    'src/lifecycle/late-failure.ts',
    'src/plan/describe.ts',
    'src/plan/explain.ts',
  ],
};

const entry = 'src/standalone/main.ts';
const loader = 'src/standalone/chunks.ts';

/** What the bundles take from npm, in the standalone host's own form. */
const alias = { commander: './src/standalone/shims/commander.ts' };

/**
 * What a module offers beside types. Names it passes on from another module are taken for functions.
 * @param {string} path from the top
 */
function exportsOf(path) {
  const text = readFileSync(join(top, path), 'utf8');
  const passed = [...text.matchAll(/^export \{([^}]*)\} from/gm)].flatMap(([, names = '']) =>
    names.split(','),
  );
  const declared = [...text.matchAll(/^export (function|const|let|class) (\w+)/gm)];
  return [
    ...declared.map(([, kind, name]) => ({ kind, name })),
    ...passed
      .map(name => name.trim())
      .filter(name => name !== '' && !name.startsWith('type '))
      .map(name => ({ kind: 'function', name })),
  ];
}

/**
 * @param {string} path
 * @param {string} chunk
 */
function border(path, chunk) {
  const functions = exportsOf(path).filter(({ kind }) => kind === 'function');
  return [
    `import { chunk } from ${JSON.stringify(join(top, loader))};`,
    ...functions.map(
      ({ name }) =>
        `export function ${name}(...values) { return chunk(${JSON.stringify(chunk)}).${name}(...values); }`,
    ),
  ].join('\n');
}

/**
 * Resolves imports the way the chunk under construction needs them.
 * @param {string | undefined} self the chunk, undefined for main
 * @param {ReadonlySet<string>} shared modules that main holds; empty while it is made
 * @returns {import('esbuild').Plugin}
 */
function borders(self, shared) {
  const owner = new Map(Object.entries(chunks).flatMap(([name, paths]) => paths.map(path => [path, name])));
  return {
    name: 'borders',
    setup(building) {
      building.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
        const module = relative(top, path);
        const chunk = owner.get(module);
        if (chunk !== undefined && chunk !== self) {
          return { contents: border(module, chunk), loader: 'js', resolveDir: top };
        }
        if (!shared.has(module)) return undefined;
        const names = exportsOf(module).map(({ name }) => name);
        return {
          contents: `export const { ${names.join(', ')} } = tsuboShared[${JSON.stringify(module)}];`,
          loader: 'js',
        };
      });
    },
  };
}

/**
 * @param {string} contents
 * @param {string | undefined} self
 * @param {ReadonlySet<string>} shared
 * @param {string} outfile
 * @returns {Promise<string[]>} the modules that went in
 */
async function bundle(contents, self, shared, outfile) {
  /** @type {typeof import('esbuild')} */
  const esbuild = require('esbuild');
  try {
    const { metafile } = await esbuild.build({
      absWorkingDir: top,
      stdin: { contents, resolveDir: top, loader: 'js' },
      outfile,
      bundle: true,
      format: 'iife',
      platform: 'neutral',
      target: 'es2022',
      mainFields: ['module', 'main'],
      minifySyntax: true,
      legalComments: 'none',
      logLevel: 'warning',
      metafile: true,
      alias,
      plugins: [borders(self, shared)],
    });
    return Object.values(metafile.outputs).flatMap(output => Object.keys(output.inputs));
  } catch (error) {
    throw new Failure(`esbuild: ${/** @type {Error} */ (error).message.split('\n')[0]}`);
  }
}

/**
 * @param {string} directory where the bundles go, from the top
 * @returns {Promise<{ name: string, file: string }[]>} main first
 */
export async function bundleChunks(directory) {
  const file = (/** @type {string} */ name) => `${directory}/${name}.js`;
  const bordering = new Set(Object.values(chunks).flat());
  const begin = `import { start, warm } from ${JSON.stringify(`./${entry}`)};\nObject.assign(globalThis, { tsuboStart: start, tsuboWarm: warm });`;
  // A first time to learn what main holds of itself, a second time to share what the chunks need of that.
  const inMain = new Set(
    (await bundle(begin, undefined, new Set(), file('main'))).filter(
      path => path.startsWith('src/') && !bordering.has(path),
    ),
  );

  /** @type {Set<string>} */
  const needed = new Set();
  for (const [name, paths] of Object.entries(chunks)) {
    const functions = paths.map((path, i) => `import * as m${i} from ${JSON.stringify(`./${path}`)};`);
    const all = paths.flatMap((path, i) =>
      exportsOf(path)
        .filter(({ kind }) => kind === 'function')
        .map(({ name: exported }) => `${exported}: m${i}.${exported}`),
    );
    const contents = `${functions.join('\n')}\nglobalThis.tsuboChunk = { ${all.join(', ')} };`;
    for (const module of await bundle(contents, name, inMain, file(name))) {
      if (inMain.has(module)) needed.add(module);
    }
  }

  const modules = [...needed].sort();
  const sharing = [
    ...modules.map((path, i) => `import * as s${i} from ${JSON.stringify(`./${path}`)};`),
    `globalThis.tsuboShared = { ${modules.map((path, i) => `${JSON.stringify(path)}: s${i}`).join(', ')} };`,
  ];
  await bundle([...sharing, begin].join('\n'), undefined, new Set(), file('main'));
  return ['main', ...Object.keys(chunks)].map(name => ({ name, file: file(name) }));
}
