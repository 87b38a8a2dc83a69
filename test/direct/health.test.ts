// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { companions } from '../helpers/companions.ts';
import { directMachine } from '../helpers/direct.ts';
import { requires } from '../helpers/requires.ts';
import { until } from '../helpers/sandbox.ts';

const machine = directMachine();
const beside = companions();
beforeEach(() => void machine.image('base'));

interface ShownHealth {
  readonly Status: string;
  readonly FailingStreak: number;
  readonly Log: readonly { readonly ExitCode: number; readonly Output: string; readonly Start: string }[];
}

const health = (name: string) =>
  (machine.inspect(name).State as unknown as { readonly Health: ShownHealth }).Health;
const statusOf = (...filter: string[]) =>
  machine.done('ls', '--all', ...filter, '--format', 'json').trim() === ''
    ? undefined
    : (JSON.parse(machine.done('ls', '--all', ...filter, '--format', 'json')) as { Status: string }).Status;

function checked(name: string, command: string, ...options: string[]): string {
  const every = ['--health-interval', '50ms', '--health-cmd', command];
  const program = ['base', 'sh', '-c', 'sleep 1000'];
  return machine.detached(
    '--name',
    name,
    '--network',
    'none',
    '--stop-timeout',
    '0',
    ...every,
    ...options,
    ...program,
  );
}

/** The processes that check the health of a container, and those of its checks. */
function checkers(id: string): string[] {
  return readdirSync('/proc').filter(pid => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`--scheduled\0${id}`);
    } catch {
      return false;
    }
  });
}

