// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { companions } from '../helpers/companions.ts';
import type { TestSeccomp } from '../helpers/config.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';

/** Numbers of x86_64; arm64 has no mkdir(2). */
const mkdir = 83;
const mkdirat = process.arch === 'x64' ? 258 : 34;
const ENOMEDIUM = 123;
const answers = [`${mkdir}=${ENOMEDIUM}`, `${mkdirat}=${ENOMEDIUM}`];

// Loaded early without no_new_privs, late with it.
describe.skipIf(requires('root', 'busybox', 'g++')).each([
  ['with', true],
  ['without', false],
])('SCMP_ACT_NOTIFY %s noNewPrivileges', (_, noNewPrivileges) => {
  const box = sandbox();
  const beside = companions();

  const agent = async (path = join(box.mkdir('agent'), 's')) => {
    const running = await beside.listening('agent', [path, ...answers], path);
    /** Messages that the agent received, one document for each process. */
    const messages = () =>
      running
        .stdout()
        .split('\n')
        .filter(line => line.startsWith('{'))
        .map(line => JSON.parse(line));
    const received = async (count: number) => {
      await until(`the agent has messages of ${count} processes`, () => messages().length >= count);
      return messages();
    };
    return { ...running, messages, received };
  };

  const notifying =
    (path: string, script: string, more: Partial<TestSeccomp> = {}, names = ['mkdir', 'mkdirat']) =>
    (bundle: Bundle): void => {
      bundle.config.process.noNewPrivileges = noNewPrivileges;
      bundle.config.linux.seccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        listenerPath: path,
        listenerMetadata: 'of a test',
        syscalls: [{ names, action: 'SCMP_ACT_NOTIFY' }],
        ...more,
      };
      bundle.shell(script);
    };

  test('returns the answer of the agent', async () => {
    const { path } = await agent();
    const done = box.run(box.bundle(notifying(path, 'mkdir /tmp/a; test -e /tmp/a || echo none')));
    expect(done.stderr).toContain('No medium found');
    expect(done.stdout).toBe('none\n');
  });

  test('sends the agent the process and the state of the container', async () => {
    const { path, received } = await agent();
    const bundle = box.created(made => {
      notifying(path, 'exec sleep 1000')(made);
      made.config.annotations = { b: '2', a: '1' };
    });
    const { pid } = box.state(bundle.id);
    const { id } = bundle;
    expect(await received(1)).toEqual([
      {
        ociVersion: expect.any(String),
        fds: ['seccompFd'],
        pid,
        metadata: 'of a test',
        state: {
          ociVersion: expect.any(String),
          id,
          status: 'creating',
          pid,
          bundle: bundle.dir,
          annotations: { a: '1', b: '2' },
        },
      },
    ]);
    box.must(['start', id]);
    const mine = box.oci(['exec', id, '/bin/mkdir', '/tmp/a']);
    expect([mine.status, mine.stderr]).toEqual([1, expect.stringContaining('No medium found')]);
    const [, executed] = await received(2);
    expect(executed).toMatchObject({ fds: ['seccompFd'], state: { id, pid, status: 'running' } });
    expect(executed.pid).not.toBe(pid);
  });

  test('may apply to calls that the init makes before the program', async () => {
    const { path } = await agent();
    const names = [
      'execve',
      'openat',
      'open',
      'read',
      'close',
      'fcntl',
      'setgid',
      'capset',
      'chdir',
      'prctl',
    ];
    expect(box.run(box.bundle(notifying(path, 'echo through', {}, names))).stdout).toBe('through\n');
    const bundle = box.running(notifying(path, 'exec sleep 1000', {}, names));
    expect(box.must(['exec', bundle.id, '/bin/echo', 'through']).stdout).toBe('through\n');
  });

  test('leaves no descriptor in the container and in its hooks', async () => {
    const { path } = await agent();
    const report = box.inside(
      made => {
        const { args } = made.config.process;
        notifying(path, '')(made);
        made.config.process.args = args;
        made.config.hooks = {
          startContainer: [{ path: '/bin/sh', args: ['sh', '-c', 'ls /proc/self/fd >/tmp/fds'] }],
        };
      },
      { probe: ['/tmp/fds'] },
    );
    expect(Object.keys(report.fds)).toHaveLength(3);
    expect(report.probes['/tmp/fds']?.read?.text).toBe('0\n1\n2\n3\n');
  });

  test('returns ENOSYS after the agent has ended', async () => {
    const { path, child, ended } = await agent();
    const bundle = box.running(notifying(path, 'exec sleep 1000'));
    // An executed process has its own filter, and its agent ends before it makes the call.
    const running = box.spawn(['exec', bundle.id, '/bin/sh', '-c', 'echo on; read go; mkdir /tmp/a']);
    await until('it runs', () => running.stdout() === 'on\n');
    child.kill('SIGKILL');
    await ended;
    running.child.stdin?.end('go\n');
    expect((await running.ended).status).toBe(1);
    expect(running.stderr()).toContain('Function not implemented');
  });

  test('accepts SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV', async context => {
    skipWhere(context, 'runc 1.1', 'refuses the flag');
    const { path } = await agent();
    const flags = ['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'];
    const done = box.run(box.bundle(notifying(path, 'mkdir /tmp/a', { flags })));
    expect(done.stderr).toContain('No medium found');
  });

  test('connects to an agent with an abstract name instead of a path', async () => {
    const { path, received } = await agent(`@${box.fresh('agent')}`);
    expect(box.run(box.bundle(notifying(path, 'mkdir /tmp/a'))).stderr).toContain('No medium found');
    expect(await received(1)).toHaveLength(1);
  });

  test.each([
    ['with a path that does not exist', (dir: string) => join(dir, 'none')],
    ['with an abstract name without a listener', () => '@unused-agent-name'],
  ])('is refused for an agent %s', (_what, path) => {
    const bundle = box.bundle(notifying(path(box.mkdir('agent')), 'true'));
    const failure = box.refuses(bundle);
    expect(failure.message).toContain('failed to connect with seccomp agent');
    if (isTsubo) expect(failure.record).toMatchObject({ pointer: '/linux/seccomp/listenerPath' });
  });

  test('needs no agent without a rule that notifies', () => {
    const path = join(box.mkdir('agent'), 'none');
    const bundle = box.bundle(notifying(path, 'echo on', { syscalls: [] }));
    expect(box.run(bundle).stdout).toBe('on\n');
  });

  test.each([
    ['the default action', { defaultAction: 'SCMP_ACT_NOTIFY' }, 'cannot be used as default action'],
    [
      'write(2)',
      { syscalls: [{ names: ['write'], action: 'SCMP_ACT_NOTIFY' }] },
      'cannot be used for the write syscall',
    ],
    ['no listenerPath', { listenerPath: '', listenerMetadata: '' }, 'listenerPath is not set'],
  ])('is refused for %s', async (_what, more, text) => {
    const { path, messages } = await agent();
    expect(box.refuses(box.bundle(notifying(path, 'true', more))).message).toContain(text);
    expect(messages()).toEqual([]);
  });
});
