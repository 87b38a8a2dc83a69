// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, runs } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

/** These properties came with 1.2 and later: the old one passes over them in silence. */
const old = runs('runc 1.1');

describe.skipIf(old || requires('root', 'busybox'))('the scheduling of a container', () => {
  const box = sandbox();

  test.each<[string, Record<string, unknown>, number[]]>([
    ['SCHED_OTHER', { nice: -5 }, [0, 0, -5, 0]],
    ['SCHED_BATCH', { nice: 19, flags: ['SCHED_FLAG_RESET_ON_FORK'] }, [3, 1, 19, 0]],
    ['SCHED_IDLE', {}, [5, 0, 0, 0]],
    ['SCHED_FIFO', { priority: 7 }, [1, 0, 0, 7]],
    ['SCHED_RR', { priority: 99 }, [2, 0, 0, 99]],
  ])('is %s with %j', (policy, more, expected) => {
    const report = box.inside(bundle => {
      bundle.config.process.scheduler = { policy, ...more };
    });
    expect(report.scheduler.slice(0, 4)).toEqual(expected);
  });

  test('has the runtime, deadline and period of a deadline task', () => {
    const times = { runtime: 10_000_000, deadline: 20_000_000, period: 30_000_000 };
    const report = box.inside(bundle => {
      bundle.config.process.scheduler = { policy: 'SCHED_DEADLINE', ...times };
    });
    expect(report.scheduler).toEqual([6, 0, 0, 0, 10_000_000, 20_000_000, 30_000_000]);
  });

  test('that the kernel refuses fails the create at its place', () => {
    const bundle = box.bundle(made => {
      made.config.process.scheduler = { policy: 'SCHED_ISO' };
    });
    const failure = box.refuses(bundle);
    expect(failure.message).toMatch(/scheduler/);
    if (isTsubo) {
      expect(failure.record).toMatchObject({
        code: 'container.scheduler',
        pointer: '/process/scheduler',
        errnoName: 'EINVAL',
      });
    }
  });

  test.each([
    ['IOPRIO_CLASS_RT', 0, 1],
    ['IOPRIO_CLASS_BE', 6, 2],
    ['IOPRIO_CLASS_IDLE', 7, 3],
  ])('has the I/O priority %s %i', (name, priority, number) => {
    const report = box.inside(bundle => {
      bundle.config.process.ioPriority = { class: name, priority };
    });
    expect(report.ioPriority).toBe((number << 13) | priority);
  });

  test.each([
    ['LINUX', 0],
    ['LINUX32', 8],
  ])('takes the machine for one of the domain %s', (domain, persona) => {
    const report = box.inside(bundle => {
      bundle.config.linux.personality = { domain };
    });
    expect(report.personality & 0xff).toBe(persona);
  });
});

describe.skipIf(old || requires('root', 'busybox'))('the memory policy of a container', () => {
  const box = sandbox();

  test.each<[string, Record<string, unknown>, number[]]>([
    ['MPOL_DEFAULT', {}, [0, 0]],
    ['MPOL_LOCAL', {}, [4, 0]],
    ['MPOL_BIND', { nodes: '0', flags: ['MPOL_F_STATIC_NODES'] }, [0x8002, 1]],
    ['MPOL_INTERLEAVE', { nodes: '0' }, [3, 1]],
    ['MPOL_PREFERRED', { nodes: '0', flags: ['MPOL_F_RELATIVE_NODES'] }, [0x4001, 1]],
  ])('is %s with %j', (mode, more, expected) => {
    const report = box.inside(bundle => {
      bundle.config.linux.memoryPolicy = { mode, ...more };
    });
    expect(report.memoryPolicy).toEqual(expected);
  });

  test('for nodes without memory fails the create at its place', () => {
    const bundle = box.bundle(made => {
      made.config.linux.memoryPolicy = { mode: 'MPOL_BIND', nodes: '63' };
    });
    const failure = box.refuses(bundle);
    if (isTsubo) {
      expect(failure.record).toMatchObject({
        code: 'container.memory-policy',
        pointer: '/linux/memoryPolicy',
        errnoName: 'EINVAL',
      });
    }
  });
});

describe.skipIf(requires('root', 'busybox'))('the CPUs of a container', () => {
  const box = sandbox();

  test('are all of its cgroup, though the runtime is bound to one', () => {
    const bundle = box.bundle();
    const command = box.command('run', '--bundle', bundle.dir, bundle.id);
    const done = box.view.exec(['/usr/bin/taskset', '-c', '0', ...command]);
    const own = box.view.exec(['/bin/grep', 'Cpus_allowed_list', '/proc/self/status']).stdout;
    const list = JSON.parse(done.stdout).status.match(/Cpus_allowed_list:\t(.*)/)[1];
    if (disagrees('runc 1.1', 'leaves the container on the CPUs of the runtime')) expect(list).toBe('0');
    else expect(own).toContain(`\t${list}\n`);
  });
});
