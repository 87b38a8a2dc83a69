// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tracedCalls } from '../helpers/killing.ts';
import { requires } from '../helpers/requires.ts';
import { commands } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

/** The error that is injected into each system call; the same for all of its variants. */
const refusals: Readonly<Record<string, string>> = {
  open: 'EMFILE',
  openat: 'EMFILE',
  flock: 'ENOLCK',
  mkdir: 'ENOSPC',
  mkdirat: 'ENOSPC',
  mknod: 'EPERM',
  mknodat: 'EPERM',
  write: 'ENOSPC',
  rename: 'EIO',
  renameat: 'EIO',
  renameat2: 'EIO',
  memfd_create: 'EMFILE',
  socketpair: 'EMFILE',
  clone3: 'EAGAIN',
  sendmsg: 'EPIPE',
  recvmsg: 'EIO',
  pidfd_open: 'EMFILE',
};

// Not on Node: it makes system calls of its own, also after the create, and holds more descriptors.
describe.skipIf(requires('standalone', 'root', 'busybox', 'cgroup2', 'strace'))('a create', () => {
  const box = sandbox('unified', { name: 'tsubo', version: '', command: commands.standalone });
  // A created container keeps its streams open.
  const quiet = { stdio: ['ignore', 'ignore', 'ignore'] } as const;

  test('that fails in any of its system calls leaves no traces, and its id is free', () => {
    const bundle = box.bundle();
    const before = box.traces();
    const args = ['create', '--bundle', bundle.dir, bundle.id];
    mkdirSync(box.root, { recursive: true, mode: 0o700 });
    const moments = tracedCalls(box, args, bundle.id);
    box.must(['delete', '--force', bundle.id]);
    let refused = 0;
    for (const { name, nth, line } of moments) {
      const error = refusals[name];
      if (error === undefined) continue;
      const inject = ['-e', `trace=${name}`, '-e', `inject=${name}:error=${error}:when=${nth}`];
      const done = box.view.exec(['strace', '-o', '/dev/null', ...inject, ...box.command(...args)], quiet);
      // The runtime can do without some of them.
      if (done.status === 0) box.must(['delete', '--force', bundle.id]);
      else refused += 1;
      expect({ line, ...box.traces() }).toEqual({ line, ...before });
    }
    expect(refused).toBeGreaterThan(15);
  });

  test.each([3, 4, 5, 6, 7, 8, 10])(
    'with no more than %i descriptors leaves no traces, and its id is free',
    limit => {
      const bundle = box.bundle();
      const command = box.command('create', '--bundle', bundle.dir, bundle.id);
      const done = box.view.exec(['/bin/sh', '-c', `ulimit -n ${limit}; exec "$@"`, 'sh', ...command], quiet);
      expect(existsSync(join(box.root, bundle.id))).toBe(done.status === 0);
      if (done.status === 0) box.must(['delete', '--force', bundle.id]);
      else expect(box.fails(['state', bundle.id]).record.code).toBe('state.not-found');
      box.create(bundle);
    },
  );
});
