// SPDX-License-Identifier: Apache-2.0
// npm run test:faults [-- OPTIONS] [COMMAND]: lets each system call of the commands that has an effect fail, and kills the
// process at its entry, one at a time (test/oci/faults.test.ts). A later run with the same executable continues after the
// steps that had no problem.
//   --short    a few steps of each command, evenly spread, as in npm test
//   --jobs N   N processes at a time (default: 1)
//   COMMAND    only the steps of this one: create, exec, 'network rm' ...
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Failure, script, top } from '../native/build/stage.mjs';
import { standaloneWherePossible } from '../native/build/standalone.mjs';
import { prepareTests, withoutWatchdog } from './run.mjs';

await script(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { short: { type: 'boolean', default: false }, jobs: { type: 'string', default: '1' } },
  });
  const jobs = Number(values.jobs);
  if (!Number.isInteger(jobs) || jobs < 1)
    throw new Failure(`invalid --jobs ${JSON.stringify(values.jobs)}: must be an integer of at least 1`);
  await prepareTests();
  await standaloneWherePossible([/** @type {'x64' | 'arm64'} */ (process.arch)]);
  const command = positionals.length === 0 ? '.*' : positionals.join(' ');
  const name = `of ${command} is reported`;
  const program = join(top, 'node_modules/vitest/vitest.mjs');
  const args = [program, 'run', 'test/oci/faults.test.ts', '-t', name, '--testTimeout=0', ...withoutWatchdog];
  const ended = Array.from({ length: jobs }, (_, index) => {
    const child = spawn(process.execPath, args, {
      cwd: top,
      env: {
        ...process.env,
        TSUBO_HOST: 'standalone',
        TSUBO_FAULTS: values.short ? '' : 'all',
        TSUBO_FAULTS_SHARD: `${index + 1}/${jobs}`,
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    return new Promise(resolve => child.once('close', status => resolve(status ?? 1)));
  });
  const failed = (await Promise.all(ended)).some(status => status !== 0);
  return failed ? 1 : 0;
});
