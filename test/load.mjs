// SPDX-License-Identifier: Apache-2.0
// npm run test:load [-- VITEST ARGUMENTS]: the large forms of tests with many containers. They print how long each part
// took, for comparison by hand: no verdict depends on it.
import { script } from '../native/build/stage.mjs';
import { standaloneWherePossible } from '../native/build/standalone.mjs';
import { prepareTests, vitest } from './run.mjs';

const files = ['test/oci/network-scale.test.ts', 'test/oci/network-ports.test.ts'];
const names = 'many containers on one bridge|47:';

await script(async () => {
  const args = process.argv.slice(2);
  await prepareTests();
  await standaloneWherePossible([/** @type {'x64' | 'arm64'} */ (process.arch)]);
  return vitest([...files, '-t', names, ...args], {
    TSUBO_LOAD: '1',
    TSUBO_HOST: process.env['TSUBO_HOST'] ?? 'standalone',
  });
});
