// SPDX-License-Identifier: Apache-2.0
import { describe, expect, type TestContext, test } from 'vitest';
import type { ContainerEvent, ContainerStats } from '../../src/oci/stats.ts';
import { missing, requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';

const parse = (text: string): ContainerEvent[] =>
  text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as ContainerEvent);

describe.skipIf(requires('root', 'busybox', 'cgroup2'))('events', () => {
  const box = sandbox();

  const stats = (id: string): ContainerStats => {
    const { stdout, stderr } = box.must(['events', '--stats', id]);
    const controllers = box.view.sh(`cat /sys/fs/cgroup/${id}/cgroup.controllers`).trim().split(' ');
    const missing = ['memory', 'io'].filter(controller => !controllers.includes(controller));
    // A missing file yields no number, which differs from 0.
    const warned = isTsubo && missing.length > 0;
    if (!warned) expect(stderr).toBe('');
    else
      expect(stderr).toMatch(
        new RegExp(`^time=\\S+ level=warning msg="[^"]* ${missing.join(' and ')}: its numbers are 0"\\n$`),
      );
    expect(stdout).toMatch(/^\{"type":"stats","id":"[^"]+","data":\{"cpu":\{.*\}\}\n$/);
    const [event] = parse(stdout);
    if (event?.type !== 'stats') throw new Error(`no stats: ${stdout}`);
    expect(event.id).toBe(id);
    return event.data;
  };

  test('--stats prints the usage of a container, and ends', async () => {
    const bundle = box.running(made => made.shell('while :; do :; done'));
    const before = stats(bundle.id);
    expect(Object.keys(before)).toEqual([
      'cpu',
      'cpuset',
      'memory',
      'pids',
      'blkio',
      'hugetlb',
      'intel_rdt',
      'network_interfaces',
    ]);
    expect(before.network_interfaces).toBeNull();
    expect(before.intel_rdt).toEqual({});
    expect(before.pids.current).toBe(1);
    expect(Object.keys(before.cpuset)).toHaveLength(9);
    // A busy loop: its usage only grows, in nanoseconds.
    await until('it has used some time', () => {
      const now = stats(bundle.id);
      return Number(now.cpu.usage.total) > Number(before.cpu.usage.total) + 1_000_000;
    });
  });

  test('--stats works on a created and on a paused container', () => {
    const bundle = box.created();
    const { current } = stats(bundle.id).pids;
    if (disagrees('runc', 'has an init of several threads')) expect(current).toBeGreaterThanOrEqual(1);
    else expect(current).toBe(1);
    box.must(['start', bundle.id]);
    box.must(['pause', bundle.id]);
    expect(stats(bundle.id).pids.current).toBe(1);
  });

  const streams = (context: TestContext): void => {
    if (missing('cgroup2:memory') === undefined) return;
    skipWhere(context, 'runc', 'ends at once without a memory controller');
  };

  test('continue until the container has ended', async context => {
    streams(context);
    const bundle = box.running();
    const watching = box.spawn(['events', '--interval', '20ms', bundle.id]);
    await until('a few have come', () => parse(watching.stdout()).length >= 3);
    box.must(['kill', bundle.id, 'KILL']);
    expect((await watching.ended).status).toBe(0);
    const all = parse(watching.stdout());
    expect(all.every(({ type, id }) => type === 'stats' && id === bundle.id)).toBe(true);
  });

  test('print nothing before the first interval is over', async context => {
    streams(context);
    const bundle = box.running();
    const watching = box.spawn(['events', bundle.id]);
    await new Promise(resolve => setTimeout(resolve, 300));
    expect(watching.stdout()).toBe('');
    box.must(['kill', bundle.id, 'KILL']);
    expect(await watching.ended).toMatchObject({ status: 0 });
    expect(watching.stdout()).toBe('');
  });

  test.each([
    ['0s', 'must be greater than 0'],
    ['-1s', 'must be greater than 0'],
    ['soon', 'invalid value "soon" for'],
    ['5', 'invalid value "5" for'],
  ])('refuse the interval %s', (interval, words) => {
    const bundle = box.running();
    const failure = box.fails(['events', `--interval=${interval}`, bundle.id]);
    expect(failure.status).toBe(1);
    expect(failure.message).toContain(words);
  });

  test('are refused for a container that does not run', async () => {
    const bundle = await box.stopped();
    for (const flags of [[], ['--stats']]) {
      const failure = box.fails(['events', ...flags, bundle.id]);
      expect(failure.message).toContain(`container with id ${bundle.id} is not running`);
      if (isTsubo) expect(failure.record.code).toBe('state.not-running');
    }
    expect(box.fails(['events', '--stats', 'missing']).message).toContain('container does not exist');
  });
});

describe.skipIf(requires('root', 'busybox', 'cgroup2:memory'))('events of memory', () => {
  const box = sandbox();
  const limit = 16 << 20;

  test('report an out-of-memory kill, with the counts of the cgroup', async () => {
    const bundle = box.created(made => {
      made.shell('sleep 1; busybox tail /dev/zero; sleep 1000');
      made.config.linux.resources = { memory: { limit, swap: limit } };
    });
    const watching = box.spawn(['events', '--interval', '200ms', bundle.id]);
    box.must(['start', bundle.id]);
    await until(
      'the kernel has killed',
      () => parse(watching.stdout()).some(({ type }) => type === 'oom'),
      30_000,
    );
    box.must(['kill', bundle.id, 'KILL']);
    expect((await watching.ended).status).toBe(0);
    const first = parse(watching.stdout()).find(event => event.type === 'stats');
    expect(first?.type === 'stats' && first.data.memory.usage.limit).toBe(limit);
  });
});
