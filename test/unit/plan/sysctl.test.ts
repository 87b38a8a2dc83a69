// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Mount } from '../../../src/oci/config.ts';
import { sysctlPath } from '../../../src/plan/sysctl.ts';
import { orderOf, planFor, stepsOf } from '../../helpers/plan.ts';

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

  it('are written before /proc/sys can become readonly, with an escaped pointer', () => {
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
    expect(orderOf(plan, 'setSysctl', 'readonlyPath')).toEqual(['setSysctl', 'readonlyPath']);
  });
});

describe('restricted paths', () => {
  it('are made readonly first and masked on top, each path once', () => {
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

  it.each(['/', '/.', '//', '/..', '/bin/..'])('make the root itself readonly for %s', path => {
    const plan = planFor({ linux: { namespaces: [{ type: 'mount' }], readonlyPaths: ['/data', path] } });
    expect(stepsOf(plan, 'readonlyPath')).toHaveLength(1);
    expect(stepsOf(plan, 'sealRoot')).toEqual([{ op: 'sealRoot', origin: '/linux/readonlyPaths/1' }]);
  });

  it.each<[string, object[], number]>([
    ['no mount of /dev', [], 0],
    ['a tmpfs on /dev', [{ destination: '/dev', type: 'tmpfs', source: 'tmpfs' }], 0],
    ['a /dev that is bound', [{ destination: '/dev/.', type: 'bind', source: '/x', options: ['bind'] }], 1],
    ['a mount on /dev/null', [{ destination: '/dev/null', source: '/x', options: ['bind'] }], 1],
  ])(
    'open the null device of the host before the pivot only if a mount may hide that of the container: %s',
    (_, mounts, count) => {
      const linux = { namespaces: [{ type: 'mount' as const }], maskedPaths: ['/proc/keys'] };
      const plan = planFor({ config: { mounts: mounts as Mount[] }, linux });
      expect(stepsOf(plan, 'keepNullDevice')).toHaveLength(count);
      if (count === 0) return;
      expect(orderOf(plan, 'keepNullDevice', 'pivotRoot')).toEqual(['keepNullDevice', 'pivotRoot']);
    },
  );
});
