// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import type { TestDeviceRule } from '../helpers/config.ts';
import { requires } from '../helpers/requires.ts';
import { someOfEach } from '../helpers/resources.ts';
import { isTsubo, skipWhere } from '../helpers/runtime.ts';
import { type Sandbox, sandbox, until } from '../helpers/sandbox.ts';
import { show } from '../helpers/systemctl.ts';

const mega = 1024 * 1024;
const wait = ['/bin/sleep', '1000'];

/** `create` with --systemd-cgroup of a container that sleeps. */
function created(box: Sandbox, modify?: (bundle: Bundle) => void): Bundle {
  const bundle = box.bundle(made => {
    made.config.process.args = wait;
    modify?.(made);
  });
  box.must(['--systemd-cgroup', 'create', '--bundle', bundle.dir, bundle.id]);
  return bundle;
}

function cgroupOf(box: Sandbox, id: string): string {
  const text = readFileSync(`/proc/${box.state(id).pid}/cgroup`, 'utf8');
  return /^0::(.*)$/m.exec(text)?.[1] ?? '';
}

function limited(bundle: Bundle): void {
  bundle.config.linux.resources = structuredClone(someOfEach);
}

const limits = [
  ...['MemoryMax', 'MemoryLow', 'MemoryHigh', 'MemorySwapMax', 'TasksMax', 'CPUWeight'],
  ...['CPUQuotaPerSecUSec', 'CPUQuotaPeriodUSec', 'AllowedCPUs', 'AllowedMemoryNodes'],
];
const files = [
  ...['memory.max', 'memory.low', 'memory.high', 'memory.swap.max', 'pids.max', 'cpu.weight', 'cpu.max'],
  ...['cpuset.cpus', 'cpuset.mems', 'hugetlb.2MB.max'],
];

function filesOf(box: Sandbox, id: string): Record<string, string> {
  const directory = `/sys/fs/cgroup${cgroupOf(box, id)}`;
  return Object.fromEntries(
    files
      .filter(name => existsSync(`${directory}/${name}`))
      .map(name => [name, readFileSync(`${directory}/${name}`, 'utf8').trim()]),
  );
}

