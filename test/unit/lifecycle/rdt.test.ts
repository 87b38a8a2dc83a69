// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import { type CreateOptions, createContainer } from '../../../src/lifecycle/create.ts';
import { deleteContainer } from '../../../src/lifecycle/delete.ts';
import { containerStats } from '../../../src/lifecycle/events.ts';
import { joinRdtGroup } from '../../../src/lifecycle/rdt.ts';
import type { Runtime } from '../../../src/lifecycle/runtime.ts';
import { readRecord } from '../../../src/lifecycle/store.ts';
import { updateContainer } from '../../../src/lifecycle/update.ts';
import type { IntelRdt } from '../../../src/oci/config-linux.ts';
import {
  type FakeMachine,
  machineForEachTest,
  refused,
  thrown,
  writeBundle,
} from '../../helpers/fake-machine.ts';
import { hostContext } from '../../helpers/host-context.ts';

let machine: FakeMachine;
let runtime: Runtime;
let options: CreateOptions;
machineForEachTest(made => {
  machine = made;
  machine.mountResctrl();
  runtime = machine.runtime;
  options = { id: 'c', bundle: join(machine.directory, 'bundle') };
});

const file = (path: string): string => readFileSync(join(machine.resctrl, path), 'utf8');
const there = (path: string): boolean => existsSync(join(machine.resctrl, path));
const lines = (path: string): string[] =>
  file(path)
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '');

function create(intelRdt: IntelRdt): number {
  writeBundle(options.bundle, config => Object.assign(config.linux, { intelRdt }));
  return createContainer(runtime, options).init.pid;
}

/** A class that another program created before. */
function prepared(name: string, schemata: string, tasks = ''): void {
  machine.binding.mkdir(join(machine.resctrl, name), 0o755);
  writeFileSync(join(machine.resctrl, name, 'schemata'), schemata);
  writeFileSync(join(machine.resctrl, name, 'tasks'), tasks);
}

function classes(): string[] {
  const own = ['info', 'mon_data', 'mon_groups', 'schemata', 'tasks'];
  return readdirSync(machine.resctrl).filter(name => !own.includes(name));
}

describe('a class of service with the id as name', () => {
  it('contains the init, and is removed with the container', () => {
    const pid = create({ l3CacheSchema: 'L3:0=7f0;1=1f', memBwSchema: 'MB:0=20;1=70' });
    expect(lines('c/schemata')).toEqual(['L3:0=7f0;1=1f', 'MB:0=20;1=70']);
    expect(file('c/tasks')).toBe(String(pid));
    expect(readRecord(runtime, 'c').rdt).toEqual({
      root: machine.resctrl,
      path: join(machine.resctrl, 'c'),
      made: true,
      named: false,
    });
    deleteContainer(runtime, 'c', { force: true });
    expect(classes()).toEqual([]);
  });

  it('needs no schemata', () => {
    create({});
    expect(lines('c/schemata')).toEqual(['L3:0=fffff;1=fffff', 'MB:0=100;1=100']);
    expect(machine.calls.filter(call => call.endsWith('/schemata'))).toEqual([]);
  });

  it('receives the list last, in a separate write', () => {
    const written: string[] = [];
    const { binding } = machine;
    const writeText: typeof binding.writeText = (path, text, flags, mode) => {
      if (path.endsWith('/schemata')) written.push(text);
      binding.writeText(path, text, flags, mode);
    };
    runtime = { ...runtime, binding: { ...binding, writeText } };
    create({ schemata: ['L3:0=f;1=f', '', 'L2:0=1'], memBwSchema: 'MB:0=20', l3CacheSchema: 'L3:0=ff' });
    expect(written).toEqual(['L3:0=ff\nMB:0=20\n', 'L3:0=f;1=f\nL2:0=1\n']);
  });

  it('that exists already is used, and kept', () => {
    prepared('c', 'L3:0=1\n');
    create({});
    deleteContainer(runtime, 'c', { force: true });
    expect(classes()).toEqual(['c']);
  });

  it('that another program creates at the same time is kept too', () => {
    machine.trouble.set('mkdir', () => {});
    const { binding } = machine;
    const mkdir: typeof binding.mkdir = (path, mode) => {
      if (dirname(path) === machine.resctrl) prepared('c', 'L3:0=1\n');
      binding.mkdir(path, mode);
    };
    runtime = { ...runtime, binding: { ...binding, mkdir } };
    create({});
    expect(readRecord(runtime, 'c').rdt?.made).toBe(false);
    deleteContainer(runtime, 'c', { force: true });
    expect(classes()).toEqual(['c']);
  });

  it.each(['writeText', 'spawn', 'awaitReport', 'resume'])('is removed if %s fails', call => {
    writeBundle(options.bundle, config => Object.assign(config.linux, { intelRdt: {} }));
    const { binding } = machine;
    const mkdir: typeof binding.mkdir = (path, mode) => {
      binding.mkdir(path, mode);
      if (path.startsWith(machine.resctrl)) machine.trouble.set(call, errno.EPERM);
    };
    runtime = { ...runtime, binding: { ...binding, mkdir } };
    expect(thrown(() => createContainer(runtime, options))).toMatchObject({ errnoName: 'EPERM' });
    expect(classes()).toEqual([]);
    expect(readdirSync(machine.root)).toEqual([]);
  });

  it('is found by a delete after the create was killed', () => {
    create({});
    const state = join(machine.root, 'c/state.json');
    const {
      init: _,
      members: __,
      ...record
    } = JSON.parse(readFileSync(state, 'utf8')) as Record<string, unknown>;
    writeFileSync(state, JSON.stringify(record));
    deleteContainer(runtime, 'c', { force: true });
    expect(classes()).toEqual([]);
  });
});

