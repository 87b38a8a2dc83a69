// SPDX-License-Identifier: Apache-2.0
// npm run test:engines [-- OPTIONS]: builds the executable, fetches the engines, then runs main.ts.
import { join } from 'node:path';
import { build } from '../../native/build/build.mjs';
import { withTools } from '../../native/build/programs.mjs';
import { Failure, script, top } from '../../native/build/stage.mjs';
import { executable, standalone } from '../../native/build/standalone.mjs';
import { bundled } from '../bundled.mjs';
import { fetchTools } from '../tools.mjs';
import { engineRoot } from './root.mjs';

const into = 'build/engines';

await script(async () => {
  process.env['PATH'] = withTools();
  await build(['packages']);
  const main = await bundled('test/engines/main.ts', into);
  /** @type {typeof import('./main.ts')} */
  const { parse, skipAll, testEngines } = await import(main);
  const options = parse(process.argv.slice(2));
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n`);
    return 2;
  }
  await standalone();
  await fetchTools('test');
  /** @type {string} */
  let tree;
  try {
    tree = await engineRoot(options.suite, options.short);
  } catch (error) {
    if (!(error instanceof Failure && options.optional)) throw error;
    return skipAll(options, error.message);
  }
  const tsubo = join(top, executable(/** @type {'x64' | 'arm64'} */ (process.arch)));
  return await testEngines(options, { top, into: join(top, into), tsubo, tree });
});
