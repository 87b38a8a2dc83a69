// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { isTsubo, runtime } from '../helpers/runtime.ts';
import { type LogRecord, sandbox } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox'))('the log of the runtime', () => {
  const box = sandbox();
  const cause = 'exec: "/bin/nope": stat /bin/nope: no such file or directory';
  /** The texts that engines match, in order. */
  const isTheMessage = (text: string | undefined) => {
    expect(text?.startsWith(`${runtime.name} create failed: unable to start container process: `)).toBe(true);
    expect(text).toContain(cause);
    expect(text).not.toContain('\n');
  };
  const failing = () =>
    box.bundle(made => {
      made.config.process.args = ['/bin/nope'];
    });
  const create = (flags: string[], cwd?: string) => {
    const bundle = failing();
    return box.oci([...flags, 'create', '--bundle', bundle.dir, bundle.id], cwd === undefined ? {} : { cwd });
  };
  const lines = (text: string) => text.split('\n').filter(line => line !== '');
  /** runc 1.1 warns of a missing memory controller first. */
  const errors = (text: string) => lines(text).filter(line => /level=error|"level":"error"/.test(line));

  test('is one line of text on standard error', () => {
    const done = create([]);
    expect(done.status).toBe(1);
    expect(done.stdout).toBe('');
    expect(errors(done.stderr)).toHaveLength(1);
    expect(errors(done.stderr)[0]).toMatch(
      /^time="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)" level=error msg="/,
    );
    const quoted = /msg=("(?:[^"\\]|\\.)*")/.exec(errors(done.stderr)[0] ?? '')?.[1] ?? '""';
    isTheMessage(JSON.parse(quoted) as string);
    if (isTsubo) {
      expect(lines(done.stderr)).toHaveLength(1);
      // The reader is a person or the log of a CI job.
      expect(done.stderr).toMatch(
        / hint="the path is looked up in the root file system of the container"\n$/,
      );
    }
  });

  test('is one line of JSON on standard error with --log-format json', () => {
    const done = create(['--log-format', 'json']);
    const record = JSON.parse(errors(done.stderr)[0] ?? '') as LogRecord;
    expect(record.level).toBe('error');
    isTheMessage(record.msg);
    expect(record.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/);
    expect(Object.keys(record).filter(key => ['level', 'msg', 'time'].includes(key))).toEqual([
      'level',
      'msg',
      'time',
    ]);
  });

  test.each(['json', 'text'])('goes to a file as %s, and the bare message goes to standard error', format => {
    const log = box.fresh('log');
    const done = create(['--log', log, '--log-format', format]);
    isTheMessage(done.stderr.trimEnd());
    expect(lines(done.stderr)).toHaveLength(1);
    expect(errors(readFileSync(log, 'utf8'))).toHaveLength(1);
    expect(readFileSync(log, 'utf8').endsWith('\n')).toBe(true);
    if (isTsubo) expect(lines(readFileSync(log, 'utf8'))).toHaveLength(1);
    // An engine shows the end of the message.
    if (isTsubo && format === 'text') expect(readFileSync(log, 'utf8')).toMatch(/ msg="[^\n]*"\n$/);
    expect(readFileSync(log, 'utf8')).not.toContain('hint=');
  });

  test('contains the failed operation and its place as fields', context => {
    context.skip(!isTsubo, 'only tsubo writes these fields');
    const log = box.fresh('log');
    create(['--log', log, '--log-format', 'json']);
    const record = JSON.parse(readFileSync(log, 'utf8')) as LogRecord;
    expect(record).toMatchObject({
      code: 'container.program-not-found',
      pointer: '/process/args/0',
      stage: 'container',
      syscall: expect.any(String),
      errno: 2,
      errnoName: 'ENOENT',
    });
    expect(record['step']).toEqual(expect.any(Number));
  });

  test('is appended to an existing file', () => {
    const log = box.fresh('log');
    writeFileSync(log, 'before\n');
    create(['--log', log]);
    expect(readFileSync(log, 'utf8')).toMatch(/^before\ntime=/);
  });

  test('is resolved relative to the working directory of the caller', () => {
    const dir = box.mkdir('caller');
    create(['--log', 'relative.log'], dir);
    expect(readFileSync(join(dir, 'relative.log'), 'utf8')).toContain('level=error');
  });

  test('is empty after success', () => {
    const log = box.fresh('log');
    const bundle = box.bundle();
    for (const args of [['create', '--bundle', bundle.dir], ['start'], ['delete', '--force']]) {
      const done = box.must(['--log', log, '--log-format', 'json', ...args, bundle.id]);
      expect(done.stderr).toBe('');
    }
    expect(existsSync(log) ? readFileSync(log, 'utf8') : '').toBe('');
  });

  test('contains more with --debug', () => {
    const bundle = box.bundle();
    const log = box.fresh('log');
    box.must(['--debug', '--log', log, '--log-format', 'json', 'create', '--bundle', bundle.dir, bundle.id]);
    const records = lines(readFileSync(log, 'utf8')).map(line => JSON.parse(line) as LogRecord);
    expect(records.some(record => record.level === 'debug')).toBe(true);
    expect(records.some(record => record.level === 'error')).toBe(false);
  });

  test('refuses an unknown format', () => {
    const done = create(['--log-format', 'yaml']);
    expect(done.status).toBe(1);
    expect(done.stderr).toContain('invalid log-format: yaml');
  });

  test('that cannot be written is an error', () => {
    const done = create(['--log', '/nowhere/log']);
    expect(done.status).toBe(1);
    expect(done.stderr).toContain('/nowhere/log');
  });

  test('has the same form for start, kill, delete and state', () => {
    for (const args of [['start'], ['state'], ['delete'], ['kill']]) {
      const failure = box.fails([...args, `${box.name}-none`]);
      expect(failure.status).toBe(1);
      expect(failure.message).toBe(failure.record.msg);
      expect(failure.message).toContain('container does not exist');
    }
  });
});
