// SPDX-License-Identifier: Apache-2.0
// npm run test:dashboard [-- VITEST ARGUMENTS]: uses the dashboard in a headless Chromium (test/dashboard), which is
// fetched if the machine lacks it: 300 MB. Pictures of the page are written to build/dashboard, or to the directory in
// TSUBO_SCREENSHOTS.
import { script } from '../native/build/stage.mjs';
import { standaloneWherePossible } from '../native/build/standalone.mjs';
import { prepareTests, vitest } from './run.mjs';
import { fetchTools } from './tools.mjs';

await script(async () => {
  await prepareTests();
  await fetchTools('dashboard');
  await standaloneWherePossible([/** @type {'x64' | 'arm64'} */ (process.arch)]);
  const args = process.argv.slice(2);
  const hosts = process.env['TSUBO_HOST'] || 'node,standalone';
  const projects = hosts
    .split(',')
    .flatMap(host => ['--project', host === 'node' ? 'dashboard' : `dashboard-${host}`]);
  return vitest([...projects, ...args], { TSUBO_DASHBOARD: '1' });
});
