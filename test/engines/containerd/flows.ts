// SPDX-License-Identifier: Apache-2.0
// containerd driven by its own client ctr.
import { strict as assert } from 'node:assert';
import { counting, installCriu, requireAllNumbers } from '../criu.ts';
import { type Engine, type Flow, type Running, type Runtime, waitFor } from '../flow.ts';
import type { Machine, Result, RunOptions } from '../machine.ts';
import { recipe } from '../recipe.ts';
import { Terminal } from '../terminal.ts';
import { image, startContainerd } from './daemon.ts';

class Containerd implements Running {
  readonly machine: Machine;
  private readonly options: readonly string[];

  private constructor(machine: Machine, options: readonly string[]) {
    this.machine = machine;
    this.options = options;
  }

  static async start(machine: Machine, runtime: Runtime): Promise<Containerd> {
    // The recipe is a whole command line: `ctr run OPTIONS IMAGE ID`.
    const recommended = recipe('containerd', 'sh').trim().split(' ').slice(2, -2);
    // ctr sets cpu.weight for every container, which no runtime can do without the controller.
    const shares = machine.controllers().includes('cpu') ? [] : ['--cpu-shares', '0'];
    const containerd = new Containerd(machine, [...shares, ...(runtime === 'tsubo' ? recommended : [])]);
    await startContainerd(machine, 'default');
    return containerd;
  }

  /** The command line that runs a container. */
  command(options: readonly string[], name: string, program: readonly string[]): readonly string[] {
    return ['ctr', 'run', ...this.options, ...options, image, name, ...program];
  }

  launch(
    options: readonly string[],
    name: string,
    program: readonly string[],
    given: RunOptions = {},
  ): Result {
    return this.machine.run(this.command(options, name, program), given);
  }

  /** Runs a command of ctr that must succeed. */
  ok(...args: readonly string[]): string {
    const { status, stdout, stderr } = this.machine.run(['ctr', ...args]);
    assert.equal(status, 0, `ctr ${args.join(' ')}: status ${status}: ${stderr}${stdout}`);
    return stdout.trimEnd();
  }

  /** Runs a program in the background. */
  background(name: string, program: readonly string[]): void {
    const { status, stderr } = this.launch(['--detach'], name, program);
    assert.equal(status, 0, stderr);
  }

  /** The state of a task in the words of ctr. */
  status(name: string): string | undefined {
    return new RegExp(`^${name}\\s+\\d+\\s+(\\w+)`, 'm').exec(this.ok('task', 'ls'))?.[1];
  }

  reset(): void {
    for (const name of this.ok('container', 'ls', '--quiet').split('\n').filter(Boolean)) {
      this.machine.run(['ctr', 'task', 'rm', '--force', name]);
      this.ok('container', 'rm', name);
    }
  }
}

