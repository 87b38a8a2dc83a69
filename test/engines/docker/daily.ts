// SPDX-License-Identifier: Apache-2.0
// Terminals, and the daily work with running containers: pause, limits, statistics, processes, copies, files.
import { strict as assert } from 'node:assert';
import { type Flow, waitFor } from '../flow.ts';
import { Terminal } from '../terminal.ts';
import type { Docker } from './engine.ts';

export const daily: readonly Flow<Docker>[] = [
  {
    name: 'a shell on a terminal has its size, follows a change of it, and returns its status',
    short: true,
    run: async docker => {
      const command = ['docker', 'run', '--rm', '-it', '--name', 'one', 'box', 'sh'];
      const terminal = Terminal.open(docker.machine, 33, 77, command);
      await terminal.expect(/# /);
      terminal.type('tty; stty size\n');
      await terminal.expect(/\/dev\/pts\/0\s+33 77/);
      await terminal.resize(44, 111);
      await waitFor('the size', () =>
        docker.ok('exec', 'one', 'stty', '-F', '/dev/pts/0', 'size') === '44 111' ? true : undefined,
      );
      terminal.type('stty size\n');
      await terminal.expect(/44 111/);
      terminal.type('exit 6\n');
      assert.equal(await terminal.ended(), 6);
    },
  },
  {
    name: 'exec on a terminal has its size and follows a change of it',
    short: true,
    run: async docker => {
      docker.ok('run', '--detach', '--name', 'one', 'httpd');
      const terminal = Terminal.open(docker.machine, 21, 55, ['docker', 'exec', '-it', 'one', 'sh']);
      await terminal.expect(/# /);
      await terminal.resize(22, 66);
      terminal.type('while [ "$(stty size)" != "22 66" ]; do sleep 0.1; done; echo size=$(stty size)\n');
      await terminal.expect(/size=22 66/);
      terminal.type('exit 7\n');
      assert.equal(await terminal.ended(), 7);
    },
  },
  {
    name: 'detaching from a terminal leaves the container running, and attaching continues',
    run: async docker => {
      const first = Terminal.open(docker.machine, 24, 80, ['docker', 'run', '-it', '--name', 'one', 'box']);
      await first.expect(/# /);
      first.type('A=kept\n');
      await first.expect(/kept\s+.*# /);
      first.type('\x10\x11');
      assert.equal(await first.ended(), 0);
      assert.equal(docker.inspect('one', '{{.State.Running}}'), 'true');
      const second = Terminal.open(docker.machine, 24, 80, ['docker', 'attach', 'one']);
      await second.expect(/terminal=/);
      second.type('echo a=$A\n');
      await second.expect(/a=kept/);
      second.type('exit\n');
      assert.equal(await second.ended(), 0);
    },
  },
  {
    name: 'ctrl-c on a terminal ends the program',
    run: async docker => {
      const command = [
        'docker',
        'run',
        '--rm',
        '-it',
        'box',
        'sh',
        '-c',
        'trap "exit 8" INT; echo up; while :; do sleep 0.1; done',
      ];
      const terminal = Terminal.open(docker.machine, 24, 80, command);
      await terminal.expect(/up/);
      terminal.type('\x03');
      assert.equal(await terminal.ended(), 8);
    },
  },
  {
    name: 'the processes of a paused container do not run until it is resumed',
    short: true,
    run: async docker => {
      const script = 'n=0; while :; do n=$((n+1)); echo $n >/n; sleep 0.02; done';
      docker.ok('run', '--detach', '--name', 'one', 'box', 'sh', '-c', script);
      const file = `/proc/${docker.inspect('one', '{{.State.Pid}}')}/root/n`;
      const count = () => docker.machine.read(file);
      docker.ok('pause', 'one');
      assert.equal(docker.inspect('one', '{{.State.Status}}'), 'paused');
      assert.equal(docker.run(['exec', 'one', 'true']).status, 1);
      const before = count();
      await new Promise(resolve => setTimeout(resolve, 300));
      assert.equal(count(), before);
      docker.ok('unpause', 'one');
      await waitFor('the next number', () => (count() !== '' && count() !== before ? true : undefined));
    },
  },
  {
    name: 'top lists the processes of the container only',
    short: true,
    run: docker => {
      docker.ok('run', '--detach', '--name', 'one', 'httpd');
      docker.ok('exec', '--detach', 'one', 'sleep', '1000');
      const listed = docker.ok('top', 'one', '-o', 'pid,comm').split('\n').slice(1);
      assert.deepEqual(listed.map(line => line.trim().split(/\s+/)[1]).sort(), ['httpd', 'sleep']);
    },
  },
  {
    name: 'stats has the numbers of a running container',
    short: true,
    run: docker => {
      docker.ok('run', '--detach', '--name', 'one', 'httpd');
      const format = '{{.Name}} {{.CPUPerc}} {{.NetIO}}';
      assert.match(
        docker.ok('stats', '--no-stream', '--format', format, 'one'),
        /^one [\d.]+% [\d.]+k?B \/ /,
      );
    },
  },
  {
    name: 'a memory limit is in the control file, update changes it, and exceeding it is an out-of-memory kill',
    controllers: ['memory'],
    run: docker => {
      const look = ['exec', 'one', 'cat', '/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory.swap.max'];
      docker.ok('run', '--detach', '--name', 'one', '--memory', '64m', '--memory-swap', '64m', 'httpd');
      assert.equal(docker.ok(...look), '67108864\n0');
      docker.ok('update', '--memory', '96m', '--memory-swap', '128m', 'one');
      assert.equal(docker.ok(...look), '100663296\n33554432');
      const eat = ['run', '--name', 'two', '--memory', '16m', '--memory-swap', '16m', 'box'];
      assert.equal(docker.run([...eat, 'sh', '-c', 'tail /dev/zero']).status, 137);
      assert.equal(docker.inspect('two', '{{.State.OOMKilled}}'), 'true');
    },
  },
  {
    name: 'limits of processor time and processes are in the control files, and update changes them',
    controllers: ['cpu', 'pids'],
    run: docker => {
      const options = ['--cpus', '0.5', '--cpu-shares', '512', '--pids-limit', '20'];
      docker.ok('run', '--detach', '--name', 'one', ...options, 'httpd');
      const look = ['exec', 'one', 'cat', '/sys/fs/cgroup/cpu.max', '/sys/fs/cgroup/pids.max'];
      assert.equal(docker.ok(...look), '50000 100000\n20');
      docker.ok('update', '--cpus', '0.25', '--pids-limit', '30', 'one');
      assert.equal(docker.ok(...look), '25000 100000\n30');
    },
  },
  {
    name: 'the program may use only the CPUs of the requested cpuset',
    controllers: ['cpuset'],
    run: docker => {
      const look = ['sh', '-c', 'grep Cpus_allowed_list /proc/self/status'];
      assert.match(docker.ok('run', '--rm', '--cpuset-cpus', '0', 'box', ...look), /\s0$/);
    },
  },
  {
    name: 'update of a restart policy leaves the limits alone',
    run: docker => {
      docker.ok('run', '--detach', '--name', 'one', 'httpd');
      docker.ok('update', '--restart', 'unless-stopped', 'one');
      assert.equal(docker.inspect('one', '{{.HostConfig.RestartPolicy.Name}}'), 'unless-stopped');
      assert.equal(docker.inspect('one', '{{.State.Running}}'), 'true');
    },
  },
  {
    name: 'cp copies files into a running container and out of it',
    run: docker => {
      docker.ok('run', '--detach', '--name', 'one', 'httpd');
      docker.machine.write('/tmp/in', 'copied\n');
      docker.ok('cp', '/tmp/in', 'one:/root/in');
      assert.equal(docker.ok('exec', 'one', 'cat', '/root/in'), 'copied');
      docker.ok('cp', 'one:/www/index.html', '/tmp/out');
      assert.equal(docker.machine.read('/tmp/out'), 'a page\n');
    },
  },
  {
    name: 'a hundred megabytes pass through exec and run',
    run: docker => {
      const size = 100 << 20;
      docker.ok('run', '--detach', '--name', 'one', 'httpd');
      const script = `head -c ${size} /dev/zero | docker exec -i one cat | wc -c
        head -c ${size} /dev/zero | docker run --rm -i box cat | wc -c`;
      const { stdout } = docker.machine.run(['sh', '-c', script], { timeoutMs: 300_000 });
      assert.equal(stdout, `${size}\n${size}\n`);
    },
  },
  {
    name: 'fifty containers start at once',
    run: docker => {
      const script = `for n in $(seq 50); do
        { docker run --rm --network none box echo "from $n"; } & done; wait`;
      const { stdout, stderr } = docker.machine.run(['sh', '-c', script], { timeoutMs: 300_000 });
      const expected = Array.from({ length: 50 }, (_, index) => `from ${index + 1}`);
      assert.deepEqual(stdout.trimEnd().split('\n').sort(), expected.sort(), stderr);
      assert.equal(docker.ok('ps', '--all', '--quiet'), '');
    },
  },
  {
    name: 'wait returns the status, rename changes the name, and logs has times and a tail',
    run: docker => {
      docker.ok('run', '--detach', '--name', 'one', 'box', 'sh', '-c', 'echo a; echo b; echo c; exit 4');
      assert.equal(docker.wait('one'), '4');
      docker.ok('rename', 'one', 'two');
      assert.equal(docker.ok('logs', '--tail', '2', 'two'), 'b\nc');
      assert.match(docker.ok('logs', '--timestamps', '--tail', '1', 'two'), /^\d{4}-\d\d-\d\dT\S+Z c$/);
    },
  },
];
