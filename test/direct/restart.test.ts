// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { directMachine } from '../helpers/direct.ts';
import { requires } from '../helpers/requires.ts';
import { until } from '../helpers/sandbox.ts';

const machine = directMachine();
beforeEach(() => void machine.image('base'));

function started(name: string, policy: string, script: string): string {
  return machine.detached(
    '--name',
    name,
    '--network',
    'none',
    '--restart',
    policy,
    'base',
    'sh',
    '-c',
    script,
  );
}

/** The processes that would start the container again. */
function restarters(id: string): string[] {
  return readdirSync('/proc').filter(pid => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`--after-end\0${id}`);
    } catch {
      return false;
    }
  });
}

function file(id: string, name: string): string {
  try {
    return readFileSync(join(machine.data, 'containers', id, name), 'utf8');
  } catch {
    return '';
  }
}

const runs = (id: string) => file(id, 'upper/runs').length;
const status = (name: string) => machine.inspect(name).State.Status;
const isAtRest = (id: string) => status(id) === 'exited' && restarters(id).length === 0;

describe.skipIf(requires('root'))('a container with a restart policy', () => {
  it('starts again after a failure, as often as permitted', async () => {
    const id = started('job', 'on-failure:2', 'printf x >>/runs; exit 3');
    await until('it has run three times', () => runs(id) === 3 && isAtRest(id));
    expect(machine.inspect('job')).toMatchObject({ RestartCount: 2, State: { ExitCode: 3 } });
    // A start by a command begins to count again.
    machine.done('start', 'job');
    await until('it has run six times', () => runs(id) === 6 && isAtRest(id));
  });

  it('stays ended after success, with on-failure', async () => {
    const id = started('job', 'on-failure', 'printf x >>/runs');
    await until('it has run once', () => runs(id) === 1 && isAtRest(id));
    expect(machine.inspect('job')).toMatchObject({ RestartCount: 0 });
  });

  it('gets the policy of update while it runs, and loses it', async () => {
    const id = started('web', 'no', 'printf x >>/runs; exec sleep 1000');
    await until('it runs', () => runs(id) === 1);
    machine.done('update', '--restart', 'always', 'web');
    expect(machine.inspect('web')).toMatchObject({ HostConfig: { RestartPolicy: { Name: 'always' } } });
    process.kill(machine.inspect('web').State.Pid, 'SIGKILL');
    await until('it runs again', () => runs(id) === 2 && status(id) === 'running');
    machine.done('update', '--restart', 'no', 'web');
    process.kill(machine.inspect('web').State.Pid, 'SIGKILL');
    await until('it has ended', () => isAtRest(id));
    expect(runs(id)).toBe(2);
    machine.detached('--name', 'once', '--rm', '--network', 'none', 'base', 'sleep', '1000');
    expect(machine.fails(1, 'update', '--restart', 'always', 'once')).toMatchObject({
      code: 'usage.bad-value',
    });
    expect(machine.fails(1, 'update', '--restart', 'sometimes', 'web')).toMatchObject({
      code: 'usage.bad-value',
    });
  });

  it('starts again when its program is killed, and not after stop', async () => {
    const id = started('web', 'always', 'exec sleep 1000');
    const first = machine.inspect('web').State.Pid;
    process.kill(first, 'SIGKILL');
    await until('a second program runs', () => ![0, first].includes(machine.inspect('web').State.Pid));
    machine.done('stop', '-t', '0', 'web');
    await until('it is at rest', () => isAtRest(id));
    machine.done('start', 'web');
    expect(status('web')).toBe('running');
    const second = machine.inspect('web').State.Pid;
    process.kill(second, 'SIGKILL');
    await until('a third program runs', () => ![0, second].includes(machine.inspect('web').State.Pid));
  });

  it('is left alone by a stop between two runs', async () => {
    const id = started('job', 'unless-stopped', 'printf x >>/runs; exit 1');
    await until('it waits between two runs', () => /"delayMs":(800|1600)/.test(file(id, 'restart.json')));
    machine.done('stop', 'job');
    await until('it is at rest', () => isAtRest(id));
    machine.done('rm', 'job');
  });

  it('is removed neither by rm nor by prune between two runs', async () => {
    const id = started('job', 'always', 'exit 1');
    await until('it waits for seconds', () => /"delayMs":6400/.test(file(id, 'restart.json')));
    expect(machine.fails(1, 'rm', 'job')).toMatchObject({
      code: 'direct.running',
      msg: expect.stringContaining('container is restarting'),
    });
    expect(machine.done('prune')).toBe('');
    expect(machine.directory('containers')).toEqual([id]);
    machine.done('stop', 'job');
    expect(machine.done('prune')).toBe(`${id}\n`);
  });

  it('is removed by rm --force between two runs', async () => {
    const id = started('job', 'always', 'exit 1');
    await until('it waits between two runs', () => /"delayMs":(800|1600)/.test(file(id, 'restart.json')));
    machine.done('rm', '-f', 'job');
    await until('no process restarts it', () => restarters(id).length === 0);
    expect(machine.directory('containers')).toEqual([]);
  });

  it('is refused with --rm, in the foreground, and with an unknown policy', () => {
    const words = (...more: readonly string[]) => ['run', '--network', 'none', ...more, 'base', 'true'];
    expect(machine.fails(125, ...words('-d', '--rm', '--restart', 'always')).msg).toContain(
      'both --restart and --rm',
    );
    expect(machine.fails(125, ...words('--restart', 'always')).msg).toContain('--restart needs --detach');
    expect(machine.fails(125, ...words('-d', '--restart', 'sometimes')).msg).toContain(
      '"sometimes" for --restart',
    );
    expect(machine.fails(125, ...words('-d', '--restart', 'always:3')).code).toBe('usage.bad-value');
  });
});

describe.skipIf(requires('root'))('after a start of the machine', () => {
  it('system boot starts what should run', () => {
    const options = ['--network', 'none', '--restart'];
    machine.done('create', '--name', 'a-always', ...options, 'always', 'base', 'sleep', '1000');
    machine.done('create', '--name', 'never', '--network', 'none', 'base', 'sleep', '1000');
    machine.detached('--name', 'stopped', ...options, 'unless-stopped', 'base', 'sleep', '1000');
    machine.done('stop', '-t', '0', 'stopped');
    machine.detached('--name', 'stopped-always', ...options, 'always', 'base', 'sleep', '1000');
    machine.done('stop', '-t', '0', 'stopped-always');
    expect(machine.oci('system', 'boot').stdout).toBe('a-always\nstopped-always\n');
    expect(['a-always', 'never', 'stopped', 'stopped-always'].map(status)).toEqual([
      ...['running', 'created', 'exited', 'running'],
    ]);
    // A second one changes nothing.
    expect(machine.oci('system', 'boot').stdout).toBe('');
  });

  it('systemd runs it from the printed unit', () => {
    const lines = machine.oci('system', 'unit').stdout.split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'Type=oneshot',
        'RemainAfterExit=yes',
        'KillMode=process',
        'WantedBy=multi-user.target',
      ]),
    );
    expect(lines.find(line => line.startsWith('ExecStart='))).toMatch(
      /^ExecStart=\/\S.* --root \S+ system boot$/,
    );
    expect(lines).toContain(`Environment=TSUBO_DATA=${machine.data}`);
  });
});