/** The processes of a container, also those that have ended and were not reaped. */
function inContainer(id: string): { readonly state: string; readonly words: readonly string[] }[] {
  return readdirSync('/proc').flatMap(pid => {
    try {
      if (!/^\d+$/.test(pid) || !readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(id)) return [];
      const state = /^.*\) (\S)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? '';
      return [{ state, words: readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0') }];
    } catch {
      return [];
    }
  });
}

describe.skipIf(requires('root'))('the health of a container', () => {
  it('is starting, then healthy, then unhealthy after as many failures as permitted', async () => {
    checked(
      'web',
      'echo seen; test -e /good',
      '--health-retries',
      '2',
      '--health-start-period',
      '1h',
      '--health-start-interval',
      '50ms',
    );
    expect(statusOf()).toMatch(/^Up .* \(health: starting\)$/);
    await until('a check has failed', () => health('web').Log.length > 0);
    // In the start period failures do not count.
    expect(health('web')).toMatchObject({ Status: 'starting', FailingStreak: 0 });
    expect(health('web').Log[0]).toMatchObject({ ExitCode: 1, Output: 'seen\n' });
    machine.done('exec', 'web', 'touch', '/good');
    await until('it is healthy', () => health('web').Status === 'healthy');
    expect(statusOf('--filter', 'health=healthy')).toMatch(/^Up .* \(healthy\)$/);
    expect(statusOf('--filter', 'health=unhealthy')).toBeUndefined();
    machine.done('exec', 'web', 'rm', '/good');
    await until('it is unhealthy', () => health('web').Status === 'unhealthy');
    expect(health('web').FailingStreak).toBeGreaterThanOrEqual(2);
    expect(health('web').Log.length).toBeLessThanOrEqual(5);
    expect(statusOf('--filter', 'health=unhealthy')).toMatch(/^Up .* \(unhealthy\)$/);
  });

  it('has a failed check when the command takes too long, and the command is killed', async () => {
    checked('slow', 'sleep 4321', '--health-timeout', '100ms', '--health-retries', '1');
    await until('it is unhealthy', () => health('slow').Status === 'unhealthy');
    expect(health('slow').Log[0]).toMatchObject({ ExitCode: -1, Output: expect.stringContaining('timeout') });
    // The check in progress at most; the killed ones are gone.
    await until('the commands are killed', () => machine.done('top', 'slow').split('sleep 4321').length <= 3);
  });

  it('leaves no process of a check that took too long', async () => {
    // The shell has a child, which becomes one of the container's first process.
    const options = ['--health-timeout', '100ms', '--health-interval', '1h', '--init'];
    const id = checked('slow', 'sleep 4321; true', ...options);
    const left = () => inContainer(id).filter(({ state, words }) => state === 'Z' || words.includes('4321'));
    expect(machine.container('healthcheck', 'slow').status).toBe(1);
    expect(health('slow').Log[0]).toMatchObject({ ExitCode: -1 });
    await until('the commands are killed and reaped', () => left().length === 0);
  });

  it('does not survive its checker', async () => {
    const id = checked(
      'web',
      'sleep 4321; true',
      '--health-interval',
      '1h',
      '--health-start-period',
      '1h',
      '--health-timeout',
      '1h',
    );
    const probes = () =>
      inContainer(id).filter(({ words }) => words[0] === '/bin/sh' && words.includes('-c'));
    await until('a check runs', () => probes().length > 0);
    for (const pid of checkers(id)) process.kill(Number(pid), 'SIGKILL');
    await until('its program has ended', () => probes().length === 0);
  });

  it('is checked by one command at a time', async () => {
    const script = 'echo begin >>/log; sleep 0.3; echo end >>/log';
    checked('web', script, '--health-interval', '1h');
    const checks = [1, 2].map(() =>
      beside.watch(machine.box.view.spawn(machine.box.command('container', 'healthcheck', 'web'), machine)),
    );
    for (const { ended } of checks) expect((await ended).status).toBe(0);
    expect(machine.done('exec', 'web', 'cat', '/log')).toBe('begin\nend\nbegin\nend\n');
    expect(health('web').Log.length).toBe(2);
  });

  it('is checked with the shell of the image', () => {
    machine.image('shell', { config: { Shell: ['/bin/sh', '-c', 'echo own; eval "$0"'] } });
    const options = ['--network', 'none', '--health-interval', '1h'];
    machine.detached('--name', 'web', ...options, '--health-cmd', 'echo check', 'shell', 'sleep', '1000');
    machine.done('healthcheck', 'web');
    expect(health('web').Log[0]).toMatchObject({ ExitCode: 0, Output: 'own\ncheck\n' });
  });

  it('fails with the reason if the command cannot be executed', () => {
    machine.image('broken', { config: { Healthcheck: { Test: ['CMD', '/missing'], Interval: 3600e9 } } });
    machine.detached('--name', 'web', '--network', 'none', 'broken', 'sleep', '1000');
    expect(machine.container('healthcheck', 'web').status).toBe(1);
    expect(health('web').Log[0]).toMatchObject({ ExitCode: -1, Output: expect.stringContaining('/missing') });
  });

  it('is not checked while the container is paused, and not after its end', async () => {
    const id = checked('web', 'true');
    await until('it is healthy', () => health('web').Status === 'healthy');
    machine.done('pause', 'web');
    await until('no check runs', () => checkers(id).length === 0);
    machine.done('unpause', 'web');
    const last = health('web').Log.at(-1)?.Start;
    await until('it is checked again', () => health('web').Log.at(-1)?.Start !== last);
    machine.done('stop', 'web');
    await until('no check runs', () => checkers(id).length === 0);
    expect(machine.inspect('web').State.Status).toBe('exited');
    // A new run begins without the results of the one before.
    machine.done('start', 'web');
    await until('it is healthy again', () => health('web').Status === 'healthy');
    machine.done('rm', '--force', 'web');
    await until('no check runs', () => checkers(id).length === 0);
    expect(existsSync(join(machine.data, 'containers', id))).toBe(false);
  });

  it('is that of the image, unless an option changes it', async () => {
    const config = { Healthcheck: { Test: ['CMD', 'test', '-e', '/good'], Interval: 50e6, Retries: 7 } };
    machine.image('checked', { config });
    machine.detached(
      '--name',
      'own',
      '--network',
      'none',
      '--health-retries',
      '1',
      'checked',
      'sleep',
      '1000',
    );
    await until('it is unhealthy', () => health('own').Status === 'unhealthy');
    expect(machine.inspect('own')).toMatchObject({
      Config: {
        Healthcheck: { Test: ['CMD', 'test', '-e', '/good'], Interval: 50e6, Timeout: 30e9, Retries: 1 },
      },
    });
    machine.detached('--name', 'none', '--network', 'none', '--no-healthcheck', 'checked', 'sleep', '1000');
    expect(machine.inspect('none').State).not.toHaveProperty('Health');
  });

  it('is checked at once on request', () => {
    machine.detached(
      '--name',
      'now',
      '--network',
      'none',
      '--health-cmd',
      'test -e /good',
      'base',
      'sleep',
      '1000',
    );
    expect(machine.container('healthcheck', 'now')).toMatchObject({ status: 1, stdout: 'starting\n' });
    machine.done('exec', 'now', 'touch', '/good');
    expect(machine.container('healthcheck', 'now')).toMatchObject({ status: 0, stdout: 'healthy\n' });
  });
});
