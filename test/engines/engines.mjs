// SPDX-License-Identifier: Apache-2.0
// npm run test:engines [-- OPTIONS]: builds the executable, fetches the engines, then runs main.ts.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from '../../native/build/build.mjs';
import { withTools } from '../../native/build/programs.mjs';
import { script, top } from '../../native/build/stage.mjs';
import { executable, standalone } from '../../native/build/standalone.mjs';
import { fetchTools } from '../tools.mjs';
import { engineRoot } from './root.mjs';

const into = 'build/engines';

/** @returns {Promise<string>} */
async function bundled() {
  const { build: esbuild } = await import('esbuild');
  const outfile = join(top, into, 'main.mjs');
  await esbuild({
    absWorkingDir: top,
    entryPoints: ['test/engines/main.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
  });
  return outfile;
}

await script(async () => {
  process.env['PATH'] = withTools();
  await build(['packages']);
  await standalone();
  await fetchTools('test');
  const main = await bundled();
  /** @type {typeof import('./main.ts')} */
  const { testEngines } = await import(pathToFileURL(main).href);
  return await testEngines(process.argv.slice(2), {
    top,
    into: join(top, into),
    tsubo: join(top, executable(/** @type {'x64' | 'arm64'} */ (process.arch))),
    root: engineRoot,
  });
});