describe.skipIf(requires('root', 'busybox', 'systemd'))('a container of systemd', () => {
  const box = sandbox();

  test('is a scope in the slice of its path', () => {
    const bundle = created(box, made => {
      made.config.linux.cgroupsPath = `machine.slice:jar:${made.id}`;
    });
    const unit = `jar-${bundle.id}.scope`;
    expect(cgroupOf(box, bundle.id)).toBe(`/machine.slice/${unit}`);
    expect(show(box, unit, 'Slice', 'ActiveState', 'Delegate', 'DefaultDependencies', 'Transient')).toEqual({
      Slice: 'machine.slice',
      ActiveState: 'active',
      Delegate: 'yes',
      DefaultDependencies: 'no',
      Transient: 'yes',
    });
    expect(show(box, unit, 'Description')['Description']).toContain(bundle.id);
    box.must(['delete', '--force', bundle.id]);
    expect(show(box, unit, 'LoadState')['LoadState']).toBe('not-found');
    expect(existsSync(`/sys/fs/cgroup/machine.slice/${unit}`)).toBe(false);
  });

  test('is in system.slice without a path, and named after its id', () => {
    const bundle = created(box);
    expect(cgroupOf(box, bundle.id)).toBe(`/system.slice/runc-${bundle.id}.scope`);
  });

  test('is in a nested slice', () => {
    const bundle = created(box, made => {
      made.config.linux.cgroupsPath = `jar-inner.slice:x:${made.id}`;
    });
    expect(cgroupOf(box, bundle.id)).toBe(`/jar.slice/jar-inner.slice/x-${bundle.id}.scope`);
  });

  test('has its cgroup as the root of its view', () => {
    const bundle = box.bundle(made => made.shell('cat /proc/self/cgroup; ls /sys/fs/cgroup'));
    const done = box.must(['--systemd-cgroup', 'run', '--bundle', bundle.dir, bundle.id]);
    expect(done.stdout).toMatch(/^0::\/\n/);
    expect(done.stdout).toContain('cgroup.events');
    expect(show(box, `runc-${bundle.id}.scope`, 'LoadState')['LoadState']).toBe('not-found');
  });

  test.each([
    ['rw', 1000],
    ['ro', 0],
  ] as const)('belongs to its user when its mount is not read-only: %s', (option, owner) => {
    const bundle = created(box, made => {
      made.config.process.user = { uid: 1000, gid: 1000 };
      made.mount('/sys/fs/cgroup').options = [option, 'nosuid', 'noexec', 'nodev'];
    });
    const owners = ['', '/cgroup.procs', '/cgroup.subtree_control', '/pids.max'].map(
      name => statSync(`/sys/fs/cgroup${cgroupOf(box, bundle.id)}${name}`).uid,
    );
    expect(owners).toEqual([owner, owner, owner, 0]);
  });

  test('contains executed programs in its scope', () => {
    const bundle = created(box);
    box.must(['start', bundle.id]);
    box.must(['exec', bundle.id, '/bin/sh', '-c', 'test "$(cat /proc/self/cgroup)" = 0::/']);
  });

  test('has limits that systemd reports and the control files contain', () => {
    const bundle = created(box, limited);
    const unit = `runc-${bundle.id}.scope`;
    const expected: Record<string, string> = {
      MemoryMax: `${64 * mega}`,
      MemoryLow: `${16 * mega}`,
      MemoryHigh: `${48 * mega}`,
      MemorySwapMax: `${32 * mega}`,
      TasksMax: '42',
      CPUQuotaPerSecUSec: '660ms',
      CPUQuotaPeriodUSec: '50ms',
      AllowedCPUs: '0-1',
      AllowedMemoryNodes: '0',
    };
    expect(show(box, unit, ...limits)).toMatchObject(expected);
    const written = {
      'memory.max': `${64 * mega}`,
      'memory.low': `${16 * mega}`,
      'memory.high': `${48 * mega}`,
      'pids.max': '42',
      'cpu.max': '33000 50000',
      'cpuset.cpus': '0-1',
      'cpuset.mems': '0',
    };
    expect(filesOf(box, bundle.id)).toMatchObject(written);
    // systemd then writes its own values again.
    box.view.sh('systemctl daemon-reload');
    expect(filesOf(box, bundle.id)).toMatchObject(written);
  });

  test('has new limits after an update, in the files and in systemd', () => {
    const bundle = created(box, limited);
    box.must([
      'update',
      '--memory',
      `${80 * mega}`,
      '--memory-swap',
      `${96 * mega}`,
      '--pids-limit',
      '77',
      bundle.id,
    ]);
    expect(show(box, `runc-${bundle.id}.scope`, 'MemoryMax', 'TasksMax')).toEqual({
      MemoryMax: `${80 * mega}`,
      TasksMax: '77',
    });
    expect(filesOf(box, bundle.id)).toMatchObject({ 'memory.max': `${80 * mega}`, 'pids.max': '77' });
    box.view.sh('systemctl daemon-reload');
    expect(filesOf(box, bundle.id)).toMatchObject({ 'memory.max': `${80 * mega}`, 'pids.max': '77' });
  });

  test('has device rules that systemd reports, and keeps them after a reload', () => {
    const fuse = { allow: true, type: 'c', major: 10, minor: 229, access: 'r' };
    const having = (...more: TestDeviceRule[]) =>
      created(box, made => {
        const { capabilities } = made.config.process;
        for (const set of ['bounding', 'effective', 'permitted'] as const)
          capabilities?.[set]?.push('CAP_MKNOD');
        made.config.linux.resources = { devices: [{ allow: false, access: 'rwm' }, ...more] };
      });
    const [allowed, denied] = [having(fuse), having()];
    const opens = ({ id }: Bundle, numbers: string) => {
      const script = `rm -f /node; mknod /node c ${numbers} && : </node`;
      return box.oci(['exec', id, '/bin/busybox', 'sh', '-c', script]).status === 0;
    };
    const all = () => [
      opens(allowed, '1 3'),
      opens(allowed, '10 229'),
      opens(denied, '1 3'),
      opens(denied, '10 229'),
    ];
    const shown = show(box, `runc-${allowed.id}.scope`, 'DevicePolicy', 'DeviceAllow');
    expect(shown['DevicePolicy']).toBe('strict');
    expect(shown['DeviceAllow']).toContain('/dev/char/10:229 r');
    expect(all()).toEqual([true, true, true, false]);
    box.view.sh('systemctl daemon-reload');
    expect(all()).toEqual([true, true, true, false]);
  });

  test('replaces its device rules in an update', context => {
    skipWhere(context, 'runc', 'does not update device rules');
    const denied = { allow: false, access: 'rwm' };
    const fuse = { allow: true, type: 'c', major: 10, minor: 229, access: 'r' };
    const bundle = created(box, made => {
      made.config.linux.resources = { devices: [denied] };
    });
    const updated = (...devices: TestDeviceRule[]) => {
      box.must(['update', '--resources', '-', bundle.id], { input: JSON.stringify({ devices }) });
      const { DevicePolicy = '', DeviceAllow = '' } = show(
        box,
        `runc-${bundle.id}.scope`,
        'DevicePolicy',
        'DeviceAllow',
      );
      return [DevicePolicy, DeviceAllow.includes('10:229 r'), DeviceAllow.includes('1:3 rwm')];
    };
    expect(updated(denied, fuse)).toEqual(['strict', true, true]);
    expect(updated(denied)).toEqual(['strict', false, true]);
    expect(updated({ allow: true, access: 'rwm' })).toEqual(['auto', false, false]);
    expect(updated(denied)).toEqual(['strict', false, true]);
  });

  test('has a quota rounded as in systemd, in the file too', context => {
    skipWhere(context, 'runc 1.1', 'writes another value to the file');
    const bundle = created(box, made => {
      made.config.linux.resources = { cpu: { quota: 500000, period: 900000 } };
    });
    const found = () => {
      const file = readFileSync(`/sys/fs/cgroup${cgroupOf(box, bundle.id)}/cpu.max`, 'utf8').trim();
      return [show(box, `runc-${bundle.id}.scope`, 'CPUQuotaPerSecUSec')['CPUQuotaPerSecUSec'], file];
    };
    expect(found()).toEqual(['560ms', '504000 900000']);
    box.must(['update', '--cpu-quota', '33333', '--cpu-period', '100000', bundle.id]);
    expect(found()).toEqual(['340ms', '34000 100000']);
  });

  test('is idle or has a weight, also by names of files, and systemd agrees', context => {
    skipWhere(context, 'runc 1.1', 'passes systemd no idle');
    const bundle = created(box, made => {
      made.config.linux.resources = { cpu: { shares: 2048 } };
    });
    const updated = (resources: object) => {
      const done = box.must(['update', '--resources', '-', bundle.id], { input: JSON.stringify(resources) });
      const directory = `/sys/fs/cgroup${cgroupOf(box, bundle.id)}`;
      const idle = readFileSync(`${directory}/cpu.idle`, 'utf8').trim();
      const weight = show(box, `runc-${bundle.id}.scope`, 'CPUWeight')['CPUWeight'];
      return [idle, weight, done.stderr.includes('unable to apply both')];
    };
    expect(updated({ cpu: { shares: 200, idle: 1 } })).toEqual(['1', 'idle', true]);
    expect(updated({ cpu: { shares: 1024 } })).toMatchObject(['0', expect.stringMatching(/^\d+$/), false]);
    expect(updated({ unified: { 'cpu.idle': '1', 'cpu.weight': '8' } })).toEqual(['1', 'idle', true]);
    expect(updated({ unified: { 'cpu.weight': '8' } })).toEqual(['0', '8', false]);
  });

  test('has the properties that its annotations set', () => {
    const bundle = created(box, made => {
      made.config.annotations = {
        'org.systemd.property.TimeoutStopSec': '7',
        'org.systemd.property.CollectMode': "'inactive-or-failed'",
      };
    });
    expect(show(box, `runc-${bundle.id}.scope`, 'TimeoutStopUSec', 'CollectMode')).toEqual({
      TimeoutStopUSec: '7s',
      CollectMode: 'inactive-or-failed',
    });
  });

  test('can have the name of a failed unit, but not of an active one', async () => {
    const name = `runc-${box.name}-taken.scope`;
    const background = ['systemd-run', '--scope', '--quiet', `--unit=${name}`];
    box.view.spawn([...background, '-pRuntimeMaxSec=1', 'sleep', '1000']);
    await until('it has failed', () => show(box, name, 'ActiveState')['ActiveState'] === 'failed');
    const bundle = created(box, made => {
      made.config.linux.cgroupsPath = `system.slice:runc:${box.name}-taken`;
    });
    expect(show(box, name, 'ActiveState')['ActiveState']).toBe('active');

    for (const [slice, code, words] of [
      ['system.slice', 'state.cgroup-not-empty', "container's cgroup is not empty"],
      [`${box.name}.slice`, 'host.systemd-unit', name],
    ] as const) {
      const second = box.bundle(made => {
        made.config.linux.cgroupsPath = `${slice}:runc:${box.name}-taken`;
      });
      const failure = box.fails(['--systemd-cgroup', 'create', '--bundle', second.dir, second.id]);
      expect(failure.message).toContain(words);
      if (isTsubo) expect(failure.record).toMatchObject({ code, pointer: '/linux/cgroupsPath' });
      expect(box.state(bundle.id).status).toBe('created');
    }
  });

  test('is deleted even if its scope has failed', async () => {
    const bundle = created(box, made => {
      // The init ignores SIGTERM.
      made.config.annotations = {
        'org.systemd.property.RuntimeMaxUSec': 'uint64 1000000',
        'org.systemd.property.TimeoutStopSec': '1',
      };
    });
    const unit = `runc-${bundle.id}.scope`;
    await until('it has failed', () => show(box, unit, 'ActiveState')['ActiveState'] === 'failed');
    box.must(['delete', '--force', bundle.id]);
    expect(show(box, unit, 'LoadState')['LoadState']).toBe('not-found');
  });

  test('leaves no unit if it cannot be created', () => {
    const bundle = box.bundle(made => {
      made.config.process.args = ['/no/such/program'];
    });
    box.fails(['--systemd-cgroup', 'create', '--bundle', bundle.dir, bundle.id]);
    expect(show(box, `runc-${bundle.id}.scope`, 'LoadState')['LoadState']).toBe('not-found');
  });

  test.each([
    ['/a/path', 'expected cgroupsPath to be of format "slice:prefix:name"'],
    ['a.slice:b', 'expected cgroupsPath to be of format "slice:prefix:name"'],
    ['no-.slice:b:c', 'invalid slice name'],
  ])('is refused with the path %s', (path, text) => {
    const bundle = box.bundle(made => {
      made.config.linux.cgroupsPath = path;
    });
    const failure = box.fails(['--systemd-cgroup', 'create', '--bundle', bundle.dir, bundle.id]);
    expect(failure.message).toContain(text);
    if (isTsubo)
      expect(failure.record).toMatchObject({ code: 'config.cgroups-path', pointer: '/linux/cgroupsPath' });
  });
});

describe.skipIf(requires('root', 'busybox', 'cgroup2', 'other-init'))('without systemd', () => {
  const box = sandbox();

  test('a container with --systemd-cgroup is refused without traces', () => {
    const bundle = box.bundle();
    const before = box.traces();
    const failure = box.fails(['--systemd-cgroup', 'create', '--bundle', bundle.dir, bundle.id]);
    if (isTsubo) expect(failure.record.code).toBe('host.systemd');
    expect(box.traces()).toEqual(before);
  });
});
