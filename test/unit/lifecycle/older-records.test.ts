// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deleteContainer } from '../../../src/lifecycle/delete.ts';
import { readExecData } from '../../../src/lifecycle/exec-data.ts';
import { killContainer } from '../../../src/lifecycle/kill.ts';
import { listContainers } from '../../../src/lifecycle/list.ts';
import { recordVersion } from '../../../src/lifecycle/record.ts';
import { startContainer } from '../../../src/lifecycle/start.ts';
import { containerState } from '../../../src/lifecycle/state.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';

/**
 * State directories as earlier versions of the program wrote them, one for each version of the record. Each line has the
 * name of a file and its text.
 */
const records = new URL('records/', import.meta.url).pathname;
const versions = readdirSync(records).map(name => Number(/^version-(\d+)\.txt$/.exec(name)?.[1]));

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

/** Makes the state directory of a created container as it was written, but for the mount point of the cgroups. */
function restore(version: number): number {
  const directory = join(machine.root, 'jar');
  mkdirSync(directory, { recursive: true });
  const { pid, startTime } = machine.addProcess();
  const lines = readFileSync(`${records}version-${version}.txt`, 'utf8').trimEnd().split('\n');
  for (const line of lines) {
    const [name = ''] = line.split(' ', 1);
    const text = line
      .slice(name.length + 1)
      .replaceAll('/sys/fs/cgroup', machine.cgroups)
      .replace(/"pid":\d+,"startTime":\d+/, `"pid":${pid},"startTime":${startTime}`);
    writeFileSync(join(directory, name), text, { mode: 0o600 });
  }
  writeFileSync(join(directory, 'exec.fifo'), '');
  return pid;
}

it('there is a state directory of each version that this program reads', () => {
  expect(versions.sort()).toEqual(Array.from({ length: recordVersion }, (_, index) => index + 1));
});

describe.each(versions)('a container with a record of version %i', version => {
  it('is listed with its annotations and has a state', () => {
    const pid = restore(version);
    expect(containerState(machine.runtime, 'jar')).toMatchObject({
      id: 'jar',
      status: 'created',
      pid,
      bundle: '/srv/bundle',
      annotations: { 'org.example.owner': 'kiln' },
    });
    const { containers, damaged } = listContainers(machine.runtime, { rootMustExist: true, brief: false });
    expect(damaged).toEqual([]);
    expect(containers).toMatchObject([
      { id: 'jar', rootfs: '/srv/bundle/rootfs', annotations: { 'org.example.owner': 'kiln' } },
    ]);
  });

  it('gets signals and is deleted', () => {
    const pid = restore(version);
    killContainer(machine.runtime, 'jar', 15);
    expect(machine.processes.get(pid)?.signals).toEqual([15]);
    deleteContainer(machine.runtime, 'jar', { force: true });
    expect([machine.processes.has(pid), existsSync(join(machine.root, 'jar'))]).toEqual([false, false]);
    expect(machine.hooks.map(({ path }) => path)).toEqual(['/bin/true']);
    expect(machine.warnings).toEqual([]);
  });

  it('has data for exec, unless its version is 1, which stored none', () => {
    restore(version);
    const data = readExecData(machine.runtime, 'jar');
    if (version === 1) expect(data).toBeUndefined();
    else expect(data?.inherited?.process.args).toEqual(['/bin/sleep', '1000']);
  });

  it('is started, unless its init waits in another way', () => {
    restore(version);
    const start = () => startContainer(machine.runtime, 'jar');
    const fifo = join(machine.root, 'jar/exec.fifo');
    if (version === 1) {
      expect(thrown(start)).toMatchObject({ code: 'state.older-version' });
      expect(existsSync(fifo)).toBe(true);
    } else {
      start();
      expect(existsSync(fifo)).toBe(false);
    }
  });
});