const flows: readonly Flow<Containerd>[] = [
  {
    name: 'a program in the foreground prints to both outputs, reads its input, and returns its status',
    short: true,
    run: engine => {
      const script = 'read line; echo "got $line"; echo bad >&2; exit 42';
      const ran = engine.launch(['--rm'], 'one', ['sh', '-c', script], { input: 'a line\n' });
      assert.deepEqual([ran.status, ran.stdout], [42, 'got a line\n']);
      assert.match(ran.stderr, /^bad\n/);
    },
  },
  {
    name: 'a missing program is an error with its name, and leaves nothing',
    short: true,
    run: engine => {
      const ran = engine.launch(['--rm'], 'one', ['nosuch']);
      assert.equal(ran.status, 1);
      assert.match(ran.stderr, /exec: "nosuch": executable file not found in \$PATH/);
      assert.equal(engine.ok('container', 'ls', '--quiet'), '');
    },
  },
  {
    name: 'a container in the background is listed, runs further programs, and is killed and deleted',
    short: true,
    run: async engine => {
      engine.background('one', ['sh', '-c', 'trap "exit 3" TERM; while :; do sleep 0.1; done']);
      assert.equal(engine.status('one'), 'RUNNING');
      assert.equal(engine.ok('task', 'exec', '--exec-id', 'e', 'one', 'echo', 'in'), 'in');
      const failing = engine.machine.run([
        'ctr',
        'task',
        'exec',
        '--exec-id',
        'f',
        'one',
        'sh',
        '-c',
        'exit 9',
      ]);
      assert.equal(failing.status, 9);
      const missing = engine.machine.run(['ctr', 'task', 'exec', '--exec-id', 'g', 'one', 'nosuch']);
      assert.match(missing.stderr, /exec: "nosuch": executable file not found in \$PATH/);
      assert.match(engine.ok('task', 'ps', 'one'), /^\d+/m);
      engine.ok('task', 'kill', '--signal', 'SIGTERM', 'one');
      await waitFor('the end', () => (engine.status('one') === 'STOPPED' ? true : undefined));
      const removed = engine.machine.run(['ctr', 'task', 'rm', 'one']);
      assert.match(removed.stderr, /exit with non-zero exit code 3/);
      assert.equal(engine.status('one'), undefined);
    },
  },
  {
    name: 'a paused container is listed as paused until it is resumed',
    short: true,
    run: engine => {
      engine.background('one', ['sleep', '1000']);
      engine.ok('task', 'pause', 'one');
      assert.equal(engine.status('one'), 'PAUSED');
      engine.ok('task', 'resume', 'one');
      assert.equal(engine.status('one'), 'RUNNING');
    },
  },
  {
    name: 'a shell on a terminal has its size and returns its status',
    run: async engine => {
      const terminal = Terminal.open(
        engine.machine,
        33,
        77,
        engine.command(['--rm', '--tty'], 'one', ['sh']),
      );
      await terminal.expect(/# /);
      terminal.type('while [ "$(stty size)" != "33 77" ]; do sleep 0.1; done; echo size=$(stty size)\n');
      await terminal.expect(/size=33 77/);
      await terminal.resize(44, 99);
      terminal.type('while [ "$(stty size)" != "44 99" ]; do sleep 0.1; done; echo size=$(stty size)\n');
      await terminal.expect(/size=44 99/);
      terminal.type('exit 6\n');
      assert.equal(await terminal.ended(), 6);
    },
  },
  {
    name: 'a container has the requested directory, environment, read-only root and network of the host',
    run: engine => {
      const options = ['--rm', '--cwd', '/tmp', '--env', 'A=b', '--read-only', '--net-host'];
      const script = 'echo $(id -u) $(pwd) $A; touch /tmp/x 2>&1; readlink /proc/self/ns/net';
      const { stdout } = engine.launch(options, 'one', ['sh', '-c', script]);
      const net = engine.machine.run(['readlink', '/proc/self/ns/net']).stdout;
      assert.equal(stdout, `0 /tmp b\ntouch: /tmp/x: Read-only file system\n${net}`);
    },
  },
  {
    name: 'a container can be privileged, have a seccomp filter, and have a mount',
    run: engine => {
      const look = (options: readonly string[], script: string) =>
        engine.launch(['--rm', ...options], 'one', ['sh', '-c', script]).stdout.trimEnd();
      assert.match(look(['--seccomp'], 'grep Seccomp: /proc/self/status'), /2$/);
      assert.equal(look(['--privileged'], 'mount -t tmpfs x /tmp && echo mounted'), 'mounted');
      engine.machine.write('/srv/bound/file', 'from the host\n');
      const mount = ['--mount', 'type=bind,src=/srv/bound,dst=/bound,options=rbind:ro'];
      assert.equal(
        look(mount, 'cat /bound/file; touch /bound/x 2>/dev/null || echo no'),
        'from the host\nno',
      );
    },
  },
  {
    name: 'metrics has the numbers of a running container',
    controllers: ['memory', 'pids'],
    run: engine => {
      engine.background('one', ['sleep', '1000']);
      assert.match(engine.ok('task', 'metrics', 'one'), /memory\.usage\s+\d+/);
    },
  },
  {
    name: 'limits are in the control files',
    controllers: ['memory', 'cpu'],
    run: engine => {
      const options = ['--rm', '--memory-limit', '67108864', '--cpus', '0.5'];
      const { stdout } = engine.launch(options, 'one', [
        'cat',
        '/sys/fs/cgroup/memory.max',
        '/sys/fs/cgroup/cpu.max',
      ]);
      assert.equal(stdout, '67108864\n50000 100000\n');
    },
  },
  {
    name: 'thirty containers start at once',
    run: engine => {
      const words = engine
        .command(['--rm'], 'NAME', ['echo', 'from'])
        .map(word => `'${word}'`)
        .join(' ');
      const script = `for n in $(seq 30); do { ${words.replace("'NAME'", 'c$n')} $n; } & done; wait`;
      const { stdout, stderr } = engine.machine.run(['sh', '-c', script], { timeoutMs: 300_000 });
      const expected = Array.from({ length: 30 }, (_, index) => `from ${index + 1}`);
      assert.deepEqual(stdout.trimEnd().split('\n').sort(), expected.sort(), stderr);
    },
  },
  {
    name: 'a checkpoint is written to a directory, and the program continues',
    run: async engine => {
      const { machine } = engine;
      installCriu(machine);
      machine.run(['sh', '-c', 'rm -rf /tmp/counts && mkdir /tmp/counts']);
      const numbers = () => requireAllNumbers(machine.read('/tmp/counts/numbers'));
      const more = (before: number) =>
        waitFor('more numbers', () => (numbers() >= before + 3 ? true : undefined), 30);
      const mount = ['--mount', 'type=bind,src=/tmp/counts,dst=/root,options=rbind:rw'];
      const program = ['sh', '-c', `exec </dev/null >/root/numbers 2>&1; ${counting}`];
      const { status, stderr } = engine.launch(['--detach', ...mount], 'one', program);
      assert.equal(status, 0, stderr);
      await waitFor('numbers', () =>
        machine.run(['test', '-s', '/tmp/counts/numbers']).status === 0 ? true : undefined,
      );
      await more(0);
      const images = ['--image-path', '/tmp/counts/image', '--work-path', '/tmp/counts/work'];
      engine.ok('task', 'checkpoint', ...images, 'one');
      assert.equal(machine.run(['test', '-s', '/tmp/counts/image/inventory.img']).status, 0);
      assert.equal(engine.status('one'), 'RUNNING');
      const before = numbers();
      await more(before);
    },
  },
];

export const containerd: Engine<Containerd> = { name: 'containerd', start: Containerd.start, flows };
