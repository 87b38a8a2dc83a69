// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, type TestContext, test } from 'vitest';
import type { ContainerEvent, ContainerStats } from '../../src/oci/stats.ts';
import { missing, requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';
import { processState } from '../helpers/traces.ts';

const parse = (text: string): ContainerEvent[] =>
  text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as ContainerEvent);

/** Whether the process sleeps and holds a descriptor of another process. */
function waitsWithPidfd(pid: number): boolean {
  const held = readdirSync(`/proc/${pid}/fd`).map(fd => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return processState(pid) === 'S' && held.some(target => /\[pidfd\]|^pidfd:/.test(target));
}

describe.skipIf(requires('root', 'busybox', 'cgroup2'))('events', () => {
  const box = sandbox();

  /** Matches what is printed for the controllers that the container does not have. */
  const warning = (id: string): RegExp => {
    const controllers = box.view.sh(`cat /sys/fs/cgroup/${id}/cgroup.controllers`).trim().split(' ');
    const lacks = ['memory', 'io'].filter(controller => !controllers.includes(controller));
    // A missing file yields no number, which differs from 0.
    if (!isTsubo || lacks.length === 0) return /^$/;
    return new RegExp(`^time=\\S+ level=warning msg="[^"]* ${lacks.join(' and ')}: its numbers are 0"\\n$`);
  };

  const stats = (id: string): ContainerStats => {
    const { stdout, stderr } = box.must(['events', '--stats', id]);
    expect(stderr).toMatch(warning(id));
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
    await until('three reports have arrived', () => parse(watching.stdout()).length >= 3);
    const printed = warning(bundle.id);
    box.must(['kill', bundle.id, 'KILL']);
    expect((await watching.ended).status).toBe(0);
    expect(watching.stderr()).toMatch(printed);
    const all = parse(watching.stdout());
    expect(all.every(({ type, id }) => type === 'stats' && id === bundle.id)).toBe(true);
  });

  // The interval is longer than the test: a report during the test would be too early.
  test.skipIf(!isTsubo)('print nothing before the first interval is over', async () => {
    const bundle = box.running();
    const watching = box.spawn(['events', '--interval', '1h', bundle.id]);
    await until('it watches the init', () => waitsWithPidfd(watching.child.pid as number));
    box.must(['kill', bundle.id, 'KILL']);
    expect(await watching.ended).toMatchObject({ status: 0 });
    expect(watching.stdout()).toBe('');
    expect(watching.stderr()).toBe('');
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
      box.view.sh('mkfifo "$1"', join(made.rootfs, 'go'));
      made.shell('read go </go; busybox tail /dev/zero; sleep 1000');
      made.config.linux.resources = { memory: { limit, swap: limit } };
    });
    const watching = box.spawn(['events', '--interval', '200ms', bundle.id]);
    box.must(['start', bundle.id]);
    await until('it watches', () => parse(watching.stdout()).length > 0);
    box.view.sh('echo >"$1"', join(bundle.rootfs, 'go'));
    await until('the kernel has killed', () => parse(watching.stdout()).some(({ type }) => type === 'oom'));
    box.must(['kill', bundle.id, 'KILL']);
    expect((await watching.ended).status).toBe(0);
    const first = parse(watching.stdout()).find(event => event.type === 'stats');
    expect(first?.type === 'stats' && first.data.memory.usage.limit).toBe(limit);
  });
});
