// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { commands, host } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

const examples = fileURLToPath(new URL('../../src/node/examples/', import.meta.url));

describe.skipIf(requires('root', 'busybox', 'cgroup2'))('the example', () => {
  const box = sandbox('unified', { name: 'tsubo', version: '', command: commands[host] });

  test('parallel-map computes each number in a container of its own', () => {
    const { rootfs } = box.bundle();
    const { stdout, stderr } = box.view.exec([process.execPath, `${examples}parallel-map.mjs`, rootfs, '10']);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^10 containers in \d+ ms\nsum 385\n$/);
  });

  test('isolated-tests reports each test, and a test cannot change the directory', () => {
    const { rootfs } = box.bundle();
    mkdirSync(join(rootfs, 'tests'));
    const directory = box.mkdir('tests');
    writeFileSync(join(directory, 'good.test.sh'), 'test ! -e /etc/shadow');
    writeFileSync(join(directory, 'bad.test.sh'), 'echo wrong; exit 3');
    writeFileSync(join(directory, 'writes.test.sh'), 'touch /tests/file');
    const program = [process.execPath, `${examples}isolated-tests.mjs`, rootfs, directory];
    const { status, stdout } = box.view.exec(program);
    expect(status).toBe(1);
    expect(stdout).toContain('bad.test.sh: failed with 3\nwrong\n');
    expect(stdout).toContain('good.test.sh: passed\n');
    expect(stdout).toMatch(/writes\.test\.sh: failed with 1\n.*Read-only file system\n/);
    expect(stdout).toMatch(/1 passed, 2 failed\n$/);
  });

  test('eval-service answers with the output of a script, and ends scripts that take or write too much', () => {
    const { rootfs } = box.bundle();
    const client = join(box.mkdir('client'), 'client.mjs');
    writeFileSync(
      client,
      `import { spawn } from 'node:child_process';
       const server = spawn(process.execPath, [${JSON.stringify(`${examples}eval-service.mjs`)}, ${JSON.stringify(rootfs)}, '0', '--no-limits']);
       const port = await new Promise(resolve => server.stdout.once('data', data => resolve(/port (\\d+)/.exec(data)[1])));
       const answer = async body => {
         const response = await fetch('http://127.0.0.1:' + port, { method: 'POST', body });
         return response.status === 200 ? response.json() : response.status;
       };
       const answers = [];
       for (const body of ['echo $((6 * 7)); id -u >&2; exit 5', 'sleep 1000', 'while :; do echo 0123456789; done', 'x'.repeat(1 << 20)]) {
         answers.push(await answer(body));
       }
       console.log(JSON.stringify(answers));
       server.kill();`,
    );
    const { stdout, stderr } = box.view.exec([process.execPath, client]);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual([
      { status: 5, stdout: '42\n', stderr: '65534\n' },
      { status: 'too slow', stdout: '', stderr: '' },
      { status: 'too much output' },
      413,
    ]);
  });
});
