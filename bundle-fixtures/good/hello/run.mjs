// SPDX-License-Identifier: Apache-2.0
// npm run hello [-- STATUS]: builds what is missing and runs the container of bundle-fixtures/good/hello.
// The exit status is that of the container; with STATUS its program exits with that status.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from '../../../native/build/build.mjs';
import { Failure, run, say, script, top } from '../../../native/build/stage.mjs';

const fixture = join(top, 'bundle-fixtures/good/hello');

/**
 * Runs the hello program outside of the container, and writes its output to a file that the container's program reads.
 */
async function measureOutside() {
  const seen = await run(join(fixture, 'rootfs/hello'), ['--measure']);
  const path = join(fixture, 'rootfs/outside');
  writeFileSync(`${path}.${process.pid}`, seen);
  renameSync(`${path}.${process.pid}`, path);
}

/**
 * Returns the path of the fixture, or of a directory with a changed config.json that uses the root file system of the
 * fixture.
 * @param {readonly string[]} args
 */
function bundleWith(args) {
  if (args.length === 0) return fixture;
  const config = JSON.parse(readFileSync(join(fixture, 'config.json'), 'utf8'));
  config.root.path = join(fixture, 'rootfs');
  config.process.args.push(...args);
  const copy = join(top, 'build/hello');
  mkdirSync(copy, { recursive: true });
  writeFileSync(join(copy, 'config.json'), JSON.stringify(config, null, 2));
  return copy;
}

/**
 * @param {readonly string[]} args
 * @returns {Promise<number>} the exit status
 */
function tsubo(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(top, 'dist/tsubo.cjs'), ...args], { stdio: 'inherit' });
    // A terminal sends its signals to the whole group: the runtime forwards them, this process only waits.
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGQUIT', 'SIGHUP'])) process.on(signal, () => {});
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (signal !== null) say(`the runtime was killed by ${signal}`);
      resolve(code ?? 1);
    });
  });
}

await script(async () => {
  if (process.platform !== 'linux') throw new Failure('containers need Linux');
  const args = process.argv.slice(2);
  if (args.length > 1 || args.some(arg => !/^\d{1,3}$/.test(arg) || Number(arg) > 255)) {
    throw new Failure('usage: npm run hello [-- STATUS], with STATUS from 0 to 255');
  }
  await build(['packages', 'native', 'bundle', 'hello']);
  if (process.geteuid?.() !== 0) throw new Failure('to run a container you must be root: sudo npm run hello');
  await measureOutside();
  const bundle = bundleWith(args);
  const command = ['run', '--bundle', bundle, `hello-${process.pid}`];
  say(`tsubo ${command.join(' ').replace(`${top}/`, '')}`);
  return tsubo(command);
});
