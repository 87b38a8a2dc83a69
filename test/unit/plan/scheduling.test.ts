// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { parseNumberList } from '../../../src/oci/number-list.ts';
import { execAffinity } from '../../../src/plan/scheduling.ts';
import { planFor, stepsOf } from '../../helpers/plan.ts';

describe('a list of numbers', () => {
  it.each<[string, readonly bigint[], number]>([
    ['', [], 0],
    ['0-3, 7,,', [0x8fn], 5],
    ['63-64', [1n << 63n, 1n], 2],
  ])('%j is a mask', (text, words, count) => {
    expect(parseNumberList(text)).toEqual({ words, count });
  });

  it.each(['a', '1-', '-1', '3-1', '1-2-3', '0-9876543210', '0x1'])('%j is refused', text => {
    expect(typeof parseNumberList(text)).toBe('string');
  });
});

const process = { args: ['a'], cwd: '/', user: { uid: 0, gid: 0 } };
const affinityOf = (execCPUAffinity?: { initial?: string; final?: string }) =>
  execAffinity({
    process: { ...process, ...(execCPUAffinity !== undefined && { execCPUAffinity }) },
    origin: (...parts) => `/${parts.join('/')}`,
  });

describe('the affinity of exec', () => {
  it('is set before and after the move to the cgroup', () => {
    expect(affinityOf({ initial: '0,9,64', final: '1' })).toEqual({
      initial: {
        mask: Uint8Array.of(1, 2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0),
        cpus: (1n << 64n) | 0x201n,
        origin: '/execCPUAffinity/initial',
      },
      final: [{ op: 'setAffinity', origin: '/execCPUAffinity/final', cpus: [2n] }],
    });
  });

  it('is reset to that of the cgroup only if none is set', () => {
    expect(affinityOf()).toEqual({ final: [{ op: 'setAffinity', origin: '', cpus: [] }] });
    expect(affinityOf({ initial: '0' }).final).toEqual([]);
  });
});

it('maps names to the numbers of the kernel', () => {
  const plan = planFor({
    process: {
      scheduler: { policy: 'SCHED_BATCH', nice: -3, flags: ['SCHED_FLAG_RECLAIM'] },
      ioPriority: { class: 'IOPRIO_CLASS_IDLE' },
    },
    linux: {
      namespaces: [{ type: 'mount' }],
      personality: { domain: 'LINUX32' },
      memoryPolicy: { mode: 'MPOL_BIND', nodes: '1', flags: ['MPOL_F_STATIC_NODES'] },
    },
  });
  expect(
    stepsOf(plan, 'setAffinity', 'setScheduler', 'setIoPriority', 'setPersonality', 'setMemoryPolicy'),
  ).toMatchObject([
    { op: 'setAffinity', cpus: [] },
    { policy: 3, nice: -3, flags: 2 },
    { ioClass: 3, priority: 0 },
    { persona: 8 },
    { mode: 0x8002, nodes: [2n] },
  ]);
});
