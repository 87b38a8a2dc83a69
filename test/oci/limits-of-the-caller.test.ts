// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { host, isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

/** Returns when the reader of standard output has exited. */
const withoutReader = '(trap "" PIPE; while echo; do sleep 0.01; done) 2>/dev/null';

describe.skipIf(requires('root', 'busybox'))('a caller that limits the runtime', () => {
  const box = sandbox();
  const quiet = ['ignore', 'ignore', 'ignore'] as const;
  const limited = (limit: string, args: readonly string[]) =>
    box.view.exec(['/bin/sh', '-c', `${limit}; exec "$@"`, 'sh', ...box.command(...args)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });

  test.for([0, 1, 8, 64])(
    'to files of %i blocks gets an error, and no traces are left',
    (blocks, context) => {
      context.skip(!isTsubo, 'each runtime writes files of another length');
      const bundle = box.bundle();
      const before = box.traces();
      const done = limited(`ulimit -f ${blocks}`, ['create', '--bundle', bundle.dir, bundle.id]);
      expect([done.status, done.signal]).toEqual([1, null]);
      expect(done.stderr).toContain('file too large');
      expect(box.traces()).toEqual(before);
    },
  );

  test('to less memory than a create needs gets an error, and no traces are left', context => {
    context.skip(!isTsubo, 'each runtime needs another amount');
    // V8 ends the process with its own message if it cannot reserve memory at its start.
    context.skip(host === 'node', 'Node reserves its memory before the program starts');
    const bundle = box.bundle();
    const before = box.traces();
    let refused = 0;
    for (let kilobytes = 3400; kilobytes < 8000; kilobytes += 100) {
      // A file: a created container may keep it open.
      const errors = box.fresh('errors');
      const script = `exec 2>${errors}; ulimit -v ${kilobytes}; exec "$@"`;
      const create = box.command('create', '--bundle', bundle.dir, bundle.id);
      const done = box.view.exec(['/bin/sh', '-c', script, 'sh', ...create], { stdio: quiet });
      // The kernel kills a program at exec if its segments do not fit.
      if (done.signal === 'SIGSEGV' || done.signal === 'SIGKILL') continue;
      if (done.status === 0) break;
      refused += 1;
      expect([kilobytes, done.status, done.signal]).toEqual([kilobytes, 1, null]);
      expect(readFileSync(errors, 'utf8')).toMatch(/out of memory|cannot allocate memory/);
      expect(box.traces()).toEqual(before);
    }
    expect(refused).toBeGreaterThan(0);
  });

  test('without a reader of the output gets the status 1, and no signal ends the runtime', context => {
    context.skip(!isTsubo, 'other runtimes may end by a signal');
    const script = `{ ${withoutReader}; "$@"; echo "status $?" >&3; } 3>&2 2>/dev/null | true`;
    const done = box.view.exec(['/bin/sh', '-c', script, 'sh', ...box.command('features')]);
    expect(done.stderr).toBe('status 1\n');
  });

  test('without a reader of the errors still gets the container', context => {
    context.skip(!isTsubo, 'other runtimes have other warnings');
    const bundle = box.bundle(made => {
      made.config.process.args = ['/bin/sh', '-c', 'exit 7'];
      made.config.process.capabilities = { bounding: ['CAP_NOT_THERE_YET'] };
    });
    const status = join(box.mkdir('status'), 'status');
    // The reader has exited before the first warning.
    const script = `{ ${withoutReader}; { "$@"; echo $? > "$0"; } 2>&1 >/dev/null; } | true; while [ ! -s "$0" ]; do sleep 0.05; done`;
    box.view.exec([
      '/bin/sh',
      '-c',
      script,
      status,
      ...box.command('run', '--bundle', bundle.dir, bundle.id),
    ]);
    expect(readFileSync(status, 'utf8')).toBe('7\n');
  });

  test('to a full log still gets the error on standard error', context => {
    context.skip(!isTsubo, 'other runtimes have other messages');
    const done = limited('ulimit -f 0', ['--log', box.fresh('log'), 'state', 'nosuch']);
    expect([done.status, done.signal]).toEqual([1, null]);
    expect(done.stderr).toContain('unable to write the log ');
    expect(done.stderr).toContain('container does not exist');
  });

  test('by process.rlimits of the container gets an error from its startContainer hooks', context => {
    context.skip(!isTsubo, 'other runtimes hand the state over through a pipe');
    const bundle = box.created(made => {
      // The signal does not reach a pid 1, which gets only the error.
      made.namespace('pid');
      made.config.linux.maskedPaths = [];
      made.config.process.rlimits = [{ type: 'RLIMIT_FSIZE', soft: 1, hard: 1 }];
      made.config.hooks = { startContainer: [{ path: '/bin/true' }] };
    });
    const { message } = box.fails(['start', bundle.id]);
    expect(message).toContain('startContainer hook #0');
    expect(message).toContain('file too large');
  });
});
