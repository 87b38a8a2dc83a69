// SPDX-License-Identifier: Apache-2.0
// npm run hello:web runs two web servers from the same layers, each on a port of this machine, and shows their isolation.
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from '../../../native/build/build.mjs';
import { Failure, say, script, top } from '../../../native/build/stage.mjs';

const fixture = join(top, 'bundle-fixtures/good/web');
const copies = join(top, 'build/web');
const program = join(top, 'dist/tsubo.cjs');

/** @param {string} path */
const short = path => path.replace(`${top}/`, '');

/**
 * Makes a bundle with the layers of the fixture and its own directory for changed files, and returns its path.
 * @param {number} port
 */
function bundleFor(port) {
  const bundle = join(copies, String(port));
  rmSync(bundle, { recursive: true, force: true });
  for (const name of ['upper', 'work']) mkdirSync(join(bundle, name), { recursive: true });
  const config = JSON.parse(readFileSync(join(fixture, 'config.json'), 'utf8'));
  config.root.path = join(fixture, 'rootfs');
  config.hostname = `web-${port}`;
  const layers = ['layers/site', 'rootfs'].map(name => join(fixture, name)).join(':');
  config.mounts[0].options = [
    'nodev',
    'nosuid',
    `lowerdir=${layers}`,
    'upperdir=upper',
    'workdir=work',
    'volatile',
  ];
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(config, null, 2));
  return bundle;
}

/**
 * Runs tsubo, and shows the command line. A container keeps the descriptors of its output, therefore these are files: a
 * pipe would reach end of file only after the container has ended.
 * @param {readonly string[]} args
 */
function tsubo(...args) {
  say(`tsubo ${args.map(short).join(' ')}`);
  const output = join(copies, 'output');
  const errors = join(copies, 'errors');
  const files = [output, errors].map(path => openSync(path, 'w'));
  const { status } = spawnSync(process.execPath, [program, ...args], { stdio: ['ignore', ...files] });
  for (const file of files) closeSync(file);
  return { status, stdout: readFileSync(output, 'utf8'), text: readFileSync(errors, 'utf8').trim() };
}

/** @param {readonly string[]} args */
function mustRun(...args) {
  const done = tsubo(...args);
  if (done.status !== 0) throw new Failure(done.text);
  return done.stdout;
}

/**
 * Requests a path, and shows both the request and the status.
 * @param {number} port
 * @param {string} path
 * @param {RequestInit} [how]
 */
async function request(port, path, how = {}) {
  const url = `http://127.0.0.1:${port}${path}`;
  const answer = await fetch(url, { ...how, signal: AbortSignal.timeout(10_000) });
  const body = await answer.text();
  say(`${how.method ?? 'GET'} ${url}: ${answer.status}`);
  return { status: answer.status, body };
}

/** @param {unknown} value @param {unknown} expected @param {string} subject */
function expect(value, expected, subject) {
  if (value !== expected) throw new Failure(`${subject}: got ${value}, expected ${expected}`);
}

/**
 * Returns the lines of a box with this text.
 * @param {readonly string[]} lines
 */
function box(lines) {
  const width = Math.max(...lines.map(line => line.length)) + 2;
  const side = '─'.repeat(width);
  return [`┌${side}┐`, ...lines.map(line => `│ ${line.padEnd(width - 1)}│`), `└${side}┘`];
}

/**
 * Returns the lines of a picture with these drawings side by side, each centred in its column.
 * @param {readonly (readonly string[])[]} columns
 * @param {number} width of a column
 */
function sideBySide(columns, width) {
  const height = Math.max(...columns.map(lines => lines.length));
  return Array.from({ length: height }, (_, row) =>
    columns
      .map(lines => {
        const line = lines[row] ?? '';
        const left = Math.floor((width - line.length) / 2);
        return `${' '.repeat(left)}${line}`.padEnd(width);
      })
      .join('')
      .trimEnd(),
  );
}

