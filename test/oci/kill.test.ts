// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { disagrees } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox', 'cgroup2'))('kill', () => {
  const box = sandbox();

  /** A container whose program prints the signals it receives, once its traps are set. */
  const trapping = async () => {
    const bundle = box.bundle(made => {
      made.shell(
        'for s in TERM HUP USR1 INT; do trap "echo $s" $s; done; echo ready; while :; do sleep 0.01; done',
      );
    });
    const { output } = box.create(bundle);
    box.must(['start', bundle.id]);
    const printed = () => readFileSync(output, 'utf8');
    await until('the traps are set', () => printed() === 'ready\n');
    return { bundle, printed };
  };

  test.each<[string[], string]>([
    [[], 'TERM'],
    [[''], 'TERM'],
    [['TERM'], 'TERM'],
    [['SIGTERM'], 'TERM'],
    [['sigterm'], 'TERM'],
    [['term'], 'TERM'],
    [['15'], 'TERM'],
    [['HUP'], 'HUP'],
    [['10'], 'USR1'],
    [['SigInt'], 'INT'],
  ])('%j sends %s', async (words, expected) => {
    const { bundle, printed } = await trapping();
    expect(box.must(['kill', bundle.id, ...words])).toMatchObject({ stdout: '', stderr: '' });
    await until(`${expected} arrives`, () => printed() === `ready\n${expected}\n`);
  });

  test('accepts --all', async () => {
    const { bundle, printed } = await trapping();
    box.must(['kill', '--all', bundle.id, 'USR1']);
    await until('USR1 arrives', () => printed() === 'ready\nUSR1\n');
  });

  test.each(['NOPE', 'SIG', 'TERMINATE', '-9', '1.5'])('refuses the signal %j', signal => {
    const bundle = box.running();
    const failure = box.fails(['kill', bundle.id, signal]);
    expect(failure.status).toBe(1);
    expect(box.state(bundle.id).status).toBe('running');
  });

  test('with KILL ends every process of a container that shares the pid namespace of the runtime', async () => {
    const bundle = box.running(made => {
      made.shell('sleep 1001 & sleep 1002 & wait');
      made.namespace('pid');
      made.config.linux.maskedPaths = [];
    });
    await until('all three run', () => box.traces().processes.length === 3);
    const initOnly = disagrees(
      'runc 1.1',
      'kills the init alone, even without a pid namespace, unless --all is given',
    );
    box.must(['kill', ...(initOnly ? ['--all'] : []), bundle.id, 'KILL']);
    await until('none is left', () => box.traces().processes.length === 0);
  });

  test('with KILL leaves the other containers of the pid namespace that it has joined', async () => {
    const first = box.running();
    const path = `/proc/${box.state(first.id).pid}/ns/pid`;
    const [second, third] = [1, 2].map(() => box.running(made => made.namespace('pid', path)));
    box.must(['kill', second?.id ?? '', 'KILL']);
    await until('it is gone', () => box.state(second?.id ?? '').status === 'stopped');
    box.must(['delete', second?.id ?? '']);
    expect([first, third].map(one => box.state(one?.id ?? '').status)).toEqual(['running', 'running']);
    // Without the first process the kernel ends all others of the namespace.
    box.must(['kill', first.id, 'KILL']);
    await until('both are gone', () =>
      [first, third].every(one => box.state(one?.id ?? '').status === 'stopped'),
    );
  });

  test.each(['TERM', 'INT', 'HUP', 'QUIT', 'ABRT', 'KILL'])(
    'with %s ends a container that waits for its start',
    async signal => {
      const { id } = box.created();
      box.must(['kill', id, signal]);
      await until('the init is gone', () => box.state(id).status === 'stopped');
      box.failsWith(['start', id], 'cannot start a container that has stopped', 'state.not-created');
    },
  );

  test.each(['TERM', 'INT', 'HUP'])('with %s has its default action once the program runs', async signal => {
    // A process that is not pid 1 of its namespace: default actions do not apply to pid 1.
    const bundle = box.running(made => {
      made.namespace('pid');
      made.config.linux.maskedPaths = [];
    });
    const caught = (): string | undefined =>
      /SigCgt:\t(\w+)/.exec(readFileSync(`/proc/${box.state(bundle.id).pid}/status`, 'utf8'))?.[1];
    expect(caught()).toBe('0'.repeat(16));
    box.must(['kill', bundle.id, signal]);
    await until('the init is gone', () => box.state(bundle.id).status === 'stopped');
  });

  test('with TERM reaches only the init', async () => {
    const bundle = box.running(made => {
      made.shell('trap "exit 0" TERM; sleep 1001 & echo up; wait; wait');
      made.namespace('pid');
      made.config.linux.maskedPaths = [];
    });
    await until('both run', () => box.traces().processes.length === 2);
    box.must(['kill', bundle.id, 'TERM']);
    await until('the init is gone', () => box.state(bundle.id).status === 'stopped');
    expect(box.traces().processes.filter(line => line.includes('sleep 1001'))).toHaveLength(1);
  });
});
