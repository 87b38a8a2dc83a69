// SPDX-License-Identifier: Apache-2.0
// The work of the daemon over time, and daemons with other settings.
import { strict as assert } from 'node:assert';
import { type Flow, waitFor } from '../flow.ts';
import type { Docker } from './engine.ts';
import { page } from './first.ts';

export const upkeep: readonly Flow<Docker>[] = [
  {
    name: 'a health check runs in the container and its result changes',
    run: async docker => {
      const check = [
        '--health-cmd',
        'test -e /tmp/well',
        '--health-interval',
        '0.3s',
        '--health-retries',
        '1',
      ];
      docker.ok('run', '--detach', '--name', 'one', ...check, 'httpd');
      const health = (state: string) =>
        waitFor(state, () =>
          docker.inspect('one', '{{.State.Health.Status}}') === state ? true : undefined,
        );
      await health('unhealthy');
      docker.ok('exec', 'one', 'touch', '/tmp/well');
      await health('healthy');
    },
  },
  {
    name: 'a container starts again after a failure, as often as its restart policy allows',
    run: async docker => {
      docker.ok(
        'run',
        '--detach',
        '--name',
        'one',
        '--restart',
        'on-failure:2',
        'box',
        'sh',
        '-c',
        'echo x; exit 1',
      );
      await waitFor('the last end', () => {
        const state = docker.inspect('one', '{{.RestartCount}} {{.State.Status}}');
        return state === '2 exited' ? true : undefined;
      });
      assert.equal(docker.ok('logs', 'one'), 'x\nx\nx');
      docker.ok('run', '--detach', '--name', 'two', '--restart', 'always', 'httpd');
      const pid = docker.inspect('two', '{{.State.Pid}}');
      docker.machine.run(['kill', '-9', pid]);
      await waitFor('another process', () => {
        const [running, now] = docker.inspect('two', '{{.State.Running}} {{.State.Pid}}').split(' ');
        return running === 'true' && now !== pid ? true : undefined;
      });
    },
  },
  {
    name: 'containers survive a restart of a daemon with live-restore',
    run: async docker => {
      await docker.restartDaemon('--live-restore');
      docker.ok('run', '--detach', '--name', 'one', '--publish', '8800:80', 'httpd');
      const pid = docker.inspect('one', '{{.State.Pid}}');
      try {
        await docker.restartDaemon('--live-restore');
        assert.equal(docker.inspect('one', '{{.State.Running}} {{.State.Pid}}'), `true ${pid}`);
        assert.equal(docker.ok('exec', 'one', 'echo', 'in'), 'in');
        assert.equal(await page(docker, 8800), 'a page\n');
        docker.ok('rm', '--force', 'one');
      } finally {
        await docker.restartDaemon();
      }
    },
  },
  {
    name: 'a restarted daemon starts the containers again whose policy requires it',
    run: async docker => {
      docker.ok('run', '--detach', '--name', 'one', '--restart', 'always', 'httpd');
      docker.ok('run', '--detach', '--name', 'two', 'httpd');
      await docker.restartDaemon();
      await waitFor('the container', () =>
        docker.inspect('one', '{{.State.Running}}') === 'true' ? true : undefined,
      );
      assert.equal(docker.inspect('two', '{{.State.Running}}'), 'false');
    },
  },
  {
    name: 'root of a container is another user of the machine with userns-remap',
    run: async docker => {
      const users = `
        echo dockremap:x:900:900::/:/bin/false >>/etc/passwd
        echo dockremap:x:900: >>/etc/group
        echo dockremap:200000:65536 | tee /etc/subuid /etc/subgid`;
      docker.machine.run(['sh', '-c', users]);
      await docker.restartDaemon('--userns-remap', 'dockremap');
      try {
        docker.importImages();
        const look = 'id -u; cat /proc/self/uid_map | tr -s " "; echo own >/root/f && cat /root/f';
        assert.equal(docker.ok('run', '--rm', 'box', 'sh', '-c', look), '0\n 0 200000 65536\nown');
        docker.ok('run', '--detach', '--name', 'one', '--publish', '8800:80', 'httpd');
        const pid = docker.inspect('one', '{{.State.Pid}}');
        const owner = docker.machine.run(['stat', '-c', '%u', `/proc/${pid}`]).stdout.trim();
        assert.equal(owner, '200000');
        assert.equal(await page(docker, 8800), 'a page\n');
        assert.equal(docker.ok('exec', 'one', 'id', '-u'), '0');
        docker.ok('rm', '--force', 'one');
        assert.equal(
          docker.ok(
            'run',
            '--rm',
            '--userns',
            'host',
            'box',
            'sh',
            '-c',
            'cat /proc/self/uid_map | tr -s " "',
          ),
          ' 0 0 4294967295',
        );
      } finally {
        await docker.restartDaemon();
      }
    },
  },
];
