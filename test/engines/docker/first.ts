// SPDX-License-Identifier: Apache-2.0
// The first lessons: run, look, stop, start again, remove.
import { strict as assert } from 'node:assert';
import { type Flow, waitFor } from '../flow.ts';
import type { Docker } from './engine.ts';

const forever = ['sh', '-c', 'trap "exit 3" TERM; echo up; while :; do sleep 1; done'] as const;

export const first: readonly Flow<Docker>[] = [
  {
    name: 'the engine uses the runtime for all containers',
    short: true,
    run: docker => {
      assert.equal(docker.ok('info', '--format', '{{.DefaultRuntime}}'), docker.runtime);
      docker.ok('run', '--detach', '--name', 'one', 'box', ...forever);
      assert.equal(docker.inspect('one', '{{.HostConfig.Runtime}}'), docker.runtime);
      assert.match(docker.ok('version'), /Server/);
    },
  },
  {
    name: 'a program in the foreground prints to both outputs and reads its input',
    short: true,
    run: docker => {
      const script = 'read line; echo "got $line"; echo bad >&2';
      const ran = docker.run(['run', '--rm', '-i', 'box', 'sh', '-c', script], { input: 'a line\n' });
      assert.deepEqual(ran, { status: 0, stdout: 'got a line\n', stderr: 'bad\n' });
    },
  },
  {
    name: 'the exit status is that of the program, also for a signal',
    short: true,
    run: docker => {
      assert.equal(docker.run(['run', '--rm', 'box', 'sh', '-c', 'exit 42']).status, 42);
      assert.equal(docker.run(['run', '--rm', 'box', 'sh', '-c', 'kill -9 $$; true']).status, 0);
      assert.equal(docker.run(['run', '--rm', '--init', 'box', 'sh', '-c', 'kill -9 $$']).status, 137);
    },
  },
  {
    name: 'a missing program is 127, one without the permission 126, a missing option 125',
    short: true,
    run: docker => {
      const missing = docker.run(['run', '--rm', 'box', 'nosuch']);
      assert.equal(missing.status, 127);
      assert.match(missing.stderr, /exec: "nosuch": executable file not found in \$PATH/);
      const path = docker.run(['run', '--rm', 'box', '/bin/nosuch']);
      assert.equal(path.status, 127);
      assert.match(path.stderr, /exec: "\/bin\/nosuch": stat \/bin\/nosuch: no such file or directory/);
      const refused = docker.run(['run', '--rm', 'box', '/etc/passwd']);
      assert.equal(refused.status, 126);
      assert.match(refused.stderr, /exec: "\/etc\/passwd": permission denied/);
      assert.equal(docker.run(['run', '--rm', '--no-such-option', 'box']).status, 125);
      docker.ok('run', '--detach', '--name', 'one', 'box', ...forever);
      const inside = docker.run(['exec', 'one', 'nosuch']);
      assert.match(inside.stdout + inside.stderr, /exec: "nosuch": executable file not found in \$PATH/);
      assert.ok([126, 127].includes(inside.status ?? 0), `status ${inside.status}`);
    },
  },
  {
    name: 'a detached container is listed, has logs, and its status remains after its end',
    short: true,
    run: async docker => {
      docker.ok('run', '--detach', '--name', 'one', 'box', ...forever);
      assert.match(docker.ok('ps', '--format', '{{.Names}} {{.Status}}'), /^one Up/);
      await waitFor('the log', () => (docker.ok('logs', 'one') === 'up' ? true : undefined));
      docker.ok('stop', 'one');
      assert.equal(docker.ok('ps', '--quiet'), '');
      assert.match(docker.ok('ps', '--all', '--format', '{{.Names}} {{.Status}}'), /^one Exited \(3\)/);
      assert.equal(docker.ok('logs', 'one'), 'up');
    },
  },
  {
    name: 'exec runs programs with the requested environment, directory and user',
    short: true,
    run: docker => {
      docker.ok('run', '--detach', '--name', 'one', '--env', 'A=b', 'box', ...forever);
      const script = 'echo $A $C $(pwd) $(id -u):$(id -g)';
      assert.equal(docker.ok('exec', 'one', 'sh', '-c', script), 'b / 0:0');
      const options = ['--env', 'C=d', '--workdir', '/tmp', '--user', 'web'];
      assert.equal(docker.ok('exec', ...options, 'one', 'sh', '-c', script), 'b d /tmp 33:33');
      assert.equal(docker.run(['exec', 'one', 'sh', '-c', 'exit 9']).status, 9);
      const piped = docker.run(['exec', '-i', 'one', 'tr', 'a-z', 'A-Z'], { input: 'abc' });
      assert.equal(piped.stdout, 'ABC');
    },
  },
  {
    name: 'a started container has the changes that it made before',
    short: true,
    run: docker => {
      docker.ok('run', '--name', 'one', 'box', 'sh', '-c', 'cat /root/kept; echo once >>/root/kept');
      assert.equal(docker.ok('start', '--attach', 'one'), 'once');
      assert.equal(docker.ok('start', '--attach', 'one'), 'once\nonce');
      assert.equal(docker.ok('diff', 'one').split('\n').sort().join(' '), 'A /root/kept C /root');
      docker.ok('rm', 'one');
      assert.equal(docker.ok('ps', '--all', '--quiet'), '');
    },
  },
  {
    name: 'a running container is removed by force only',
    short: true,
    run: docker => {
      docker.ok('run', '--detach', '--name', 'one', 'box', ...forever);
      const refused = docker.run(['rm', 'one']);
      assert.equal(refused.status, 1);
      assert.match(refused.stderr, /cannot remove/);
      docker.ok('rm', '--force', 'one');
      assert.equal(docker.ok('ps', '--all', '--quiet'), '');
    },
  },
  {
    name: 'a program that ignores SIGTERM is killed after the time of stop',
    run: docker => {
      docker.ok(
        'run',
        '--detach',
        '--name',
        'one',
        'box',
        'sh',
        '-c',
        'trap "" TERM; while :; do sleep 1; done',
      );
      docker.ok('stop', '--time', '1', 'one');
      assert.equal(docker.inspect('one', '{{.State.ExitCode}}'), '137');
    },
  },
  {
    name: 'kill sends the signal that it names',
    run: docker => {
      const script = 'trap "exit 5" USR1; echo up; while :; do sleep 0.1; done';
      docker.ok('run', '--detach', '--name', 'one', 'box', 'sh', '-c', script);
      docker.ok('kill', '--signal', 'USR1', 'one');
      assert.equal(docker.wait('one'), '5');
    },
  },
  {
    name: 'restart ends the program and starts it again',
    run: docker => {
      docker.ok('run', '--detach', '--name', 'one', 'box', ...forever);
      const before = docker.inspect('one', '{{.State.Pid}}');
      docker.ok('restart', '--time', '5', 'one');
      assert.equal(docker.inspect('one', '{{.State.Running}}'), 'true');
      assert.notEqual(docker.inspect('one', '{{.State.Pid}}'), before);
    },
  },
  {
    name: 'web servers answer on their ports, and a port in use is refused',
    short: true,
    run: async docker => {
      docker.ok('run', '--detach', '--name', 'one', '--publish', '8800:80', 'httpd');
      docker.ok('run', '--detach', '--name', 'two', '--publish', '8801:80', 'httpd');
      docker.ok('exec', 'two', 'sh', '-c', 'echo another >/www/index.html');
      assert.equal(await page(docker, 8800), 'a page\n');
      assert.equal(await page(docker, 8801), 'another\n');
      const third = docker.run(['run', '--name', 'three', '--publish', '8800:80', 'httpd']);
      assert.equal(third.status, 125);
      assert.match(third.stderr, /port is already allocated/);
      docker.ok('stop', '--time', '0', 'one');
      docker.ok('start', 'one');
      assert.equal(await page(docker, 8800), 'a page\n');
    },
  },
];

/** The page of a web server, as soon as it answers. */
export function page(docker: Docker, port: number): Promise<string> {
  return waitFor(`port ${port}`, () => {
    const got = docker.machine.run(['curl', '--silent', '--fail', `http://127.0.0.1:${port}/`]);
    return got.status === 0 ? got.stdout : undefined;
  });
}
