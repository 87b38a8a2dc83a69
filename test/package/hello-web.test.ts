// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { checkout } from './tarball.ts';

/** Runs the commands in a network of their own, where no file of a network and no cgroup is the machine's. */
const machine = `mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs none /run
mkdir -p /var/lib/tsubo && mount -t tmpfs none /var/lib/tsubo
ip link set lo up
`;

describe.skipIf(requires('root', 'g++', 'ip', 'filesystem:overlay'))('the second example', () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tsubo-web-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const run = (...commands: string[]) => {
    const script = join(directory, 'commands');
    writeFileSync(script, machine + commands.join('\n'));
    return spawnSync('unshare', ['-nm', 'bash', '-e', script], {
      cwd: checkout,
      encoding: 'utf8',
      env: { ...process.env, COLUMNS: '300' },
    });
  };
  const example = `${process.execPath} bundle-fixtures/good/web/run.mjs`;

  test('serves from shared layers on two ports, keeps the files apart, and leaves nothing', () => {
    const { status, stdout, stderr } = run(
      example,
      'echo "state: $(ls /run/tsubo | wc -l)"',
      // The kernel removes the pairs a little after the namespaces of their containers.
      'until [ "$(ip -o link | wc -l)" = 1 ]; do sleep 0.05; done',
      'echo "definitions: $(ls /var/lib/tsubo/networks | wc -l)"',
    );
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(stderr.split('\n').filter(line => /^tsubo: (GET|PUT) /.test(line))).toEqual([
      'tsubo: GET http://127.0.0.1:8800/: 200',
      'tsubo: GET http://127.0.0.1:8801/: 200',
      'tsubo: PUT http://127.0.0.1:8800/note.txt: 201',
      'tsubo: GET http://127.0.0.1:8800/note.txt: 200',
      'tsubo: GET http://127.0.0.1:8801/note.txt: 404',
    ]);
    expect(stdout).toContain('port 8800/tcp of 0.0.0.0 is in use by container web-8800');
    expect(stdout).toMatch(/│ bridge tsubo0 +10\.\d+\.\d+\.1 +│/);
    expect(stdout).toMatch(/│ eth0 +10\.\d+\.\d+\.2 +│ +│ eth0 +10\.\d+\.\d+\.3 +│/);
    expect(stdout).toMatch(/^state: 0$/m);
    expect(stdout).toMatch(/^definitions: 0$/m);
    expect(existsSync(join(checkout, 'build/web'))).toBe(false);
  });

  test('shows the error of the machine when a port is taken', () => {
    const listen = `${process.execPath} -e 'require("net").createServer().listen(8801, "127.0.0.1")'`;
    const { status, stdout, stderr } = run(
      `${listen} & other=$!`,
      'until grep -q 0100007F:2261 /proc/net/tcp; do sleep 0.01; done',
      `${example} || status=$?`,
      'kill $other',
      'exit $status',
    );
    expect(status).toBe(1);
    expect(stdout + stderr).toMatch(/port 8801\/tcp of 0\.0\.0\.0 is in use by .*node/);
    expect(existsSync(join(checkout, 'build/web'))).toBe(false);
  });
});
