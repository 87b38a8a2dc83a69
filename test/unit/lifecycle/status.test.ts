// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createContainer } from '../../../src/lifecycle/create.ts';
import { deleteContainer } from '../../../src/lifecycle/delete.ts';
import { killContainer } from '../../../src/lifecycle/kill.ts';
import { listContainers } from '../../../src/lifecycle/list.ts';
import type { Runtime } from '../../../src/lifecycle/runtime.ts';
import { startContainer } from '../../../src/lifecycle/start.ts';
import { containerState } from '../../../src/lifecycle/state.ts';
import { requireStatus } from '../../../src/lifecycle/status.ts';
import { claim, hold, readRecord, writeRecord } from '../../../src/lifecycle/store.ts';
import {
  type FakeMachine,
  type FakeProcess,
  machineForEachTest,
  thrown,
  writeBundle,
} from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
let runtime: Runtime;
machineForEachTest(made => {
  machine = made;
  runtime = machine.runtime;
});

/** A container in this state; returns its init. */
function containerIn(status: string): FakeProcess | undefined {
  if (status === 'unknown') return undefined;
  const bundle = writeBundle(join(machine.directory, 'bundle'));
  const { pidfd, init } = createContainer(runtime, { id: 'c', bundle });
  machine.binding.close(pidfd);
  const process = machine.processes.get(init.pid);
  if (process === undefined) throw new Error('no init');
  if (status !== 'created') startContainer(runtime, 'c');
  if (status === 'paused') writeFileSync(join(machine.cgroups, 'c/cgroup.freeze'), '1\n');
  if (status === 'stopped') machine.processes.delete(init.pid);
  return process;
}

/** Result of each operation in each state: `ok`, or the code and message of its error. */
const matrix: Record<string, Record<string, string>> = {
  created: { state: 'ok', start: 'ok', kill: 'ok', delete: 'ok', 'delete --force': 'ok' },
  running: {
    state: 'ok',
    start: 'state.not-created: cannot start an already running container',
    kill: 'ok',
    delete: 'state.running: cannot delete container c that is not stopped: running',
    'delete --force': 'ok',
  },
  paused: {
    state: 'ok',
    start: 'state.not-created: cannot start a container in the paused state',
    kill: 'ok',
    delete: 'state.running: cannot delete container c that is not stopped: paused',
    'delete --force': 'ok',
  },
  stopped: {
    state: 'ok',
    start: 'state.not-created: cannot start a container that has stopped',
    kill: 'state.not-running: container not running',
    delete: 'ok',
    'delete --force': 'ok',
  },
  unknown: {
    state: 'state.not-found: container does not exist: "c" in ROOT',
    start: 'state.not-found: container does not exist: "c" in ROOT',
    kill: 'state.not-found: container does not exist: "c" in ROOT',
    delete: 'state.not-found: container does not exist: "c" in ROOT',
    'delete --force': 'ok',
  },
};

const operations: Record<string, () => unknown> = {
  state: () => containerState(runtime, 'c'),
  start: () => startContainer(runtime, 'c'),
  kill: () => killContainer(runtime, 'c', 15),
  delete: () => deleteContainer(runtime, 'c'),
  'delete --force': () => deleteContainer(runtime, 'c', { force: true }),
};

describe.each(Object.entries(matrix))('%s', (status, row) => {
  it.each(Object.entries(row))(`%s: %s`, (operation, expected) => {
    containerIn(status);
    const work = operations[operation] ?? expect.unreachable;
    if (expected === 'ok') {
      work();
    } else {
      const { code, message } = thrown(work);
      expect(`${code}: ${message}`.replace(machine.root, 'ROOT')).toBe(expected);
    }
    expect(machine.openLocks).toBe(0);
    expect(machine.openPidfds).toBe(0);
  });
});

describe('state', () => {
  it.each(['created', 'running', 'paused', 'stopped'])('reports %s', status => {
    const init = containerIn(status);
    expect(containerState(runtime, 'c')).toMatchObject({
      status,
      pid: status === 'stopped' ? 0 : init?.pid,
      ociVersion: '1.3.0',
      bundle: join(machine.directory, 'bundle'),
      rootfs: join(machine.directory, 'bundle/rootfs'),
      created: '2023-11-14T22:13:20.12Z',
      owner: '',
    });
  });
});

describe('a refusal', () => {
  it.each([
    ['exec', 'paused', 'cannot exec in a paused container (use --ignore-paused to override)', /resumed/],
    ['exec', 'stopped', 'cannot exec in a stopped container', undefined],
    ['exec', 'creating', 'cannot exec in a container in the creating state', undefined],
    ['start', 'stopped', 'cannot start a container that has stopped', /tsubo delete web$/],
    ['start', 'running', 'cannot start an already running container', undefined],
  ] as const)(
    'of %s when %s has the text that engines match, and a hint',
    (operation, status, message, hint) => {
      const refusal = thrown(() => requireStatus(operation, 'web', status));
      expect(refusal['message']).toBe(message);
      if (hint === undefined) expect(refusal['hint']).toBeUndefined();
      else expect(refusal['hint']).toMatch(hint);
    },
  );
});

