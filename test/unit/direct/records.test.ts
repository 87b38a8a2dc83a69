// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readExit } from '../../../src/direct/exit-status.ts';
import { listVolumes, readVolume } from '../../../src/direct/volumes.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

describe('exit.json', () => {
  const end = { pid: 5, status: 137, signal: 9, oomKilled: true, finishedAt: '2026-01-01T00:00:00Z' };
  const read = (value: unknown) => {
    writeFileSync(join(machine.directory, 'exit.json'), JSON.stringify(value));
    return readExit(machine.binding, machine.directory);
  };

  it('is read as the keeper wrote it', () => {
    for (const record of [end, { ...end, log: { lostBytes: 5, errno: 28 } }])
      expect(read(record)).toEqual(record);
  });

  it.each([
    { status: 256 },
    { status: -1 },
    { status: 1.5 },
    { status: null },
    { pid: 0 },
    { signal: 'KILL' },
    { signal: 65 },
    { log: {} },
    { log: { lostBytes: 'x', errno: 28 } },
    { oomKilled: 1 },
  ])('is refused with %j', change => {
    expect(thrown(() => read({ ...end, ...change }))).toMatchObject({ code: 'keeper.no-exit-status' });
  });
});

describe('volume.json', () => {
  const volume = (name: string, text: string) => {
    const directory = join(machine.directory, 'volumes', name);
    mkdirSync(join(directory, '_data'), { recursive: true });
    writeFileSync(join(directory, 'volume.json'), text);
    return { binding: machine.binding, directory: machine.directory };
  };

  it.each(['{"labels":[]}', '{"labels":{"a":5}}', '{"labels":null}', '5', '"x"', 'null', '{', ''])(
    'leaves a volume without labels if it is %j',
    text => {
      expect(readVolume(volume('site', text), 'site')).toEqual({
        name: 'site',
        created: '',
        labels: {},
        anonymous: false,
      });
    },
  );

  it('of another type leaves the volume and all others in the list', () => {
    const store = volume('one', '{"created":"2026","labels":{"a":"b"}}');
    volume('two', '');
    const path = join(machine.directory, 'volumes/two/volume.json');
    machine.binding.unlink(path);
    mkdirSync(path);
    expect(listVolumes(store).map(({ name, labels }) => [name, labels])).toEqual([
      ['one', { a: 'b' }],
      ['two', {}],
    ]);
  });
});