describe('a class that the config names', () => {
  it('is created with its schemata, and kept', () => {
    const pid = create({ closID: 'gold', l3CacheSchema: 'L3:0=f' });
    expect(file('gold/tasks')).toBe(String(pid));
    deleteContainer(runtime, 'c', { force: true });
    expect(classes()).toEqual(['gold']);
  });

  it('is removed by a failed create that created it, if it is empty', () => {
    machine.trouble.set('awaitReport', () => {
      // The init was killed with the create, and therefore the class is empty.
      writeFileSync(join(machine.resctrl, 'gold/tasks'), '');
      throw refused('recvmsg', errno.EPERM);
    });
    expect(thrown(() => create({ closID: 'gold', l3CacheSchema: 'L3:0=f' }))).toMatchObject({
      errnoName: 'EPERM',
    });
    expect(classes()).toEqual([]);
  });

  it('is kept if another process has joined it', () => {
    machine.trouble.set('awaitReport', () => {
      writeFileSync(join(machine.resctrl, 'gold/tasks'), '17\n');
      throw refused('recvmsg', errno.EPERM);
    });
    thrown(() => create({ closID: 'gold', l3CacheSchema: 'L3:0=f' }));
    expect(classes()).toEqual(['gold']);
  });

  it('must exist if it has no schemata', () => {
    expect(thrown(() => create({ closID: 'gold' }))).toMatchObject({
      code: 'host.rdt',
      pointer: '/linux/intelRdt/closID',
    });
    expect(classes()).toEqual([]);
    prepared('gold', 'L3:0=f\n');
    const pid = create({ closID: 'gold' });
    expect(file('gold/tasks')).toBe(String(pid));
    expect(file('gold/schemata')).toBe('L3:0=f\n');
  });

  it.each<[string, IntelRdt]>([
    ['L3:0=00f;1=0ff\nMB:0=20\n', { l3CacheSchema: 'L3:1=FF;0=f' }],
    ['    L3:0=f;1=ff\n    MB:0= 20;1=100\n', { l3CacheSchema: 'L3:0=f', memBwSchema: 'MB:0=15;1=100' }],
    ['L3:0=f\n', { schemata: ['L3:0=1'] }],
  ])('may exist: %j contains %j', (schemata, rdt) => {
    prepared('gold', schemata);
    const pid = create({ closID: 'gold', ...rdt });
    expect(file('gold/tasks')).toBe(String(pid));
  });

  it.each<[string, IntelRdt]>([
    ['L3:0=f;1=ff\n', { l3CacheSchema: 'L3:0=f;1=f' }],
    ['L3:0=f;1=ff\n', { l3CacheSchema: 'L3:2=f' }],
    ['L3:0=f\n', { memBwSchema: 'MB:0=20' }],
    ['L3:0=f\nMB:0=20\n', { l3CacheSchema: 'L3:0=f', memBwSchema: 'MB:0=21' }],
    ['L3:0=f\n', { l3CacheSchema: 'L3:' }],
  ])('is refused with other schemata: %j is not %j', (schemata, rdt) => {
    prepared('gold', schemata);
    expect(thrown(() => create({ closID: 'gold', ...rdt }))).toMatchObject({
      code: 'state.rdt-mismatch',
      pointer: '/linux/intelRdt',
    });
    expect(file('gold/schemata')).toBe(schemata);
    expect(classes()).toEqual(['gold']);
  });

  it('may be the default class', () => {
    const pid = create({ closID: '/', enableMonitoring: true });
    expect(file('tasks')).toBe(String(pid));
    expect(file('mon_groups/c/tasks')).toBe(String(pid));
    deleteContainer(runtime, 'c', { force: true });
    expect(readdirSync(join(machine.resctrl, 'mon_groups'))).toEqual([]);
    expect(there('schemata')).toBe(true);
  });
});

