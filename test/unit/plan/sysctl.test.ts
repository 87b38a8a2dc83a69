// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { sysctlPath } from '../../../src/plan/sysctl.ts';
import { operations, planFor, stepsOf } from '../../helpers/plan.ts';

describe('sysctls', () => {
  it.each([
    ['net.ipv4.ip_forward', 'net/ipv4/ip_forward'],
    ['net/ipv4/ip_forward', 'net/ipv4/ip_forward'],
    ['net.ipv4.conf.eth0/1.forwarding', 'net/ipv4/conf/eth0.1/forwarding'],
    ['net/ipv4/conf/eth0.1/forwarding', 'net/ipv4/conf/eth0.1/forwarding'],
  ])('finds the file of %s', (key, path) => {
    expect(sysctlPath(key)).toBe(path);
  });

  it.each(['net/../kernel/core_pattern', 'net..x', '/net/x', 'net.ipv4.', '', '.'])('refuses %j', key => {
    expect(() => sysctlPath(key)).toThrowError(
      expect.objectContaining({ code: 'config.sysctl.name', value: key }),
    );
  });

  it('are written before /proc/sys can be made read-only, with an escaped pointer', () => {
    const plan = planFor({
      linux: {
        namespaces: [{ type: 'mount' }],
        sysctl: { 'net.ipv4.conf.eth0/1.forwarding': '1' },
        readonlyPaths: ['/proc/sys'],
      },
    });
    expect(stepsOf(plan, 'setSysctl')).toEqual([
      {
        op: 'setSysctl',
        origin: '/linux/sysctl/net.ipv4.conf.eth0~11.forwarding',
        path: 'net/ipv4/conf/eth0.1/forwarding',
        value: '1',
      },
    ]);
    expect(operations(plan).indexOf('setSysctl')).toBeLessThan(operations(plan).indexOf('readonlyPath'));
  });
});

describe('restricted paths', () => {
  it('are read-only first and masked on top, each path once', () => {
    const plan = planFor({
      linux: {
        namespaces: [{ type: 'mount' }],
        maskedPaths: ['/proc/kcore', '/proc/./kcore', '/sys/firmware'],
        readonlyPaths: ['/proc/sys', '/proc/bus/'],
      },
    });
    expect(stepsOf(plan, 'readonlyPath', 'maskPath').map(step => [step.op, step.path, step.origin])).toEqual([
      ['readonlyPath', '/proc/sys', '/linux/readonlyPaths/0'],
      ['readonlyPath', '/proc/bus', '/linux/readonlyPaths/1'],
      ['maskPath', '/proc/kcore', '/linux/maskedPaths/0'],
      ['maskPath', '/sys/firmware', '/linux/maskedPaths/2'],
    ]);
  });
});
