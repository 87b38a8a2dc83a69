// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

const mega = 1048576;

describe.skipIf(requires('root', 'busybox', 'cgroup2'))('update', () => {
  const box = sandbox();
  const limited = (resources: Record<string, unknown>) => (made: Bundle) => {
    made.config.linux.cgroupsPath = `/${made.id}`;
    made.config.linux.resources = resources;
  };
  const value = ({ id }: Bundle, file: string): string =>
    readFileSync(box.view.path(`/sys/fs/cgroup/${id}/${file}`), 'utf8').trimEnd();
  const update = ({ id }: Bundle, ...options: string[]) => box.must(['update', ...options, id]);
  const updateFrom = ({ id }: Bundle, resources: unknown) =>
    box.must(['update', '--resources', '-', id], { input: JSON.stringify(resources) });

  describe.skipIf(requires('cgroup2:hugetlb'))('of huge pages', () => {
    const pages = (limit: number) => ({ hugepageLimits: [{ pageSize: '2MB', limit: limit * mega }] });

    test('works on a created and on a running container', context => {
      skipWhere(context, 'runc', 'does not update the limits of huge pages');
      const bundle = box.created(limited(pages(4)));
      updateFrom(bundle, pages(6));
      expect(value(bundle, 'hugetlb.2MB.max')).toBe(`${6 * mega}`);
      box.must(['start', bundle.id]);
      updateFrom(bundle, pages(8));
      expect(value(bundle, 'hugetlb.2MB.max')).toBe(`${8 * mega}`);
      expect(box.state(bundle.id).status).toBe('running');
    });

    test('is read from a file too, also by the name of the control file', () => {
      const bundle = box.running(limited(pages(4)));
      const file = box.fresh('limits');
      writeFileSync(file, JSON.stringify({ unified: { 'hugetlb.2MB.max': `${10 * mega}` } }));
      update(bundle, '-r', file);
      expect(value(bundle, 'hugetlb.2MB.max')).toBe(`${10 * mega}`);
    });

    test('restores the values it has written if a later value is refused', context => {
      skipWhere(context, 'runc', 'writes the values of unified in any order');
      const bundle = box.running(limited(pages(4)));
      const unified = { 'hugetlb.2MB.max': `${10 * mega}`, 'cgroup.max.depth': 'deep' };
      const failure = box.fails(['update', '--resources', '-', bundle.id], {
        input: JSON.stringify({ unified }),
      });
      expect(failure.message).toContain('cgroup.max.depth');
      expect(value(bundle, 'hugetlb.2MB.max')).toBe(`${4 * mega}`);
    });
  });

  test('of a paused container works, and the container remains paused', () => {
    const bundle = box.running(limited({}));
    const freeze = box.view.path(`/sys/fs/cgroup/${bundle.id}/cgroup.freeze`);
    writeFileSync(freeze, '1');
    updateFrom(bundle, { unified: { 'cgroup.max.depth': '5' } });
    expect(value(bundle, 'cgroup.max.depth')).toBe('5');
    expect(value(bundle, 'cgroup.freeze')).toBe('1');
    writeFileSync(freeze, '0');
  });

  test('without a value changes nothing', () => {
    const bundle = box.running(limited({ unified: { 'cgroup.max.depth': '3' } }));
    update(bundle);
    updateFrom(bundle, {
      memory: { limit: 0, swap: 0, reservation: 0, kernel: 0 },
      cpu: { shares: 0, quota: 0, period: 0 },
      blockIO: { weight: 0 },
    });
    expect(value(bundle, 'cgroup.max.depth')).toBe('3');
  });

  test('of a stopped container is refused', async () => {
    const bundle = await box.stopped();
    const failure = box.fails(['update', '--resources', '-', bundle.id], { input: '{}' });
    expect(failure.status).toBe(1);
    if (!disagrees('runc 1.1', 'fails at the missing control files')) {
      expect(failure.message).toContain('container not running');
    }
  });

  test('of an unknown container is refused', () => {
    box.failsWith(
      ['update', '--pids-limit', '3', `${box.name}-none`],
      'container does not exist',
      'state.not-found',
    );
  });

  test.for<[string, string, string]>([
    ['--memory', 'lots', 'invalid value for memory'],
    ['--cpu-period', '-5', 'invalid value for cpu-period'],
    ['--cpu-idle', 'x', 'invalid value for cpu-idle'],
  ])('%s %s is refused', ([option, text, message], context) => {
    if (option === '--cpu-idle') skipWhere(context, 'runc 1.1', 'has no such option');
    const bundle = box.running();
    const words = isTsubo ? `invalid value "${text}" for ${option}` : message;
    box.failsWith(['update', option, text, bundle.id], words, 'usage.bad-value');
  });

  test('with an invalid document is refused, with the line', context => {
    context.skip(!isTsubo, 'runc reports no line');
    const bundle = box.running();
    const failure = box.fails(['update', '--resources', '-', bundle.id], {
      input: '{\n  "cpu": {\n    "cpus": "3-1"\n  }\n}',
    });
    expect(failure.record).toMatchObject({
      code: 'config.resources.cpuset',
      pointer: '/cpu/cpus',
      document: 'standard input',
      line: 3,
    });
    expect(failure.message).toMatch(/ \(standard input:3:13 \/cpu\/cpus\)$/);
  });

  test('that is refused names the option or the document with the value', context => {
    context.skip(!isTsubo, 'runc reports no place');
    const bundle = box.running();
    const place = (args: string[], input = '') => {
      const { message } = box.fails(['update', ...args, bundle.id], { input });
      expect(message).not.toContain('config.json');
      return /^(.*?)(?: at line [^(]*)?(?: \(([^()]*)\))?$/.exec(message)?.slice(1);
    };
    expect(place(['--cpuset-cpus', '3-1'])?.[1]).toBe('--cpuset-cpus');
    expect(place(['--blkio-weight', '5'])?.[1]).toBe('--blkio-weight');
    const file = box.fresh('limits.json');
    writeFileSync(file, '{"cpu": {"cpus": "3-1"}}');
    expect(place(['--resources', file])?.[1]).toBe(`${file}:1:18 /cpu/cpus`);
    writeFileSync(file, '{bad');
    expect(place(['--resources', file])?.[0]).toBe(`${file} is not valid JSON`);
    expect(place(['--resources', '-'], '{bad')?.[0]).toBe('standard input is not valid JSON');
    expect(place(['--resources', '-'], '[]')?.[0]).toBe('the resources must be an object, not a list');
    expect(place(['--resources', '-'], '{"memory":{"limit":"x"}}')?.[1]).toBe(
      'standard input:1:20 /memory/limit',
    );
  });

  describe.skipIf(requires('cgroup2:cpu'))('of cpu', () => {
    test('keeps the stored quota or period if only the other is given', () => {
      const bundle = box.running(limited({ cpu: { quota: 500000, period: 1000000, shares: 100 } }));
      update(bundle, '--cpu-period', '900000');
      expect(value(bundle, 'cpu.max')).toBe('500000 900000');
      update(bundle, '--cpu-quota', '600000');
      expect(value(bundle, 'cpu.max')).toBe('600000 900000');
      update(bundle, '--cpu-quota', '-1');
      expect(value(bundle, 'cpu.max')).toBe('max 900000');
    });

    test.skipIf(requires('kernel:5.14'))('raises and lowers quota and burst together', context => {
      skipWhere(context, 'runc 1.1', 'has no burst');
      const bundle = box.running(limited({ cpu: { quota: 50000, burst: 40000 } }));
      update(bundle, '--cpu-quota', '20000', '--cpu-burst', '10000');
      expect([value(bundle, 'cpu.max'), value(bundle, 'cpu.max.burst')]).toEqual(['20000 100000', '10000']);
      update(bundle, '--cpu-quota', '90000', '--cpu-burst', '90000');
      expect([value(bundle, 'cpu.max'), value(bundle, 'cpu.max.burst')]).toEqual(['90000 100000', '90000']);
    });

    test.skipIf(requires('kernel:5.15'))('sets and clears idle', context => {
      skipWhere(context, 'runc 1.1', 'has no idle');
      const bundle = box.running(limited({ cpu: { shares: 2048 } }));
      update(bundle, '--cpu-idle', '1');
      expect(value(bundle, 'cpu.idle')).toBe('1');
      update(bundle, '--cpu-period', '200000');
      expect(value(bundle, 'cpu.idle')).toBe('1');
      update(bundle, '--cpu-idle', '0');
      expect(value(bundle, 'cpu.idle')).toBe('0');
    });

    test.skipIf(requires('kernel:5.15'))('sets and clears idle by the names of control files', context => {
      skipWhere(
        context,
        'runc',
        "writes a weight that the kernel then refuses, where the files are not systemd's",
      );
      const bundle = box.running();
      const unified = (files: Record<string, string>) =>
        box.must(['update', '--resources', '-', bundle.id], { input: JSON.stringify({ unified: files }) });
      const both = unified({ 'cpu.weight': '8', 'cpu.idle': '1' });
      expect(both.stderr).toContain('unable to apply both');
      expect(value(bundle, 'cpu.idle')).toBe('1');
      unified({ 'cpu.weight': '8' });
      expect([value(bundle, 'cpu.idle'), value(bundle, 'cpu.weight')]).toEqual(['0', '8']);
    });
  });

  describe.skipIf(requires('cgroup2:memory'))('of memory', () => {
    test('counts swap in addition to the limit', () => {
      const bundle = box.running(limited({ memory: { limit: 32 * mega, swap: 64 * mega } }));
      update(bundle, '--memory', '30M', '--memory-swap', '50M');
      expect([value(bundle, 'memory.max'), value(bundle, 'memory.swap.max')]).toEqual([
        `${30 * mega}`,
        `${20 * mega}`,
      ]);
      update(bundle, '--memory', '60M', '--memory-swap', '80M');
      expect([value(bundle, 'memory.max'), value(bundle, 'memory.swap.max')]).toEqual([
        `${60 * mega}`,
        `${20 * mega}`,
      ]);
      update(bundle, '--memory', '-1');
      expect([value(bundle, 'memory.max'), value(bundle, 'memory.swap.max')]).toEqual(['max', 'max']);
    });

    test('goes from a limit to none and back, with the limit of swap before it or after', () => {
      const bundle = box.running(limited({ memory: { limit: 32 * mega, swap: 64 * mega } }));
      const after = (...options: string[]) => {
        update(bundle, ...options);
        return [value(bundle, 'memory.max'), value(bundle, 'memory.swap.max')];
      };
      const megabytes = (memory: number, swap: number) => [`${memory * mega}`, `${swap * mega}`];
      expect(after('--memory', '-1', '--memory-swap', '-1')).toEqual(['max', 'max']);
      expect(after('--memory', '32M', '--memory-swap', '64M')).toEqual(megabytes(32, 32));
      expect(after('--memory-swap', '100M')).toEqual(megabytes(32, 68));
      expect(after('--memory', '80M')).toEqual(megabytes(80, 20));
      expect(after('--memory', '-1')).toEqual(['max', 'max']);
      expect(after('--memory', '40M')).toEqual([`${40 * mega}`, 'max']);
      expect(after('--memory-swap', '50M')).toEqual(megabytes(40, 10));
      expect(after('--memory-swap', '-1')).toEqual([`${40 * mega}`, 'max']);
    });

    test('is refused below the usage if checkBeforeUpdate is set', () => {
      const bundle = box.running(limited({ memory: { limit: 32 * mega } }));
      const failure = box.fails(['update', '--resources', '-', bundle.id], {
        input: JSON.stringify({ memory: { limit: 1024, checkBeforeUpdate: true } }),
      });
      expect(failure.message).toContain('rejecting memory limit');
      expect(value(bundle, 'memory.max')).toBe(`${32 * mega}`);
    });
  });

  describe.skipIf(requires('cgroup2:pids'))('of pids', () => {
    test('sets the limit, removes it with -1, and sets 1 for 0', () => {
      const bundle = box.running(limited({ pids: { limit: 20 } }));
      update(bundle, '--pids-limit', '12345');
      expect(value(bundle, 'pids.max')).toBe('12345');
      update(bundle, '--pids-limit', '-1');
      expect(value(bundle, 'pids.max')).toBe('max');
      const ignoresZero = 'treats 0 like an absent value';
      if (disagrees('runc 1.1', ignoresZero) || disagrees('runc 1.3', ignoresZero)) return;
      update(bundle, '--pids-limit', '0');
      expect(value(bundle, 'pids.max')).toBe('1');
    });
  });
});
