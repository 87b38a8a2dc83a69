// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyResources, olderKernel } from '../../../src/cgroup/apply.ts';
import type { CgroupWrite } from '../../../src/cgroup/write.ts';
import { errno } from '../../../src/errors/errno.ts';
import type { Binding } from '../../../src/host/binding.d.ts';
import { type FakeMachine, machineForEachTest, refused, thrown } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

const path = (...parts: readonly string[]): string => join(machine.cgroups, ...parts);
const write = (at: string, text: string): void => writeFileSync(path(at), text);
const read = (at: string): string => readFileSync(path(at), 'utf8');

/** A hierarchy `pods/web` as the kernel presents it; each cgroup has the files of the given controllers. */
function hierarchy(offered: string, inRoot = '', inPods = ''): void {
  mkdirSync(path('pods/web'), { recursive: true });
  write('cgroup.controllers', `${offered}\n`);
  write('cgroup.subtree_control', `${inRoot}\n`);
  write('pods/cgroup.subtree_control', `${inPods}\n`);
  for (const file of ['memory.max', 'pids.max', 'io.weight', 'cpu.max']) write(`pods/web/${file}`, 'max\n');
}

const memory: CgroupWrite = { file: 'memory.max', value: '4096', origin: '/m', controller: 'memory' };
const pids: CgroupWrite = { file: 'pids.max', value: '7', origin: '/p', controller: 'pids' };

function apply(writes: readonly CgroupWrite[], binding = machine.binding): void {
  applyResources(binding, { root: machine.cgroups, path: path('pods/web') }, writes);
}

/** The texts that were written to files of this name, in order. */
function written(binding: Binding): { binding: Binding; texts: string[] } {
  const texts: string[] = [];
  const writeText: Binding['writeText'] = (at, text, flags, mode) => {
    texts.push(`${at.slice(machine.cgroups.length + 1)} ${text}`);
    binding.writeText(at, text, flags, mode);
  };
  return { binding: { ...binding, writeText }, texts };
}

/** A kernel that refuses to write this text to this file. */
function refusing(file: string, text: RegExp, number: number): Binding {
  const { binding } = machine;
  return {
    ...binding,
    writeText: (at, value, flags, mode) => {
      if (at === path(file) && text.test(value)) throw refused('write', number, at);
      binding.writeText(at, value, flags, mode);
    },
    readTextIfThere: at => (at.startsWith('/proc/') ? undefined : binding.readTextIfThere(at)),
  };
}