describe('a monitoring group', () => {
  it('contains the init and is removed with the container', () => {
    const pid = create({ closID: 'gold', schemata: ['L3:0=f'], enableMonitoring: true });
    expect(file('gold/mon_groups/c/tasks')).toBe(String(pid));
    deleteContainer(runtime, 'c', { force: true });
    expect(there('gold/mon_groups/c')).toBe(false);
    expect(there('gold')).toBe(true);
  });

  it('of another container is refused', () => {
    prepared('gold', 'L3:0=f\n');
    machine.binding.mkdir(join(machine.resctrl, 'gold/mon_groups/c'), 0o755);
    writeFileSync(join(machine.resctrl, 'gold/mon_groups/c/tasks'), '17\n');
    expect(thrown(() => create({ closID: 'gold', enableMonitoring: true }))).toMatchObject({
      code: 'host.rdt',
      errnoName: 'EEXIST',
      pointer: '/linux/intelRdt/enableMonitoring',
    });
    expect(there('gold/mon_groups/c')).toBe(true);
  });

  it('above the maximum number is refused', () => {
    const { binding } = machine;
    const mkdir: typeof binding.mkdir = (path, mode) => {
      if (path.includes('mon_groups')) throw refused('mkdir', errno.ENOSPC, path);
      binding.mkdir(path, mode);
    };
    runtime = { ...runtime, binding: { ...binding, mkdir } };
    expect(thrown(() => create({ enableMonitoring: true }))).toMatchObject({
      code: 'host.rdt',
      errnoName: 'ENOSPC',
      hint: expect.stringContaining('num_rmids'),
    });
    expect(classes()).toEqual([]);
  });
});

