// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { recordText } from '../../../src/lifecycle/check-record.ts';
import { type ContainerRecord, files, recordVersion } from '../../../src/lifecycle/record.ts';
import { readSummaries } from '../../../src/lifecycle/record-summaries.ts';
import type { Runtime } from '../../../src/lifecycle/runtime.ts';
import { claim, writeRecord } from '../../../src/lifecycle/store.ts';
import type { StateOutput } from '../../../src/oci/state.ts';
import { ociVersion } from '../../../src/oci/version.ts';
import { type FakeMachine, machineForEachTest } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
let runtime: Runtime;
machineForEachTest(made => {
  machine = made;
  runtime = machine.runtime;
});

/** An init that has exited. */
const init = { pid: 7, startTime: 8 };

const owner = String(process.getuid?.());
const record = (id: string, more: Partial<ContainerRecord> = {}): ContainerRecord => ({
  version: recordVersion,
  id,
  bundle: '/b',
  rootfs: '/b/rootfs',
  created: '2024-01-01T00:00:00Z',
  sharedPidNamespace: false,
  init,
  ...more,
});

/** The text of a record with the right number of members. */
const whole = (one: object): string => recordText(JSON.parse(JSON.stringify(one)));

function write(...records: readonly ContainerRecord[]): void {
  for (const one of records) {
    claim(runtime, one.id).release();
    writeRecord(runtime, one);
  }
}

/** The states, and the ids whose records must be parsed as a whole, with the users that own them. */
function summaries(options: { readonly brief: boolean }): {
  readonly states: readonly StateOutput[] | undefined;
  readonly whole: Record<string, string>;
} {
  const whole: Record<string, string> = {};
  const states = readSummaries(runtime, {
    ...options,
    userName: uid => `user ${uid}`,
    whole(id, uid) {
      whole[id] = uid;
      return undefined;
    },
  });
  return { states, whole };
}

describe('summaries', () => {
  it('distinguish a missing root from an empty one', () => {
    expect(summaries({ brief: true }).states).toBeUndefined();
    mkdirSync(machine.root);
    expect(summaries({ brief: true }).states).toEqual([]);
  });

  it('cover only directories, in order', () => {
    write(record('b'), record('c'), record('a'));
    writeFileSync(join(machine.root, 'file'), '');
    symlinkSync('a', join(machine.root, 'link'));
    expect(summaries({ brief: true }).states?.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  });

  it('are states', () => {
    const annotations = { second: 'b', first: "{'a':'}'}" };
    write(record('a', { annotations }));
    const state = {
      ociVersion,
      id: 'a',
      pid: 0,
      status: 'stopped',
      bundle: '/b',
      rootfs: '/b/rootfs',
      created: '2024-01-01T00:00:00Z',
      annotations,
      owner: `user ${owner}`,
    };
    const full = summaries({ brief: false }).states;
    expect(full).toEqual([state]);
    expect(JSON.stringify(full)).toBe(
      JSON.stringify([
        { ...state, annotations: { first: annotations.first, second: 'b' }, owner: state.owner },
      ]),
    );
    const { annotations: _, ...brief } = state;
    expect(summaries({ brief: true }).states).toEqual([{ ...brief, rootfs: '' }]);
  });

  it('have the status of the process and of its files', () => {
    const cgroup = { root: '/sys/fs/cgroup', path: '/sys/fs/cgroup/a', made: [] };
    const found = { ...init, state: 'S', stubborn: false, cgroup: undefined } as const;
    machine.processes.set(init.pid, { ...found, signals: [] });
    write(record('a', { cgroup }));
    const status = (): unknown => {
      const [state] = summaries({ brief: true }).states ?? [];
      return [state?.status, state?.pid];
    };
    expect(status()).toEqual(['running', 7]);
    writeFileSync(join(machine.root, 'a', files.startFifo), '');
    expect(status()).toEqual(['created', 7]);
    machine.procFiles.set(`${cgroup.path}/cgroup.freeze`, '1\n');
    expect(status()).toEqual(['paused', 7]);
    machine.processes.set(init.pid, { ...found, startTime: 9, signals: [] });
    expect(status()).toEqual(['stopped', 0]);
  });

  it.each([
    ['nothing', ''],
    ['half a record', '{"version":1,"id":"a","bundle":"/b","rootfs":"/b/roo'],
    ['a record of another version', whole({ ...record('a'), version: 1 })],
    ['the record of another container', whole(record('b'))],
    ['a path with escapes', whole(record('a', { bundle: '/"' }))],
    ['a record without a time', whole({ ...record('a'), created: undefined })],
    ['a record that lost a member', JSON.stringify({ ...record('a'), members: 8 })],
    ['a record that gained a member', JSON.stringify({ ...record('a'), members: 6 })],
    ['a process without a start time', whole({ ...record('a'), init: { pid: 7 } })],
    ['no process', whole({ ...record('a'), init: undefined })],
  ])('fall back to the reader of whole records for %s', (_what, text) => {
    claim(runtime, 'a').release();
    writeFileSync(join(machine.root, 'a/state.json'), text);
    expect(summaries({ brief: true })).toEqual({ states: [], whole: { a: owner } });
  });

  it('have no owner without a record', () => {
    claim(runtime, 'a').release();
    expect(summaries({ brief: true })).toEqual({ states: [], whole: { a: '' } });
  });
});
