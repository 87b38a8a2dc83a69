// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox', 'cgroup2', 'ps'))('ps', () => {
  const box = sandbox();

  const json = (id: string): number[] | null =>
    JSON.parse(box.must(['ps', '--format', 'json', id]).stdout) as number[] | null;

  const commandLine = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8');

  /**
   * Returns after all three processes have executed their program: until then each has the command line of its parent.
   */
  const threeProcesses = async () => {
    const bundle = box.running(made => made.shell('sleep 1001 & sleep 1002 & wait'));
    await until('all three run', () => new Set(json(bundle.id)?.map(commandLine)).size === 3);
    return bundle;
  };

  test('lists the processes with the columns and the heading of ps(1)', async () => {
    const bundle = await threeProcesses();
    const { stdout, stderr } = box.must(['ps', bundle.id]);
    expect(stderr).toBe('');
    const [heading = '', ...rows] = stdout.trimEnd().split('\n');
    expect(heading).toMatch(/^UID +PID +PPID +C +STIME +TTY +TIME CMD$/);
    expect(rows.map(row => row.replace(/.*\d\d:\d\d:\d\d /, '')).sort()).toEqual([
      '/bin/sh -c sleep 1001 & sleep 1002 & wait',
      'sleep 1001',
      'sleep 1002',
    ]);
    const { pid } = box.state(bundle.id);
    expect(rows.some(row => row.split(/\s+/)[1] === String(pid))).toBe(true);
  });

  test.each([[['-o', 'pid,args']], [['-eo', 'ppid,pid,args']], [['-A', '-o', 'ppid,pid,args']]])(
    'forwards options: %j',
    async options => {
      const bundle = await threeProcesses();
      const all = options.some(option => /^-(e|A)/.test(option)) ? options : ['-e', ...options];
      const rows = box
        .must(['ps', bundle.id, ...all])
        .stdout.trimEnd()
        .split('\n')
        .slice(1);
      expect(rows).toHaveLength(3);
      expect(rows.filter(row => row.includes('sleep 1001 &'))).toHaveLength(1);
    },
  );

  test('prints the process ids as JSON, including those of nested cgroups', async () => {
    const bundle = await threeProcesses();
    const top = `/sys/fs/cgroup${readFileSync(`/proc/${box.state(bundle.id).pid}/cgroup`, 'utf8')
      .split('\n')
      .find(line => line.startsWith('0::'))
      ?.slice(3)}`;
    const pids = json(bundle.id) ?? [];
    expect(pids).toContain(box.state(bundle.id).pid);
    const below = box.view.path(`${top}/below`);
    mkdirSync(below);
    writeFileSync(`${below}/cgroup.procs`, String(pids.at(-1)));
    expect(json(bundle.id)?.sort()).toEqual([...pids].sort());
  });

  test('works on a paused, a created and a stopped container', async () => {
    const paused = box.running();
    box.must(['pause', paused.id]);
    expect(json(paused.id)).toEqual([box.state(paused.id).pid]);
    const created = box.created();
    expect(json(created.id)).toEqual([box.state(created.id).pid]);
    const stopped = await box.stopped();
    expect(box.must(['ps', '-f', 'json', stopped.id]).stdout).toBe('null\n');
    expect(box.must(['ps', stopped.id]).stdout).toMatch(/^UID .*CMD\n$/);
  });

  test.each<[string[], string, string]>([
    [['-o', 'comm'], "couldn't find PID field in ps output", 'host.ps'],
    [['--nope'], 'exit status 1', 'host.ps'],
    [['-eo', 'args,pid'], 'unable to parse pid', 'host.ps'],
  ])('fails if ps(1) fails or prints no process ids: %j', (options, words, code) => {
    const bundle = box.running();
    const failure = box.fails(['ps', bundle.id, ...options]);
    expect(failure.status).toBe(1);
    expect(failure.message).toContain(words);
    if (isTsubo) expect(failure.record.code).toBe(code);
  });

  test('refuses an unknown container or format', () => {
    expect(box.fails(['ps', 'missing']).message).toContain('container does not exist');
    const bundle = box.running();
    expect(box.fails(['ps', '--format', 'xml', bundle.id]).message).toContain('invalid format option');
  });
});
