// SPDX-License-Identifier: Apache-2.0
// npm run test:load [-- --short] [-- VITEST ARGUMENTS]: tests with many containers, with many commands at once, and on
// machines that lack something (test/load), and the large forms of two others. They print how long each part took, for
// comparison by hand: no verdict depends on it. --short takes minutes instead of an hour.
import { script } from '../native/build/stage.mjs';
import { standaloneWherePossible } from '../native/build/standalone.mjs';
import { prepareTests, vitest, withoutWatchdog } from './run.mjs';

const files = ['test/oci/network-scale.test.ts', 'test/oci/network-ports.test.ts'];
const names = 'many containers on one bridge|containers that request it at the same time';

await script(async () => {
  const given = process.argv.slice(2);
  const short = given.includes('--short');
  const args = given.filter(word => word !== '--short');
  await prepareTests();
  await standaloneWherePossible([/** @type {'x64' | 'arm64'} */ (process.arch)]);
  const env = { TSUBO_LOAD: short ? 'short' : '1', TSUBO_HOST: process.env['TSUBO_HOST'] ?? 'standalone' };
  const status = vitest(['--project', 'load', ...withoutWatchdog, ...args], env);
  if (short || args.length > 0) return status;
  return vitest([...files, '-t', names, ...withoutWatchdog], env) || status;
});
