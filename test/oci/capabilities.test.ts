// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { capabilityNames, ownBoundingSet } from '../helpers/capabilities.ts';
import type { CapabilitySet } from '../helpers/config.ts';
import { parseReport, type Report } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

function sets(report: Report): Record<CapabilitySet, string[]> {
  return {
    bounding: capabilityNames(report.status['CapBnd']),
    effective: capabilityNames(report.status['CapEff']),
    permitted: capabilityNames(report.status['CapPrm']),
    inheritable: capabilityNames(report.status['CapInh']),
    ambient: capabilityNames(report.status['CapAmb']),
  };
}

const noneAtAll = 'treats a process without `capabilities` like one with empty sets';
const none = { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] };

describe.skipIf(requires('root', 'busybox'))('the capabilities of a container', () => {
  const box = sandbox();

  const listed = {
    bounding: ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_RAW'],
    permitted: ['CAP_CHOWN', 'CAP_KILL'],
    effective: ['CAP_CHOWN'],
  };

  test('are the listed sets, and the effective set of root is the permitted set', () => {
    const report = box.inside(bundle => {
      bundle.config.process.capabilities = { ...listed };
    });
    expect(sets(report)).toEqual({ ...none, ...listed, effective: listed.permitted });
  });

  test('of root rise to the bounding set at exec without noNewPrivileges, as the kernel defines', () => {
    const report = box.inside(bundle => {
      bundle.config.process.noNewPrivileges = false;
      bundle.config.process.capabilities = { ...listed };
    });
    const all = listed.bounding;
    expect(sets(report)).toEqual({ ...none, bounding: all, permitted: all, effective: all });
  });

  test('are none when the sets are empty', () => {
    expect(sets(box.inside(bundle => (bundle.config.process.capabilities = {})))).toEqual(none);
  });

  test('are those of the runtime when the config has none', () => {
    const report = box.inside(bundle => {
      delete bundle.config.process.capabilities;
    });
    const all = disagrees('runc 1.1', noneAtAll) ? [] : ownBoundingSet;
    expect(sets(report)).toEqual({ ...none, bounding: all, permitted: all, effective: all });
  });

  test('of another user are empty when the config has none', () => {
    const report = box.inside(bundle => {
      delete bundle.config.process.capabilities;
      bundle.config.process.user = { uid: 1000, gid: 1000 };
    });
    expect(sets(report)).toEqual({
      ...none,
      bounding: disagrees('runc 1.1', noneAtAll) ? [] : ownBoundingSet,
    });
  });

  test('of another user do not survive the exec unless they are ambient', () => {
    const report = box.inside(bundle => {
      bundle.config.process.user = { uid: 1000, gid: 1000 };
      const list = ['CAP_CHOWN', 'CAP_NET_RAW'];
      bundle.config.process.capabilities = { bounding: list, permitted: list, effective: list };
    });
    expect(sets(report)).toEqual({ ...none, bounding: ['CAP_CHOWN', 'CAP_NET_RAW'] });
  });

  test('that are ambient reach the program of another user', () => {
    const report = box.inside(bundle => {
      bundle.config.process.user = { uid: 1000, gid: 1000 };
      const list = ['CAP_CHOWN', 'CAP_NET_RAW'];
      bundle.config.process.capabilities = {
        bounding: list,
        permitted: list,
        effective: list,
        inheritable: list,
        ambient: ['CAP_NET_RAW'],
      };
    });
    expect(sets(report)).toEqual({
      bounding: ['CAP_CHOWN', 'CAP_NET_RAW'],
      inheritable: ['CAP_CHOWN', 'CAP_NET_RAW'],
      permitted: ['CAP_NET_RAW'],
      effective: ['CAP_NET_RAW'],
      ambient: ['CAP_NET_RAW'],
    });
  });

  test('cannot be ambient without being inheritable, and the container starts without them', () => {
    const report = box.inside(bundle => {
      bundle.config.process.user = { uid: 1000, gid: 1000 };
      const list = ['CAP_NET_RAW'];
      bundle.config.process.capabilities = {
        bounding: list,
        permitted: list,
        effective: list,
        ambient: list,
      };
    });
    expect(sets(report)).toEqual({ ...none, bounding: ['CAP_NET_RAW'] });
  });

  test('with unknown names are dropped with a warning', () => {
    const bundle = box.bundle(made => {
      const list = ['CAP_CHOWN', 'CAP_OF_TOMORROW'];
      made.config.process.capabilities = { bounding: list, permitted: list, effective: list };
      made.shell('grep CapBnd /proc/self/status');
    });
    const done = box.run(bundle);
    expect(done.status).toBe(0);
    expect(done.stderr).toContain('CAP_OF_TOMORROW');
    expect(done.stderr).toMatch(/level=warn/);
    expect(capabilityNames(done.stdout.split(/\s+/)[1])).toEqual(['CAP_CHOWN']);
  });

  test('that the runtime lacks are dropped', context => {
    const missing = ['CAP_SYS_RESOURCE', 'CAP_SYS_MODULE', 'CAP_MAC_ADMIN'].find(
      name => !ownBoundingSet.includes(name),
    );
    if (missing === undefined) return context.skip('needs a bounding set that is not full');
    const list = ['CAP_CHOWN', missing];
    const bundle = box.bundle(made => {
      made.config.process.capabilities = { bounding: list, permitted: list, effective: list };
    });
    if (disagrees('runc 1.1', 'fails on a capability that it lacks')) {
      expect(box.refuses(bundle).message).toContain('unable to apply caps: operation not permitted');
    } else {
      const seen = sets(parseReport(box.run(bundle).stdout));
      expect(seen).toMatchObject({ bounding: ['CAP_CHOWN'], effective: ['CAP_CHOWN'] });
    }
  });
});