describe('the status', () => {
  it('is stopped for a zombie', () => {
    const init = containerIn('running') as FakeProcess;
    init.state = 'Z';
    expect(containerState(runtime, 'c').status).toBe('stopped');
  });

  it('is stopped if another process has the pid, and that process receives no signal', () => {
    const init = containerIn('running') as FakeProcess;
    machine.processes.delete(init.pid);
    const other = machine.addProcess({ pid: init.pid, startTime: init.startTime + 1 });
    expect(containerState(runtime, 'c')).toMatchObject({ status: 'stopped', pid: 0 });
    expect(thrown(() => killContainer(runtime, 'c', 9))).toMatchObject({ code: 'state.not-running' });
    deleteContainer(runtime, 'c', { force: true });
    expect(other.signals).toEqual([]);
    expect(machine.processes.has(other.pid)).toBe(true);
  });

  it('is created if create ends between reading the record and testing its lock', () => {
    const { pid } = containerIn('created') ?? {};
    const record = readRecord(runtime, 'c');
    const { init: _, ...unfinished } = record;
    writeRecord(runtime, unfinished);
    machine.trouble.set('lock', () => writeRecord(runtime, record));
    expect(containerState(runtime, 'c')).toMatchObject({ status: 'created', pid });
  });

  it('is creating during create, and stopped after create was killed', () => {
    containerIn('created');
    const { init: _, ...half } = readRecord(runtime, 'c');
    writeRecord(runtime, half);
    const held = hold(runtime, 'c');
    expect(containerState(runtime, 'c').status).toBe('creating');
    held?.release();
    expect(containerState(runtime, 'c').status).toBe('stopped');
  });
});

describe('kill', () => {
  it('sends SIGKILL to the whole cgroup if the pid namespace is shared', () => {
    const bundle = writeBundle(join(machine.directory, 'bundle'), config => {
      config.linux.namespaces = [{ type: 'mount' }];
    });
    const { init } = createContainer(runtime, { id: 'c', bundle });
    const other = machine.addProcess({ cgroup: join(machine.cgroups, 'c') });
    killContainer(runtime, 'c', 15);
    expect([machine.processes.get(init.pid)?.signals, other.signals]).toEqual([[15], []]);
    machine.processes.delete(init.pid);
    // Engines do this for a container whose init has ended.
    killContainer(runtime, 'c', 9);
    expect(other.signals).toEqual([9]);
  });

  it('only checks for existence with 0', () => {
    const init = containerIn('running') as FakeProcess;
    killContainer(runtime, 'c', 0);
    expect(init.signals).toEqual([]);
  });
});

describe('delete', () => {
  it.each([false, true])('removes the empty directory of a killed create (force: %s)', force => {
    mkdirSync(join(machine.root, 'c'), { recursive: true });
    // As `create` reports a used id, all other commands report no such container.
    expect(
      thrown(() => createContainer(runtime, { id: 'c', bundle: writeBundle(join(machine.directory, 'b')) })),
    ).toMatchObject({
      code: 'state.exists',
      hint: expect.stringContaining('delete --force c'),
    });
    const damage = {
      code: 'state.damaged',
      message: expect.stringContaining(
        'c/state.json is damaged: it is missing: the create of the container was killed',
      ),
      hint: expect.stringContaining('delete --force'),
    };
    expect(thrown(() => containerState(runtime, 'c'))).toMatchObject(damage);
    expect(thrown(() => killContainer(runtime, 'c', 0))).toMatchObject(damage);
    expect(listContainers(runtime, { rootMustExist: true, brief: true })).toMatchObject({
      containers: [],
      damaged: [{ code: 'state.damaged', message: expect.stringContaining('load container c: ') }],
    });
    deleteContainer(runtime, 'c', { force });
    expect(hold(runtime, 'c')).toBeUndefined();
    expect(thrown(() => containerState(runtime, 'c'))).toMatchObject({ code: 'state.not-found' });
  });

  it('ignores a container while its create has only made the directory', () => {
    const held = claim(runtime, 'c');
    expect(thrown(() => containerState(runtime, 'c'))).toMatchObject({ code: 'state.not-found' });
    expect(listContainers(runtime, { rootMustExist: true, brief: true })).toEqual({
      containers: [],
      damaged: [],
    });
    held.release();
  });

  it('fails on a damaged record unless --force is given', () => {
    containerIn('stopped');
    writeFileSync(join(machine.root, 'c/state.json'), 'x');
    expect(thrown(() => deleteContainer(runtime, 'c'))).toMatchObject({ code: 'state.damaged' });
    deleteContainer(runtime, 'c', { force: true });
    expect(hold(runtime, 'c')).toBeUndefined();
  });

  it('keeps the record if the init does not end', () => {
    const init = containerIn('running') as FakeProcess;
    init.stubborn = true;
    expect(thrown(() => deleteContainer(runtime, 'c', { force: true }))).toMatchObject({
      code: 'state.running',
      message: 'container init still running',
    });
    expect(containerState(runtime, 'c').status).toBe('running');
  });

  it('reaps an init that is a child of this process', () => {
    const init = containerIn('running') as FakeProcess;
    deleteContainer(runtime, 'c', { force: true });
    expect(init.signals).toEqual([9]);
    expect(machine.processes.size).toBe(0);
  });
});
