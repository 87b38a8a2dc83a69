// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readExit, waitExit } from '../../src/direct/exit-status.ts';
import { keeperLives } from '../../src/direct/keeper.ts';
import {
  binding,
  failure,
  keep,
  keepAgain,
  loggedText,
  logLines,
  openFiles,
  privateMemory,
  statusField,
} from '../helpers/kept.ts';
import { requires } from '../helpers/requires.ts';
import { sandbox, until } from '../helpers/sandbox.ts';

describe.skipIf(requires('root'))('the keeper of a container', () => {
  const s = sandbox();

  it('copies both streams to the log, and writes the exit status', () => {
    const { directory, bundle, init, keeper, warnings } = keep(s, made =>
      made.shell('echo out; echo err >&2; printf "no end"; exit 7'),
    );
    expect(warnings).toEqual([]);
    expect(s.state(bundle.id)).toMatchObject({ pid: init, status: 'created' });
    expect(statusField(init, 'PPid')).toBe(String(keeper));
    expect(readExit(binding, directory)).toBeUndefined();
    s.must(['start', bundle.id]);
    const end = waitExit(binding, directory);
    expect(end).toEqual({
      pid: init,
      status: 7,
      oomKilled: false,
      finishedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/),
    });
    expect(readExit(binding, directory)).toEqual(end);
    expect(loggedText(directory, 'stdout')).toBe('out\nno end');
    expect(loggedText(directory, 'stderr')).toBe('err\n');
    expect(logLines(directory).map(({ tag }) => tag)).toEqual(expect.arrayContaining(['F', 'F', 'P']));
  });

  it('writes times that are those of the clock', () => {
    const before = new Date().toISOString();
    const { directory, bundle } = keep(s, made => made.shell('echo now'));
    s.must(['start', bundle.id]);
    const end = waitExit(binding, directory);
    const after = new Date().toISOString();
    const [line] = logLines(directory);
    expect(line?.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    const inOrder = [before, line?.time, end?.finishedAt, after].map(time => time?.slice(0, 23));
    expect(inOrder.toSorted()).toEqual(inOrder);
  });

  it('records the signal that ended the program, and not a status that looks like one', () => {
    const killed = keep(s, made => made.shell('sleep 1000'));
    s.must(['start', killed.bundle.id]);
    s.must(['kill', killed.bundle.id, 'KILL']);
    expect(waitExit(binding, killed.directory)).toMatchObject({ status: 137, signal: 9 });
    const exited = keep(s, made => made.shell('exit 137'));
    s.must(['start', exited.bundle.id]);
    expect(waitExit(binding, exited.directory)).not.toHaveProperty('signal');
  });

  it('throws the error of a create that fails, with its code and its place in config.json', () => {
    const bundle = s.bundle(made => {
      made.config.hostname = 'x'.repeat(65);
    });
    const error = failure(() => keepAgain(s, bundle));
    expect(error).toMatchObject({ code: 'config.hostname', pointer: '/hostname' });
    expect(error.message).not.toContain('config.json');
    expect(error.message).not.toContain('create failed');
    expect(readdirSync(bundle.dir).sort()).toEqual(['config.json', 'keeper', 'log', 'rootfs']);
    expect(keeperLives(binding, bundle.dir)).toBe(false);
  });

  it('reports a create that cannot be executed, and one that is killed', () => {
    const bundle = s.bundle();
    expect(failure(() => keepAgain(s, bundle, { argv: ['/no/such/program'] }))).toMatchObject({
      code: 'host.syscall',
      syscall: 'execve',
      errnoName: 'ENOENT',
      path: '/no/such/program',
    });
    const script = s.fresh('script');
    writeFileSync(script, '#!/bin/sh\necho said >&2\nkill -KILL $$\n', { mode: 0o755 });
    expect(failure(() => keepAgain(s, bundle, { argv: [script] }))).toMatchObject({
      code: 'keeper.create',
      message: 'the create of the container was ended by signal 9: said',
    });
  });

  it('passes on the warnings of the create', () => {
    const { warnings } = keep(s, made => {
      made.config.annotations = {};
      Object.assign(made.config.linux, { unknownMember: 1 });
    });
    expect(warnings).toEqual([expect.stringContaining('unknownMember')]);
  });

  it('keeps nothing of its caller, has a session of its own, and is small', () => {
    const { keeper, bundle } = keep(s, made => made.shell('sleep 1000'));
    s.must(['start', bundle.id]);
    expect(statusField(keeper, 'NSsid')).toBe(String(keeper));
    expect(statusField(keeper, 'PPid')).not.toBe(String(process.pid));
    const files = openFiles(keeper);
    expect(files.filter(file => file === '/dev/null')).toHaveLength(3);
    expect(files.filter(file => file.startsWith('pipe:'))).toHaveLength(2);
    // With the directory, the log, the lock, exit.json, the socket, the epoll set, SIGCHLD, the init and its cgroup.
    expect(files.length).toBeLessThanOrEqual(14);
    expect(privateMemory(keeper)).toBeLessThanOrEqual(300);
  });

  it('survives the signals that end programs, and so does its container', async () => {
    const { keeper, bundle, directory } = keep(s, made =>
      made.shell('trap "exit 3" USR1; while :; do sleep 1; done'),
    );
    s.must(['start', bundle.id]);
    const fatal = [
      'SIGTERM',
      'SIGINT',
      'SIGHUP',
      'SIGQUIT',
      'SIGPIPE',
      'SIGUSR1',
      'SIGXFSZ',
      'SIGALRM',
    ] as const;
    for (const signal of fatal) process.kill(keeper, signal);
    expect(keeperLives(binding, directory)).toBe(true);
    expect(s.state(bundle.id).status).toBe('running');
    s.must(['kill', bundle.id, 'KILL']);
    expect(waitExit(binding, directory)?.status).toBe(137);
    await until('the keeper has ended', () => !s.lives(keeper));
  });

  it('leaves the container running when it is killed, and commands report the missing status', async () => {
    const { keeper, bundle, directory } = keep(s, made => made.shell('sleep 1000'));
    s.must(['start', bundle.id]);
    process.kill(keeper, 'SIGKILL');
    expect(failure(() => waitExit(binding, directory))).toMatchObject({ code: 'keeper.gone' });
    expect(keeperLives(binding, directory)).toBe(false);
    expect(s.state(bundle.id).status).toBe('running');
    expect(readExit(binding, directory)).toBeUndefined();
    s.must(['delete', '--force', bundle.id]);
  });

  it('waits for a container no longer than allowed', () => {
    const { directory } = keep(s, made => made.shell('sleep 1000'));
    expect(waitExit(binding, directory, 1)).toBeUndefined();
  });

  it('continues the log at the next run, and removes the exit status before it', () => {
    const { directory, bundle } = keep(s, made => made.shell('echo run; exit 1'));
    s.must(['start', bundle.id]);
    expect(waitExit(binding, directory)?.status).toBe(1);
    s.must(['delete', bundle.id]);
    keepAgain(s, bundle);
    expect(existsSync(join(directory, 'exit.json'))).toBe(false);
    s.must(['start', bundle.id]);
    waitExit(binding, directory);
    expect(loggedText(directory, 'stdout')).toBe('run\nrun\n');
  });

  it('refuses a second keeper in the same directory', () => {
    const { bundle, directory, keeper } = keep(s, made => made.shell('sleep 1000'));
    expect(failure(() => keepAgain(s, bundle))).toMatchObject({ code: 'keeper.busy', path: directory });
    expect(readFileSync(join(directory, 'keeper'), 'utf8')).toBe(`${keeper}\n`);
    expect(keeperLives(binding, directory)).toBe(true);
  });

  it('runs the given command after the end, when the exit status is written', async () => {
    const done = s.fresh('done');
    const script = s.fresh('script');
    writeFileSync(script, '#!/bin/sh\ncp "$1/exit.json" "$2"\n', { mode: 0o755 });
    const bundle = s.bundle(made => made.shell('exit 4'));
    keepAgain(s, bundle, { atEnd: [script, bundle.dir, done] });
    s.must(['start', bundle.id]);
    await until('the command has run', () => existsSync(done) && readFileSync(done, 'utf8').endsWith('\n'));
    expect(JSON.parse(readFileSync(done, 'utf8'))).toMatchObject({ status: 4 });
  });
});