describe('controllers', () => {
  it('are enabled from the root down, all with one write', () => {
    hierarchy('cpuset cpu io memory hugetlb pids', 'memory');
    const { binding, texts } = written(machine.binding);
    apply([memory, pids], binding);
    expect(texts).toEqual([
      'cgroup.subtree_control +cpuset +cpu +io +hugetlb +pids',
      'pods/cgroup.subtree_control +cpuset +cpu +io +memory +hugetlb +pids',
      'pods/web/memory.max 4096',
      'pods/web/pids.max 7',
    ]);
  });

  it('that are enabled already need no write', () => {
    hierarchy('memory', 'memory', 'memory');
    const { binding, texts } = written(machine.binding);
    apply([memory], binding);
    expect(texts).toEqual(['pods/web/memory.max 4096']);
  });

  it('that no limit needs may be missing', () => {
    hierarchy('cpu memory');
    apply([memory], refusing('pods/cgroup.subtree_control', /cpu/, errno.EINVAL));
    expect(read('pods/web/memory.max')).toBe('4096');
    expect(read('pods/cgroup.subtree_control')).toContain('+memory');
  });

  // As in runc and crun.
  it.each(['hugetlb', 'cpuset hugetlb misc rdma', 'cpu io memory pids'])(
    'that are available (%s) are all enabled for a container without limits',
    offered => {
      hierarchy(offered);
      const { binding, texts } = written(machine.binding);
      apply([{ ...pids, value: 'max', optional: true }], binding);
      const all = offered.replace(/\w+/g, '+$&');
      expect(texts).toEqual([
        `cgroup.subtree_control ${all}`,
        `pods/cgroup.subtree_control ${all}`,
        'pods/web/pids.max max',
      ]);
    },
  );

  it('are not written if none is available', () => {
    hierarchy('');
    const { binding, texts } = written(machine.binding);
    apply([], binding);
    expect(texts).toEqual([]);
  });

  it('that are missing are reported with place and reason', () => {
    hierarchy('hugetlb');
    const tables: Record<string, string> = {
      '/proc/cgroups': '#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t7\t30\t1\npids\t0\t1\t0\n',
      '/proc/self/mountinfo': '41 30 0:36 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n',
    };
    const binding = {
      ...machine.binding,
      readTextIfThere: (at: string) => tables[at] ?? machine.binding.readTextIfThere(at),
    };
    const list = path('cgroup.controllers');
    expect(thrown(() => apply([memory], binding))).toMatchObject({
      code: 'host.cgroup-controller',
      pointer: '/m',
      path: list,
      value: 'memory',
      message:
        `unable to set memory.max to 4096: the cgroup controller memory is not available: ${list} has only hugetlb, ` +
        'memory belongs to cgroup version 1, mounted at /sys/fs/cgroup/memory',
      hint: expect.stringContaining('cgroup_no_v1=memory'),
    });
    expect(thrown(() => apply([pids], binding))).toMatchObject({
      message: expect.stringContaining(' is disabled on the kernel command line'),
      hint: 'boot with cgroup_enable=pids',
    });
    const unified = {
      file: 'misc.max',
      value: 'x 1',
      origin: '/linux/resources/unified/misc.max',
      controller: 'misc',
    };
    expect(thrown(() => apply([unified], binding))).toMatchObject({
      message: expect.stringContaining(
        `unified resource "misc.max" can't be set: controller "misc" not available`,
      ),
    });
  });

  it('that processes in a parent block are reported with these processes, and the cgroup is unchanged', () => {
    hierarchy('memory cpu', 'memory');
    write('pods/cgroup.type', 'domain\n');
    machine.addProcess({ pid: 77, cgroup: path('pods') });
    const { binding, texts } = written(machine.binding);
    const readTextIfThere = (at: string) =>
      at === '/proc/77/comm' ? 'sshd\n' : machine.binding.readTextIfThere(at);
    expect(thrown(() => apply([memory], { ...binding, readTextIfThere }))).toMatchObject({
      code: 'host.cgroup-processes',
      pointer: '/m',
      message: expect.stringMatching(
        /memory cannot be enabled in .*subtree_control: processes are in .*\/pods: 77 \(sshd\)$/,
      ),
    });
    expect(texts).toEqual(['cgroup.subtree_control +cpu']);
  });

  it('that no limit needs are skipped if processes in a parent block them', () => {
    hierarchy('memory cpu', 'memory cpu', 'memory');
    write('pods/cgroup.type', 'domain\n');
    machine.addProcess({ pid: 77, cgroup: path('pods') });
    const { binding, texts } = written(machine.binding);
    apply([memory], binding);
    expect(texts).toEqual(['pods/web/memory.max 4096']);
  });

  it('that a threaded cgroup cannot enable are refused', () => {
    hierarchy('memory', 'memory');
    write('pods/cgroup.type', 'domain threaded\n');
    const binding = refusing('pods/cgroup.subtree_control', /./, errno.EOPNOTSUPP);
    expect(thrown(() => apply([memory], binding))).toMatchObject({
      code: 'host.cgroup-threaded',
      message: expect.stringContaining('the cgroup is in "domain threaded" mode'),
    });
  });
});

