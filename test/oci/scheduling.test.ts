// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { parseReport, type Report } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, runs } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

/** These properties came with 1.2 and later: older versions ignore them silently. */
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
  ])('sees the machine of the domain %s', (domain, persona) => {
    const report = box.inside(bundle => {
      bundle.config.linux.personality = { domain };
    });
    expect(report.personality & 0xff).toBe(persona);
  });

  test('runs with personality flags, which are ignored with a warning', () => {
    const bundle = box.bundle(made => {
      made.config.linux.personality = { domain: 'LINUX32', flags: ['ADDR_NO_RANDOMIZE'] };
    });
    const done = box.run(bundle);
    expect(done.status).toBe(0);
    if (isTsubo) expect(done.stderr).toContain('ignoring unsupported personality flags: [ADDR_NO_RANDOMIZE]');
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

  test('are all of its cgroup, even if the runtime is bound to one', () => {
    const bundle = box.bundle();
    const command = box.command('run', '--bundle', bundle.dir, bundle.id);
    const done = box.view.exec(['/usr/bin/taskset', '-c', '0', ...command]);
    const own = box.view.exec(['/bin/grep', 'Cpus_allowed_list', '/proc/self/status']).stdout;
    const list = JSON.parse(done.stdout).status.match(/Cpus_allowed_list:\t(.*)/)[1];
    if (disagrees('runc 1.1', 'leaves the container on the CPUs of the runtime')) expect(list).toBe('0');
    else expect(own).toContain(`\t${list}\n`);
  });
});

describe.skipIf(old || requires('root', 'busybox', 'cgroup2'))(
  'the scheduling of an executed program',
  () => {
    const box = sandbox();
    const executed = (bundle: Bundle, document?: Record<string, unknown>) => {
      if (document === undefined) return parseReport(box.must(['exec', bundle.id, '/bin/inside']).stdout);
      const file = join(box.mkdir('process'), 'process.json');
      writeFileSync(file, JSON.stringify({ args: ['/bin/inside'], cwd: '/', ...document }));
      return parseReport(box.must(['exec', '--process', file, bundle.id]).stdout);
    };
    const cpus = (report: Report) => report.status['Cpus_allowed_list'];

    test('is that of the container unless its document sets another', () => {
      const bundle = box.running(made => {
        made.config.process.scheduler = { policy: 'SCHED_BATCH', nice: 7 };
        made.config.process.ioPriority = { class: 'IOPRIO_CLASS_IDLE', priority: 3 };
        made.config.linux.personality = { domain: 'LINUX32' };
        made.config.linux.memoryPolicy = { mode: 'MPOL_BIND', nodes: '0' };
      });
      for (const report of [executed(bundle), executed(bundle, {})]) {
        expect(report.scheduler.slice(0, 4)).toEqual([3, 0, 7, 0]);
        expect(report.ioPriority).toBe((3 << 13) | 3);
        expect(report.personality & 0xff).toBe(8);
        expect(report.memoryPolicy).toEqual([2, 1]);
      }
      const other = executed(bundle, {
        scheduler: { policy: 'SCHED_OTHER', nice: 1 },
        ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 1 },
      });
      expect(other.scheduler.slice(0, 4)).toEqual([0, 0, 1, 0]);
      expect(other.ioPriority).toBe((2 << 13) | 1);
    });

    test.each<[{ initial?: string; final?: string }, string]>([
      [{ initial: '1' }, '1'],
      [{ final: '0' }, '0'],
      [{ initial: '0', final: '1' }, '1'],
    ])('has the CPUs of %j', (affinity, expected) => {
      const bundle = box.running(made => {
        made.config.process.execCPUAffinity = affinity;
      });
      expect(cpus(executed(bundle))).toBe(expected);
      expect(cpus(executed(bundle, {}))).toBe(expected);
      expect(cpus(executed(box.running(), { execCPUAffinity: affinity }))).toBe(expected);
    });

    test.each([
      ['1', '0x2'],
      ['0-1', '0x3'],
    ])('reports with --debug that it starts on CPUs %s', (initial, mask) => {
      const bundle = box.running(made => {
        made.config.process.execCPUAffinity = { initial };
      });
      const done = box.must(['--debug', 'exec', bundle.id, '/bin/true']);
      expect(done.stderr).toMatch(new RegExp(`nsexec.*: affinity: ${mask}\\b`));
    });

    test('includes all CPUs if the runtime is bound to fewer and none is requested', () => {
      const bundle = box.running();
      const command = box.command('exec', bundle.id, '/bin/inside');
      const done = box.view.exec(['/usr/bin/taskset', '-c', '0', ...command]);
      const own = /Cpus_allowed_list:\t(.*)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
      expect(cpus(parseReport(done.stdout))).toBe(own);
    });

    test.each(['initial', 'final'] as const)('on a missing CPU (%s) is refused at its place', name => {
      const bundle = box.running();
      const file = join(box.mkdir('process'), 'process.json');
      const document = { args: ['/bin/true'], cwd: '/', execCPUAffinity: { [name]: '1023' } };
      writeFileSync(file, JSON.stringify(document));
      const failure = box.fails(['exec', '--process', file, bundle.id]);
      expect(failure.status).toBe(255);
      expect(failure.message).toContain(`error setting ${name} CPU affinity`);
      if (isTsubo) {
        expect(failure.record).toMatchObject({ pointer: `/execCPUAffinity/${name}`, errnoName: 'EINVAL' });
      }
    });
  },
);
