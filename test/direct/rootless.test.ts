// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeImage } from '../helpers/images.ts';
import { requires } from '../helpers/requires.ts';
import { sandbox } from '../helpers/sandbox.ts';
import { becomeUser, moved, prepareUser, user } from '../helpers/user.ts';

const box = sandbox();
const skipped = requires('root', 'busybox', 'filesystem:overlay');
if (!skipped) prepareUser(box);

test.skipIf(skipped)('a user runs containers of images, keeps their changes, and removes them', () => {
  const data = join(box.dir, 'data');
  writeImage(data, 'busybox:latest', {});
  execFileSync('chown', ['-R', `${user}:${user}`, data]);
  const container = (...words: string[]) =>
    box.view.exec([...becomeUser, ...moved, '--root', box.root, 'container', ...words], {
      env: { PATH: '/usr/bin:/bin', TSUBO_DATA: data, HOME: box.dir },
    });
  const run = ['run', '--network', 'none'];
  expect(container(...run, '--rm', 'busybox', 'id')).toMatchObject({
    status: 0,
    stdout: 'uid=0(root) gid=0(root)\n',
    stderr: '',
  });
  expect(
    container(...run, '--name', 'job', 'busybox', 'sh', '-c', 'echo one >>/file; cat /file; exit 3'),
  ).toMatchObject({
    status: 3,
    stdout: 'one\n',
  });
  expect(container('start', '-a', 'job')).toMatchObject({ status: 3, stdout: 'one\none\n' });
  expect(container('run', '--rm', '--network', 'host', 'busybox', 'echo', 'well').stdout).toBe('well\n');
  expect(container('rm', 'job')).toMatchObject({ status: 0, stdout: 'job\n' });
  const script = 'ln -s /pages /link; echo page >/pages/page';
  expect(container(...run, '--name', 'job', '-v', 'pages:/pages', 'busybox', 'sh', '-c', script).status).toBe(
    0,
  );
  // The container does not run: the volume is found through the link in its upper layer.
  const copy = join(data, 'copy');
  expect(container('cp', 'job:/link/page', copy)).toMatchObject({ status: 0, stderr: '' });
  expect(readFileSync(copy, 'utf8')).toBe('page\n');
  expect(container('rm', 'job')).toMatchObject({ status: 0, stdout: 'job\n' });
  expect([readdirSync(join(data, 'containers')), readdirSync(join(data, 'names'))]).toEqual([[], []]);
});
