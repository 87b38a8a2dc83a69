// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { controlFiles, differences } from '../helpers/cgroup-files.ts';
import { requires } from '../helpers/requires.ts';
import { someOfEach } from '../helpers/resources.ts';
import { disagrees, installedRunc, isTsubo, runtime } from '../helpers/runtime.ts';
import { type Sandbox, sandbox } from '../helpers/sandbox.ts';
import { show } from '../helpers/systemctl.ts';

const runc = installedRunc() ?? runtime;
const denied = { allow: false, access: 'rwm' };

const configs: readonly [what: string, resources: Record<string, unknown>][] = [
  ['no resources', {}],
  [
    'some limits of each controller',
    {
      ...someOfEach,
      devices: [
        denied,
        { allow: true, type: 'c', major: 10, minor: 229, access: 'r' },
        { allow: true, type: 'b', major: 254, access: 'rw' },
      ],
    },
  ],
  [
    'no limits, and everything allowed',
    {
      memory: { limit: -1, swap: -1 },
      cpu: { quota: -1 },
      pids: { limit: -1 },
      devices: [{ allow: true, access: 'rwm' }],
    },
  ],
];

const updates: readonly string[][] = [
  ['--memory', '80M', '--memory-swap', '96M', '--pids-limit', '77'],
  ['--cpu-quota', '20000', '--cpu-share', '512', '--cpuset-cpus', '1'],
  ['--memory', '-1', '--cpu-quota', '-1', '--pids-limit', '-1', '--blkio-weight', '100'],
];

describe.skipIf(requires('root', 'busybox', 'systemd', 'runc') || !isTsubo)('systemd beside runc', () => {
  const box = sandbox();
  const beside = sandbox('unified', runc);

  const both = (resources: Record<string, unknown>): [Sandbox, Bundle][] =>
    [beside, box].map(each => {
      const bundle = each.bundle(made => {
        made.config.process.args = ['/bin/sleep', '1000'];
        made.config.linux.resources = resources;
      });
      each.must(['--systemd-cgroup', 'create', '--bundle', bundle.dir, bundle.id]);
      return [each, bundle];
    });

  /** Properties with the name of the unit, and properties that change by themselves. */
  const ofTheUnit =
    /^(Id|Names|InvocationID|Description|ControlGroup|ControlGroupId|Transient|FragmentPath|DropInPaths|.*Timestamp.*|.*(Current|Peak|Available|NSec|Bytes|Operations|Events|Killed))$/;

  const [characters = '', blocks = ''] = readFileSync('/proc/devices', 'utf8').split('Block devices:');
  const named = (rules: string): string =>
    rules
      .replace(/^(char|block)-(\d+) /gm, (rule, kind: string, major: string) => {
        const list = kind === 'char' ? characters : blocks;
        const name = new RegExp(`^ *${major} (\\S+)$`, 'm').exec(list)?.[1];
        return name === undefined ? rule : `${kind}-${name} `;
      })
      .split('\n')
      .sort()
      .join('\n');

  const expectTheSame = (containers: readonly [Sandbox, Bundle][]): void => {
    const [ofRunc, ofTsubo] = containers.map(([each, { id }]) => {
      const properties = show(each, `runc-${id}.scope`);
      for (const name of Object.keys(properties)) if (ofTheUnit.test(name)) delete properties[name];
      // runc passes major numbers, tsubo the names of their drivers.
      properties['DeviceAllow'] = named(properties['DeviceAllow'] ?? '');
      const place = /^0::(.*)$/m.exec(readFileSync(`/proc/${each.state(id).pid}/cgroup`, 'utf8'))?.[1];
      return { properties, files: controlFiles(each.view.path(`/sys/fs/cgroup${place}`)) };
    });
    expect(Object.keys(ofTsubo?.properties ?? {})).toContain('DevicePolicy');
    const properties = differences(ofRunc?.properties ?? {}, ofTsubo?.properties ?? {});
    const files = differences(ofRunc?.files ?? {}, ofTsubo?.files ?? {});
    if (disagrees('runc', 'passes systemd no weight for disks', runc)) {
      delete properties['IOWeight'];
      // systemd writes it beside io.bfq.weight.
      if (files['io.bfq.weight'] === undefined) delete files['io.weight'];
    }
    if (disagrees('runc', 'does not pass the default cpu period to systemd', runc)) {
      if (properties['CPUQuotaPeriodUSec']?.join() === 'infinity,100ms')
        delete properties['CPUQuotaPeriodUSec'];
    }
    expect({ properties, files }).toEqual({ properties: {}, files: {} });
  };

  test.each(configs)(
    'every property of the unit and every control file has the same value: %s',
    (_, resources) => {
      expectTheSame(both(resources));
    },
  );

  test('every property and every control file has the same value after each of several updates', () => {
    const containers = both({});
    for (const options of updates) {
      for (const [each, { id }] of containers) each.must(['update', ...options, id]);
      expectTheSame(containers);
    }
  });
});
