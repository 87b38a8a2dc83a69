// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { addressOf, DashboardPage, snapshot } from '../helpers/dashboard-page.ts';
import { writeImage } from '../helpers/images.ts';
import { requires } from '../helpers/requires.ts';
import { sandbox, until } from '../helpers/sandbox.ts';
import { becomeUser, moved, prepareUser, user } from '../helpers/user.ts';

const box = sandbox();
const skipped = requires('root', 'busybox', 'filesystem:overlay');
if (!skipped) prepareUser(box);

test.skipIf(skipped)('the page shows and manages the containers of a user without root', async () => {
  const data = join(box.dir, 'data');
  writeImage(data, 'busybox:latest', {});
  execFileSync('chown', ['-R', `${user}:${user}`, data]);
  const env = { PATH: '/usr/bin:/bin', TSUBO_DATA: data, HOME: box.dir };
  const own = [...becomeUser, ...moved, '--root', box.root];
  const options = ['--detach', '--network', 'none', '--name', 'web', '--stop-timeout', '1'];
  const made = box.view.exec([...own, 'container', 'run', ...options, 'busybox', 'sleep', '1000'], { env });
  expect(made).toMatchObject({ status: 0, stderr: '' });
  const id = made.stdout.trim();
  const child = box.view.spawn([...own, 'dashboard'], { env });
  try {
    const page = await DashboardPage.open(await addressOf(child));
    const live = await page.connect('/api/live');
    const state = () => snapshot(live)?.containers[0]?.state;
    await until('the container is shown', () => state() === 'running');
    expect(snapshot(live)).toMatchObject({ rootless: true, containers: [{ name: 'web' }], problems: [] });
    const shell = await page.connect(`/api/shell/${id}`);
    shell.socket.send('{"columns":80,"rows":24}');
    await until('the shell has started', () => shell.data.includes('# '));
    shell.socket.send(Buffer.from('id -u\nexit\n'));
    await until('the shell has ended', () => shell.isClosed);
    expect(shell.data).toMatch(/^0\r?$/m);
    expect(await page.post(`/api/containers/${id}/stop`)).toEqual({ status: 200, text: '{}' });
    await until('the stop is shown', () => state() === 'exited');
  } finally {
    child.kill('SIGKILL');
    box.view.exec([...own, 'container', 'rm', '--force', 'web'], { env, timeoutMs: 60_000 });
  }
});
