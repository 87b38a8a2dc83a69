// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodePlan } from '../../src/wire/encode.ts';
import type { Step } from '../../src/wire/steps.ts';

const steps: Step[] = [
  { op: 'resetSignals', mask: 1n << 63n, origin: '' },
  { op: 'openRoot', path: '/rootfs', origin: '/root/path', tree: 0, propagation: 0 },
  {
    op: 'mount',
    fstype: 'tmpfs',
    source: 'tmpfs',
    target: '/dev',
    options: ['mode=755', 'size=65536k'],
    attributes: 2,
    flags: 4,
    origin: '/mounts/1',
  },
  { op: 'setUser', uid: 1000, gid: 1000, groups: [1, 2, 4294967295], keepGroups: 0, origin: '/process/user' },
  { op: 'pivotRoot', origin: '' },
  { op: 'execute', args: ['sh', '-c', 'true'], env: ['PATH=/bin', 'é=ü'], origin: '/process/args' },
];

describe('the plan decoder', () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tsubo-fuzz-'));
    execFileSync('g++', [
      ...['-std=c++20', '-g', '-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-Inative'],
      ...['test/native/plan-fuzz.cc', 'native/wire/plan.cc', '-o', join(directory, 'fuzz')],
    ]);
    writeFileSync(join(directory, 'plan'), encodePlan(steps));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it.each([1, 2, 3, 4])('reads nothing outside a damaged plan (seed %i)', seed => {
    const out = execFileSync(join(directory, 'fuzz'), [join(directory, 'plan'), '200000', String(seed)], {
      encoding: 'utf8',
    });
    const [, accepted, rounds] = /^(\d+) accepted of (\d+)$/m.exec(out) ?? [];
    // Most damage is refused; damage to a number or a letter is not. Both kinds must occur.
    expect(Number(rounds)).toBe(200000);
    expect(Number(accepted)).toBeGreaterThan(1000);
    expect(Number(accepted)).toBeLessThan(100000);
  });
});
