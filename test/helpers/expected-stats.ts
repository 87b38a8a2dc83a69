// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

type Numbers = Record<string, number>;

/** The value for `max` in a control file. */
const noLimit = 2 ** 64;

/**
 * The expected output of `events --stats`, computed from the control files of a cgroup. It has the form of cgroup
 * version 1, and most members that are 0 are omitted. Averages of pressure change every second and are not included.
 */
export function expectedStats(directory: string): Record<string, unknown> {
  const text = (name: string): string | undefined =>
    existsSync(join(directory, name)) ? readFileSync(join(directory, name), 'utf8').trim() : undefined;
  const number = (name: string): number => toNumber(text(name) ?? '0');
  const table = (name: string): Numbers =>
    Object.fromEntries(
      (text(name) ?? '')
        .split('\n')
        .map(line => line.split(' '))
        .map(([key = '', value = '0']) => [key, toNumber(value)]),
    );
  const psi = (name: string): Record<string, unknown> => {
    const totals = [...(text(name) ?? '').matchAll(/^(some|full) .* total=(\d+)$/gm)];
    const entries = totals.map(([, kind = '', total]) => [kind, { total: Number(total) }]);
    // Before Linux 5.13 cpu.pressure has no line `full`, which runc reports all the same.
    return entries.length === 0 ? {} : { psi: { full: { total: 0 }, ...Object.fromEntries(entries) } };
  };
  const entry = (limit: number, usage: number, max: number): Record<string, unknown> => ({
    limit,
    ...without0({ usage, max }),
    failcnt: 0,
  });

  const cpu = table('cpu.stat');
  const of = (name: string): number => cpu[name] ?? 0;
  const limit = number('memory.max');
  const swap = number('memory.swap.max');
  const usage = number('memory.current');
  const memory = table('memory.stat');
  const pids = number('pids.max');
  return {
    cpu: {
      usage: {
        ...without0({ total: of('usage_usec') * 1000 }),
        kernel: of('system_usec') * 1000,
        user: of('user_usec') * 1000,
      },
      throttling: without0({
        periods: of('nr_periods'),
        throttledPeriods: of('nr_throttled'),
        throttledTime: of('throttled_usec') * 1000,
      }),
      ...psi('cpu.pressure'),
    },
    cpuset: zeros(),
    memory: {
      ...without0({ cache: memory['file'] ?? 0 }),
      usage: entry(limit, usage, number('memory.peak')),
      swap: entry(
        limit === noLimit || swap === noLimit ? noLimit : limit + swap,
        usage + number('memory.swap.current'),
        0,
      ),
      kernel: { limit: 0, failcnt: 0 },
      kernelTCP: { limit: 0, failcnt: 0 },
      raw: memory,
      ...psi('memory.pressure'),
    },
    pids: without0({ current: number('pids.current'), limit: pids === noLimit ? 0 : pids }),
    blkio: { ...blkio(text('io.stat') ?? ''), ...psi('io.pressure') },
    hugetlb: Object.fromEntries(
      readdirSync(directory)
        .map(name => /^hugetlb\.(\w+)\.current$/.exec(name)?.[1])
        .filter(size => size !== undefined)
        .map(size => [
          size,
          {
            ...without0({ usage: number(`hugetlb.${size}.rsvd.current`) }),
            failcnt: table(`hugetlb.${size}.events`)['max'] ?? 0,
          },
        ]),
    ),
    intel_rdt: {},
    network_interfaces: null,
  };
}

function toNumber(text: string): number {
  return text === 'max' ? noLimit : Number(text);
}

function without0(members: Numbers): Numbers {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== 0));
}

/** Members that only version 1 has. */
function zeros(): Numbers {
  const names = [
    ...['cpu_exclusive', 'mem_hardwall', 'mem_exclusive', 'memory_migrate', 'memory_spread_page'],
    ...['memory_spread_slab', 'memory_pressure', 'sched_load_balance', 'sched_relax_domain_level'],
  ];
  return Object.fromEntries(names.map(name => [name, 0]));
}

function blkio(stat: string): Record<string, unknown[]> {
  const lists: Record<string, unknown[]> = {};
  for (const [, major, minor, fields = ''] of stat.matchAll(/^(\d+):(\d+) (.*)$/gm)) {
    for (const [, operation, kind, value] of fields.matchAll(/\b([rw])(bytes|ios)=(\d+)/g)) {
      const name = kind === 'bytes' ? 'ioServiceBytesRecursive' : 'ioServicedRecursive';
      lists[name] ??= [];
      lists[name].push({
        ...without0({ major: Number(major), minor: Number(minor) }),
        op: operation === 'r' ? 'Read' : 'Write',
        ...without0({ value: Number(value) }),
      });
    }
  }
  return lists;
}

/** A document of `events` without the averages of pressure, each of which must be a number. */
export function withoutAverages(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutAverages);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, member]) => !(/^avg(10|60|300)$/.test(name) && typeof member === 'number'))
      .map(([name, member]) => [name, withoutAverages(member)]),
  );
}
