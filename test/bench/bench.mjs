// SPDX-License-Identifier: Apache-2.0
// npm run bench [-- OPTIONS]: builds the measured programs and the benchmark, then runs main.ts.
import { mkdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from '../../native/build/build.mjs';
import { run, say, script, stage, top, Unavailable } from '../../native/build/stage.mjs';
import { executable, standalone } from '../../native/build/standalone.mjs';
import { bundled } from '../bundled.mjs';
import { engineRoot } from '../engines/root.mjs';
import { newestPeers } from './peers.mjs';

const into = 'build/bench';

/** The programs in C, static: the peak memory of their children starts at their own. */
async function programs() {
  const compiler = process.env['CC'] ?? 'cc';
  for (const name of ['lap', 'floor']) {
    const source = `test/bench/${name}.c`;
    const flags = ['-O2', '-static', '-Wall', '-Wextra'];
    await stage({
      name,
      saying: `compiling ${source}`,
      into,
      inputs: [source],
      outputs: [`${into}/${name}`],
      also: [compiler, ...flags],
      make: async () => void (await run(compiler, [...flags, '-o', `${into}/${name}`, source])),
    });
  }
}

/** @returns {Promise<string | undefined>} the standalone executable; some machines cannot build it */
async function standaloneExecutable() {
  const given = process.env['TSUBO_STANDALONE'];
  if (given !== undefined && given !== '') return given;
  try {
    await standalone();
    return join(top, executable(/** @type {'x64' | 'arm64'} */ (process.arch)));
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    say(`${error.message}: no standalone column`);
    return undefined;
  }
}

await script(async () => {
  mkdirSync(join(top, into), { recursive: true });
  await build(['packages']);
  /** @type {typeof import('./main.ts')} */
  const { bench, requested } = await import(await bundled('test/bench/main.ts', into));
  // Before the builds, which take minutes.
  const request = requested(process.argv.slice(2));
  if (typeof request === 'number') return request;
  await build(['native', 'bundle']);
  const executable = await standaloneExecutable();
  await programs();
  const peers = await newestPeers();
  return await bench(request, {
    top,
    into: join(top, into),
    shown: relative(process.cwd(), join(top, into)) || '.',
    node: [process.execPath, join(top, 'dist/tsubo.cjs')],
    standalone: executable,
    peers,
    engines: () => engineRoot('bookworm', false),
  });
});