describe('a refusal of the kernel', () => {
  it('is reported with the text of the kernel', () => {
    writeFileSync(join(machine.resctrl, 'info/last_cmd_status'), 'Mask out of range\n');
    const { binding } = machine;
    const writeText: typeof binding.writeText = (path, text, flags, mode) => {
      if (path.endsWith('/schemata')) throw refused('write', errno.EINVAL, path);
      binding.writeText(path, text, flags, mode);
    };
    runtime = { ...runtime, binding: { ...binding, writeText } };
    expect(thrown(() => create({ schemata: ['L3:0=fffffff'] }))).toMatchObject({
      code: 'host.rdt',
      pointer: '/linux/intelRdt/schemata',
      value: 'L3:0=fffffff',
      hint: 'the kernel reports: Mask out of range',
    });
    expect(classes()).toEqual([]);
  });

  it.each([
    ['L3', { l3CacheSchema: 'L3:0=f' }, '/l3CacheSchema'],
    ['MB', { memBwSchema: 'MB:0=10' }, '/memBwSchema'],
  ])('of the resource %s, which it lacks, is detected before any change', (name, rdt, at) => {
    rmSync(join(machine.resctrl, 'info', name), { recursive: true });
    expect(thrown(() => create(rdt))).toMatchObject({
      code: 'host.unsupported',
      pointer: `/linux/intelRdt${at}`,
    });
  });

  it('covers every request if resctrl is not mounted', () => {
    rmSync(machine.resctrl, { recursive: true });
    expect(thrown(() => create({ schemata: ['L3:0=f'] }))).toMatchObject({
      code: 'host.unsupported',
      pointer: '/linux/intelRdt',
      message: 'intelRdt is specified in config, but Intel RDT is not enabled',
    });
    create({ closID: 'gold', enableMonitoring: true });
    expect(machine.warnings).toEqual([
      'linux.intelRdt is ignored: Intel RDT is not enabled; resctrl is not mounted: mount -t resctrl resctrl /sys/fs/resctrl, if processor and kernel support it (/linux/intelRdt)',
    ]);
    expect(readRecord(runtime, 'c').rdt).toBeUndefined();
    mkdirSync(machine.resctrl);
  });
});

describe('a container in a class', () => {
  it('has its executed programs in the class, unless the class was removed', () => {
    create({ enableMonitoring: true });
    const step = { op: 'joinRdtGroup', when: 'after', origin: '/linux/intelRdt' } as const;
    const context = hostContext(runtime, { record: readRecord(runtime, 'c'), pid: 777_777 });
    joinRdtGroup.apply([step], context);
    expect(file('c/tasks')).toBe('777777');
    expect(file('c/mon_groups/c/tasks')).toBe('777777');
    machine.binding.rmdir(join(machine.resctrl, 'c'));
    joinRdtGroup.apply([step], context);
    expect(classes()).toEqual([]);
  });

  it('can be updated, and keeps the old schemata if a limit is refused', () => {
    create({ l3CacheSchema: 'L3:0=f;1=f' });
    updateContainer(runtime, 'c', {}, { rdt: { l3CacheSchema: 'L3:0=ff;1=f' } });
    expect(lines('c/schemata')).toEqual(['L3:0=ff;1=f', 'MB:0=100;1=100']);
    const requested = { memory: { limit: 4096 } };
    const update = () => updateContainer(runtime, 'c', requested, { rdt: { memBwSchema: 'MB:0=50;1=50' } });
    expect(thrown(update)).toMatchObject({ code: expect.stringMatching(/^host\.cgroup/) });
    expect(lines('c/schemata')).toEqual(['L3:0=ff;1=f', 'MB:0=100;1=100']);
  });

  it('reports its usage', () => {
    create({ l3CacheSchema: 'L3:0=f;1=f', enableMonitoring: true });
    expect(containerStats(runtime, 'c').intel_rdt).toEqual({
      l3_cache_info: { cbm_mask: 'fffff', min_cbm_bits: 1, num_closids: 16 },
      l3_cache_schema_root: 'L3:0=fffff;1=fffff',
      l3_cache_schema: 'L3:0=f;1=f',
      mem_bw_info: { bandwidth_gran: 10, delay_linear: 1, min_bandwidth: 10, num_closids: 8 },
      mem_bw_schema_root: 'MB:0=100;1=100',
      mem_bw_schema: 'MB:0=100;1=100',
      schemata: ['L3:0=f;1=f', 'MB:0=100;1=100'],
      mbm_stats: Array(2).fill({ mbm_total_bytes: 9007199254740993n, mbm_local_bytes: 0 }),
      cmt_stats: [{ llc_occupancy: 4096 }, { llc_occupancy: 4096 }],
    });
  });

  it('without a class accepts no schemata', () => {
    writeBundle(options.bundle);
    createContainer(runtime, options);
    expect(
      thrown(() => updateContainer(runtime, 'c', {}, { rdt: { l3CacheSchema: 'L3:0=f' } })),
    ).toMatchObject({
      code: 'config.unsupported',
      message: 'updating a non-existent Intel RDT configuration is not supported',
    });
  });
});