describe('values', () => {
  it('without effect are skipped if the file is missing', () => {
    hierarchy('memory');
    apply([{ ...memory, file: 'memory.swap.max', value: '0', optional: true }, memory]);
    expect(read('pods/web/memory.max')).toBe('4096');
  });

  it('go to the alternative file if the first is missing', () => {
    hierarchy('io');
    const weight = { file: 'io.bfq.weight', value: '500', origin: '/w', controller: 'io' };
    apply([{ ...weight, otherwise: { file: 'io.weight', value: '4950' } }]);
    expect(read('pods/web/io.weight')).toBe('4950');
    write('pods/web/io.bfq.weight', 'default 100\n');
    write('pods/web/io.weight', 'default 100\n');
    apply([{ ...weight, otherwise: { file: 'io.weight', value: '4950' } }]);
    expect(read('pods/web/io.bfq.weight')).toContain('500');
    expect(read('pods/web/io.weight')).toBe('default 100\n');
  });

  it('that the kernel refuses are reported with the cause', () => {
    hierarchy('cpu');
    const max = {
      file: 'cpu.max',
      value: '500 100',
      origin: '/linux/resources/cpu/quota',
      controller: 'cpu',
    };
    expect(thrown(() => apply([max], refusing('pods/web/cpu.max', /./, errno.EINVAL)))).toMatchObject({
      code: 'host.cgroup-write',
      pointer: '/linux/resources/cpu/quota',
      message: 'unable to set cpu.max to "500 100": invalid argument',
      path: path('pods/web/cpu.max'),
      hint: expect.stringContaining('1000 to 1000000 microseconds'),
    });
  });

  it('without a file are refused', () => {
    hierarchy('memory');
    const swap = { ...memory, file: 'memory.swap.max' };
    expect(thrown(() => apply([swap]))).toMatchObject({
      code: 'host.cgroup-write',
      errnoName: 'ENOENT',
      hint: expect.stringContaining('swapaccount=1'),
    });
  });

  it('cannot leave the cgroup', () => {
    hierarchy('memory');
    expect(thrown(() => apply([{ ...memory, file: '../memory.max' }]))).toMatchObject({ code: 'internal' });
  });
});

describe('a control file that came with a later kernel', () => {
  const burst = (origin: string): CgroupWrite => ({
    file: 'cpu.max.burst',
    value: '1000',
    origin,
    controller: 'cpu',
  });
  const onKernel = (release: string): Binding => ({
    ...machine.binding,
    identity: () => ({ ...machine.binding.identity(), release }),
  });

  it.each([
    ['/cpu/burst', 'unable to set cpu.max.burst to "1000": Linux 5.10 has no cpu.max.burst (since 5.14)'],
    [
      '/unified/cpu.max.burst',
      'unable to set unified resource "cpu.max.burst" to "1000": Linux 5.10 has no cpu.max.burst (since 5.14)',
    ],
  ])('is named with that kernel: %s', (origin, message) => {
    hierarchy('cpu', 'cpu', 'cpu');
    expect(thrown(() => apply([burst(origin)], onKernel('5.10.0-32-cloud-amd64')))).toMatchObject({
      code: 'host.cgroup-write',
      pointer: origin,
      message,
      errnoName: 'ENOENT',
    });
  });

  it('that a new enough kernel lacks has the missing kernel option as the cause', () => {
    hierarchy('cpu', 'cpu', 'cpu');
    for (const release of ['5.14.0', '6.1.0']) {
      expect(thrown(() => apply([burst('/cpu/burst')], onKernel(release)))).toMatchObject({
        message: 'unable to set cpu.max.burst to "1000": no such file or directory',
        hint: 'this kernel was built without CONFIG_CFS_BANDWIDTH',
      });
    }
  });

  it('is ignored if it is optional or another file replaces it', () => {
    const kernel = { release: '5.10.0', major: 5, minor: 10 };
    expect(olderKernel(kernel, burst('/cpu/burst'))).toMatchObject({ pointer: '/cpu/burst' });
    expect(olderKernel(kernel, { ...burst('/cpu/burst'), optional: true })).toBeUndefined();
    expect(olderKernel(kernel, { ...burst('/m'), file: 'memory.max' })).toBeUndefined();
  });
});
