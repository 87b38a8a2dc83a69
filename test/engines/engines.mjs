// SPDX-License-Identifier: Apache-2.0
// npm run test:engines [-- OPTIONS]: builds the executable, fetches the engines, then runs main.ts.
import { join } from 'node:path';
import { build } from '../../native/build/build.mjs';
import { withTools } from '../../native/build/programs.mjs';
import { script, top } from '../../native/build/stage.mjs';
import { executable, standalone } from '../../native/build/standalone.mjs';
import { bundled } from '../bundled.mjs';
import { fetchTools } from '../tools.mjs';
import { engineRoot } from './root.mjs';

const into = 'build/engines';

await script(async () => {
  process.env['PATH'] = withTools();
  await build(['packages']);
  await standalone();
  await fetchTools('test');
  const main = await bundled('test/engines/main.ts', into);
  /** @type {typeof import('./main.ts')} */
  const { testEngines } = await import(main);
  return await testEngines(process.argv.slice(2), {
    top,
    into: join(top, into),
    tsubo: join(top, executable(/** @type {'x64' | 'arm64'} */ (process.arch))),
    root: engineRoot,
  });
});
