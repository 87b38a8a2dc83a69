// SPDX-License-Identifier: Apache-2.0
// node src/node/examples/isolated-tests.mjs ROOTFS DIRECTORY: runs each *.test.sh of a directory in a container of its
// own, with the directory as a read-only mount and no other files of the machine.
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineConfig, isRuntimeError, run } from 'tsubo';

const [rootfs = 'rootfs', directory = '.'] = process.argv.slice(2);

/** @param {string} file */
async function runTest(file) {
  const config = defineConfig({
    args: ['sh', '-e', `/tests/${file}`],
    rootfs,
    mounts: [
      {
        destination: '/tests',
        type: 'bind',
        source: resolve(directory),
        options: ['bind', 'ro', 'nosuid', 'nodev'],
      },
    ],
  });
  try {
    const { status, stdout, stderr, timedOut } = await run({ config, timeout: 60_000 });
    const result = timedOut ? 'too slow' : status === 0 ? 'passed' : `failed with ${status}`;
    return { file, passed: status === 0, text: `${result}\n${status === 0 ? '' : stdout + stderr}` };
  } catch (error) {
    if (!isRuntimeError(error)) throw error;
    return { file, passed: false, text: `not run: ${error.message} (${error.code})\n` };
  }
}

const files = readdirSync(directory).filter(name => name.endsWith('.test.sh'));
const results = await Promise.all(files.map(runTest));
for (const { file, text } of results) process.stdout.write(`${file}: ${text}`);
const failed = results.filter(({ passed }) => !passed).length;
process.stdout.write(`${results.length - failed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