/**
 * @param {{ bridge: string, ipv4: { gateway: string } }} network
 * @param {readonly { port: number, id: string, addresses: readonly string[] }[]} servers
 */
function picture({ bridge, ipv4 }, servers) {
  const width = 38;
  const all = width * servers.length;
  /** @param {string} line */
  const middle = line => `${' '.repeat(Math.max(0, Math.floor((all - line.length) / 2)))}${line}`;
  const lines = [
    ...sideBySide(
      servers.map(({ port }) => [`this machine, port ${port}`, '│']),
      width,
    ),
    ...box([`bridge ${bridge}  ${ipv4.gateway}`.padEnd(all - 14)]).map(line => middle(line)),
    ...sideBySide(
      servers.map(({ port, id, addresses }) => [
        '     │ veth',
        ...box([
          id,
          ...addresses.map(address => `eth0  ${address}`),
          '/web  port 80',
          `upper ${short(join(copies, `${port}/upper`))}`,
        ]),
        '│',
      ]),
      width,
    ),
    ...box(['layers/site   /www/index.html'.padEnd(all - 14), 'rootfs        /web']).map(line =>
      middle(line),
    ),
    middle('shared, read only'),
  ];
  return `${lines.join('\n')}\n`;
}

await script(async () => {
  if (process.platform !== 'linux') throw new Failure('containers need Linux');
  if (process.argv.length > 2) throw new Failure('usage: npm run hello:web');
  await build(['packages', 'native', 'bundle', 'web']);
  if (process.geteuid?.() !== 0)
    throw new Failure('to run a container you must be root: sudo npm run hello:web');
  const before = execFileSync(process.execPath, [program, 'network', 'ls', '--quiet'], { encoding: 'utf8' });
  const servers = [8800, 8801].map(port => ({ port, id: `web-${port}`, bundle: bundleFor(port) }));
  const third = 'web-third';
  let thirdRan = false;
  try {
    for (const { port, id, bundle } of servers) {
      mustRun('run', '--detach', '--network', 'default', '--publish', `${port}:80`, '--bundle', bundle, id);
    }
    for (const { port } of servers) {
      const page = await request(port, '/');
      expect(page.status, 200, 'the page');
    }
    expect(
      (await request(8800, '/note.txt', { method: 'PUT', body: 'of 8800' })).status,
      201,
      'the new file',
    );
    expect((await request(8800, '/note.txt')).body, 'of 8800', 'the file of the container that wrote it');
    expect((await request(8801, '/note.txt')).status, 404, 'the file in the other container');
    const refused = tsubo(
      'run',
      '--detach',
      '--network',
      'default',
      '--publish',
      '8800:80',
      '--bundle',
      servers[0]?.bundle ?? '',
      third,
    );
    thirdRan = refused.status === 0;
    expect(thirdRan, false, 'a third container on port 8800 was started');
    process.stdout.write(`${refused.text}\n`);
    const networks = JSON.parse(mustRun('network', 'ls', '--format', 'json'));
    const network = networks.find((/** @type {{ name: string }} */ { name }) => name === 'default');
    process.stdout.write(
      picture(
        network,
        servers.map(({ port, id }) => ({
          port,
          id,
          addresses:
            network.containers.find((/** @type {{ id: string }} */ one) => one.id === id)?.addresses ?? [],
        })),
      ),
    );
  } finally {
    for (const { id } of servers) tsubo('delete', '--force', id);
    // It exists only if its port was not refused.
    if (thirdRan) tsubo('delete', '--force', third);
    if (!before.split('\n').includes('default')) tsubo('network', 'rm', 'default');
    rmSync(copies, { recursive: true, force: true });
  }
  for (const { port } of servers) {
    const open = await request(port, '/').then(
      () => true,
      () => false,
    );
    expect(open, false, `port ${port} still answers`);
  }
  say('both containers, their addresses, ports and files are gone');
  return 0;
});
