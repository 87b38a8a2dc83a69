// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { recordText } from '../../../src/lifecycle/check-record.ts';
import { type ContainerRecord, recordVersion } from '../../../src/lifecycle/record.ts';
import { readSummaries, type Stored } from '../../../src/lifecycle/record-summaries.ts';
import type { Runtime } from '../../../src/lifecycle/runtime.ts';
import { claim, writeRecord } from '../../../src/lifecycle/store.ts';
import { type FakeMachine, machineForEachTest } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
let runtime: Runtime;
machineForEachTest(made => {
  machine = made;
  runtime = machine.runtime;
});

const owner = String(process.getuid?.());
const record = (id: string, more: Partial<ContainerRecord> = {}): ContainerRecord => ({
  version: recordVersion,
  id,
  bundle: '/b',
  rootfs: '/b/rootfs',
  created: '2024-01-01T00:00:00Z',
  sharedPidNamespace: false,
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

function stored(options: { readonly brief: boolean }): Stored[] | undefined {
  const found = readSummaries(runtime, options);
  return found && [...found];
}

describe('summaries', () => {
  it('distinguish a missing root from an empty one', () => {
    expect(stored({ brief: true })).toBeUndefined();
    mkdirSync(machine.root);
    expect(stored({ brief: true })).toEqual([]);
  });

  it('cover only directories, in order', () => {
    write(record('b'), record('c'), record('a'));
    writeFileSync(join(machine.root, 'file'), '');
    symlinkSync('a', join(machine.root, 'link'));
    expect(stored({ brief: true })?.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  });

  it('contain the status and the values of state', () => {
    const cgroup = { root: '/sys/fs/cgroup', path: '/sys/fs/cgroup/a', made: [] };
    const annotations = { second: 'b', first: "{'a':'}'}" };
    write(record('a', { cgroup, annotations, init: { pid: 7, startTime: 8 } }), record('b'));
    const { bundle, rootfs, created } = record('');
    const common = { bundle, rootfs, created };
    expect(stored({ brief: false })).toEqual([
      {
        id: 'a',
        owner,
        summary: {
          ...common,
          id: 'a',
          cgroup: { path: cgroup.path },
          init: { pid: 7, startTime: 8 },
          annotations,
        },
      },
      { id: 'b', owner, summary: { ...common, id: 'b' } },
    ]);
    expect(stored({ brief: true })?.[0]?.summary).not.toHaveProperty('annotations', annotations);
  });

  it.each([
    ['nothing', ''],
    ['half a record', '{"version":1,"id":"a","bundle":"/b","rootfs":"/b/roo'],
    ['a record of another version', whole({ ...record('a'), version: 1 })],
    ['the record of another container', whole(record('b'))],
    ['a path with escapes', whole(record('a', { bundle: '/"' }))],
    ['a record without a time', whole({ ...record('a'), created: undefined })],
    ['a record that lost a member', JSON.stringify({ ...record('a'), members: 7 })],
    ['a record that gained a member', JSON.stringify({ ...record('a'), members: 5 })],
    ['a process without a start time', whole({ ...record('a'), init: { pid: 7 } })],
  ])('fall back to the reader of whole records for %s', (_what, text) => {
    claim(runtime, 'a').release();
    writeFileSync(join(machine.root, 'a/state.json'), text);
    expect(stored({ brief: true })).toEqual([{ id: 'a', owner, summary: undefined }]);
  });

  it('have no owner without a record', () => {
    claim(runtime, 'a').release();
    expect(stored({ brief: true })).toEqual([{ id: 'a', owner: '', summary: undefined }]);
  });
});
