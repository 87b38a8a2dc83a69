// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { createContainer } from '../../../src/lifecycle/create.ts';
import { deleteContainer } from '../../../src/lifecycle/delete.ts';
import type { InitRecord } from '../../../src/lifecycle/record.ts';
import { type FakeMachine, machineForEachTest, thrown, writeBundle } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
let init: InitRecord;
let rootfs: string;
machineForEachTest(made => {
  machine = made;
  const bundle = writeBundle(join(machine.directory, 'bundle'));
  rootfs = join(bundle, 'rootfs');
  const container = createContainer(machine.runtime, { id: 'web', bundle });
  init = container.init;
  machine.binding.close(container.pidfd);
});

/** The directories that are the roots of processes, by pid. */
const roots = new Map<number, string>();
beforeEach(() => {
  roots.clear();
  const { stat, readdir } = machine.binding;
  machine.binding.stat = (path, noFollow) => {
    const pid = Number(/^\/proc\/(\d+)\/root\/$/.exec(path)?.[1]);
    return stat(roots.get(pid) ?? path, noFollow);
  };
  machine.binding.readdir = path => {
    if (path === '/proc') return [...machine.processes.keys()].map(String);
    const fds = /^\/proc\/(\d+)\/fd$/.exec(path)?.[1];
    return fds === undefined ? readdir(path) : machine.procFiles.has(`${path}/3`) ? ['3'] : [];
  };
});

const state = () => join(machine.root, 'web');
const damage = (change: (record: Record<string, unknown>) => void): void => {
  const path = join(state(), 'state.json');
  const record = JSON.parse(readFileSync(path, 'utf8'));
  change(record);
  writeFileSync(path, JSON.stringify(record));
};
const cgroup = () => join(machine.cgroups, 'web');
const remove = () => deleteContainer(machine.runtime, 'web', { force: true });
const runs = (pid: number) => machine.processes.has(pid);

describe('delete --force of a container with a damaged record', () => {
  it('uses the sound members of the record: the init and the cgroup', () => {
    damage(record => {
      record['created'] = 7;
    });
    remove();
    expect(runs(init.pid)).toBe(false);
    expect([existsSync(cgroup()), existsSync(state())]).toEqual([false, false]);
    expect(machine.warnings[0]).toContain('/created');
  });

  it('works with a record of a later version', () => {
    damage(record => {
      record['version'] = 3;
      record['cgroup'] = 'in another form';
    });
    remove();
    expect(runs(init.pid)).toBe(false);
    expect(existsSync(state())).toBe(false);
    expect(machine.warnings[0]).toContain('a later version of tsubo wrote');
  });

  it.each(['state.json', 'config.json'])('works if a directory is in the place of %s', name => {
    for (const file of ['state.json', 'config.json', 'exec.json']) {
      rmSync(join(state(), file), { force: true });
      if (file === name) mkdirSync(join(state(), file));
    }
    machine.processes.delete(init.pid);
    remove();
    expect(existsSync(state())).toBe(false);
  });

  it.each([
    '{"linux":{"namespaces":5,"cgroupsPath":{}},"root":{"path":7},"process":{"args":{}},"hooks":[]}',
    '{"linux":[],"root":"x","process":null}',
    '{"linux":{"namespaces":[null]}}',
  ])('ignores values of a wrong type in config.json: %s', text => {
    damage(record => {
      record['created'] = 7;
    });
    writeFileSync(join(state(), 'config.json'), text);
    remove();
    expect([runs(init.pid), existsSync(state())]).toEqual([false, false]);
  });

  it('finds the init that has the FIFO of the container open', () => {
    damage(record => {
      delete record['init'];
    });
    machine.procFiles.set(`/proc/${init.pid}/fd/3`, join(state(), 'exec.fifo'));
    remove();
    expect(runs(init.pid)).toBe(false);
    expect(existsSync(state())).toBe(false);
  });

  it('ends the processes of the cgroup named by the id if one of them has the root of the container', () => {
    writeFileSync(join(state(), 'state.json'), `{"id":"web","rootfs":"${rootfs}","crea`);
    roots.set(init.pid, rootfs);
    remove();
    expect(machine.processes.get(init.pid)?.state ?? 'gone').not.toBe('S');
    expect([existsSync(cgroup()), existsSync(state())]).toEqual([false, false]);
  });

  it('leaves a populated cgroup whose processes have another root, and names them', () => {
    writeFileSync(join(state(), 'state.json'), `{"id":"web","rootfs":"${rootfs}","crea`);
    roots.set(init.pid, machine.directory);
    machine.procFiles.set(`/proc/${init.pid}/comm`, 'sh\n');
    expect(thrown(remove)).toMatchObject({
      code: 'state.damaged',
      message: expect.stringContaining(
        `not certain to belong to container web: the cgroup ${cgroup()} with process ${init.pid} (sh)`,
      ),
    });
    expect(runs(init.pid)).toBe(true);
    expect([existsSync(cgroup()), existsSync(state())]).toEqual([true, true]);
  });

  it('names another process with the root of the container, and does not end it', () => {
    const path = join(state(), 'state.json');
    machine.processes.delete(init.pid);
    const { pid } = machine.addProcess();
    roots.set(pid, rootfs);
    writeFileSync(path, `{"id":"web","rootfs":"${rootfs}","crea`);
    expect(thrown(remove)['message']).toContain(`process ${pid} with its root file system`);
    expect(runs(pid)).toBe(true);
  });
});
