// SPDX-License-Identifier: Apache-2.0
import { copyFileSync, existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import type { TestDeviceRule } from '../helpers/config.ts';
import { helperProgram } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';

/** Opening one of these has no effect, with or without a driver. */
const nodes = [
  'c:1:3',
  'c:1:5',
  'c:1:7',
  'c:1:9',
  'c:5:0',
  'c:5:2',
  'c:10:200',
  'c:10:229',
  'c:240:0',
  'c:240:1',
  'c:241:0',
  'b:7:200',
  'b:240:0',
  'b:241:1',
] as const;

const EPERM = 1;

describe.skipIf(requires('root', 'busybox', 'cgroup2', 'capability:MKNOD'))('device rules', () => {
  const box = sandbox();

  /** Installs the program and nodes of all devices, and grants CAP_MKNOD. */
  const prepare = (made: Bundle, rules: readonly TestDeviceRule[] | undefined): void => {
    copyFileSync(helperProgram('devices'), made.inRoot('bin/devices'));
    const makeAll = nodes.map(node => `mknod ${node} ${node.replaceAll(':', ' ')}`).join('\n');
    box.view.sh(`mkdir -p "$1" && cd "$1"\n${makeAll}`, made.inRoot('nodes'));
    const { capabilities } = made.config.process;
    for (const set of ['bounding', 'effective', 'permitted'] as const) capabilities?.[set]?.push('CAP_MKNOD');
    made.config.process.args = ['/bin/devices', ...nodes.map(node => `/nodes/${node}`)];
    if (rules !== undefined) made.config.linux.resources = { devices: rules };
  };

  /** The refused accesses of each node, from `mrwb` (b: read and write at once); `-` if all are allowed. */
  const refused = (text: string): Record<string, string> =>
    Object.fromEntries(
      text
        .trim()
        .split('\n')
        .map(line => {
          const [path = '', ...numbers] = line.split(' ');
          const letters = numbers.map((number, i) => (Number(number) === EPERM ? 'mrwb'[i] : '')).join('');
          return [path.replace('/nodes/', ''), letters || '-'];
        }),
    );

  const table = (rules?: readonly TestDeviceRule[]): Record<string, string> => {
    const bundle = box.bundle(made => prepare(made, rules));
    const done = box.run(bundle);
    expect(done).toMatchObject({ status: 0, stderr: '' });
    return refused(done.stdout);
  };

  /** Expects the default for all nodes that are not listed. */
  const defaults = (others: Record<string, string> = {}): Record<string, string> => {
    const usual = new Set(['c:1:3', 'c:1:5', 'c:1:7', 'c:1:9', 'c:5:0', 'c:5:2', 'c:10:200']);
    return Object.fromEntries(nodes.map(node => [node, others[node] ?? (usual.has(node) ? '-' : 'rwb')]));
  };

  const all = { allow: false, access: 'rwm' } as const;

  test('allow the usual devices and mknod of every device when the config has none', () => {
    expect(table()).toEqual(defaults());
  });

  test.each<[string, readonly TestDeviceRule[], Record<string, string>]>([
    ['the rules of spec', [all], {}],
    [
      'reading, writing and both are decided separately',
      [
        all,
        { allow: true, type: 'c', major: 240, minor: 0, access: 'r' },
        { allow: true, type: 'c', major: 240, minor: 1, access: 'w' },
        { allow: true, type: 'c', major: 241, minor: 0, access: 'rw' },
        { allow: true, type: 'b', major: 240, access: 'rwm' },
      ],
      { 'c:240:0': 'wb', 'c:240:1': 'rb', 'c:241:0': '-', 'b:240:0': '-' },
    ],
    [
      'any number',
      [all, { allow: true, type: 'b', access: 'r' }, { allow: true, type: 'c', minor: 1, access: 'rwm' }],
      { 'b:7:200': 'wb', 'b:240:0': 'wb', 'b:241:1': 'wb', 'c:240:1': '-' },
    ],
    [
      'deny after allow',
      [
        all,
        { allow: true, type: 'c', major: 240, minor: 0, access: 'rwm' },
        { allow: true, type: 'c', major: 241, minor: 0, access: 'rwm' },
        { allow: false, type: 'c', major: 240, minor: 0, access: 'w' },
      ],
      { 'c:240:0': 'wb', 'c:241:0': '-' },
    ],
    [
      'a rule for all devices overrides the earlier ones',
      [{ allow: true, type: 'c', major: 240, minor: 0, access: 'rwm' }, all],
      {},
    ],
    [
      'all except some',
      [
        { allow: true, access: 'rwm' },
        { allow: false, type: 'b', major: 240, minor: 0, access: 'w' },
      ],
      { ...Object.fromEntries(nodes.map(node => [node, '-'])), 'b:240:0': 'wb' },
    ],
    ['all', [all, { allow: true, access: 'rwm' }], Object.fromEntries(nodes.map(node => [node, '-']))],
  ])('%s', (name, rules, others) => {
    const expected = defaults(others);
    const looser =
      name === 'all except some' &&
      disagrees('runc', 'allows opening for reading and writing if only writing is denied');
    expect(table(rules)).toEqual(looser ? { ...expected, 'b:240:0': 'w' } : expected);
  });

  test('ignore letters that stand for no access, beside valid ones', () => {
    const bundle = box.bundle(made =>
      prepare(made, [
        all,
        { allow: true, type: 'c', major: 240, minor: 0, access: 'ra' },
        { allow: true, type: 'c', major: 240, minor: 1, access: 'rw' },
        { allow: false, type: 'c', major: 240, minor: 1, access: 'wx' },
      ]),
    );
    const done = box.run(bundle);
    expect(done.status).toBe(0);
    expect(refused(done.stdout)).toEqual(defaults({ 'c:240:0': 'wb', 'c:240:1': 'wb' }));
    if (isTsubo) expect(done.stderr).toContain('/linux/resources/devices/3/access');
  });

  test('apply to executed programs, and below the cgroup of the container', () => {
    const bundle = box.running(made => {
      prepare(made, [all]);
      made.config.process.args = ['/bin/sleep', '1000'];
    });
    const done = box.must(['exec', bundle.id, '/bin/devices', '/nodes/c:240:0', '/nodes/c:1:3']);
    expect(refused(done.stdout)).toEqual({ 'c:240:0': 'rwb', 'c:1:3': '-' });
  });

  test('are replaced by an update with rules, and kept by other updates', context => {
    skipWhere(context, 'runc', 'does not update device rules');
    const bundle = box.running(made => {
      prepare(made, [all]);
      made.config.process.args = ['/bin/sleep', '1000'];
    });
    const nodes = ['c:240:0', 'c:240:1', 'b:240:0', 'c:1:3'];
    const found = () => {
      const paths = nodes.map(node => `/nodes/${node}`);
      return Object.values(refused(box.must(['exec', bundle.id, '/bin/devices', ...paths]).stdout));
    };
    const update = (resources: object) =>
      box.must(['update', '--resources', '-', bundle.id], { input: JSON.stringify(resources) });
    expect(found()).toEqual(['rwb', 'rwb', 'rwb', '-']);
    update({ devices: [all, { allow: true, type: 'c', major: 240, minor: 0, access: 'rw' }] });
    expect(found()).toEqual(['-', 'rwb', 'rwb', '-']);
    update({ unified: { 'cgroup.max.depth': '5' } });
    expect(found()).toEqual(['-', 'rwb', 'rwb', '-']);
    const failure = box.fails(['update', '--resources', '-', bundle.id], {
      input: JSON.stringify({
        devices: [{ allow: true, access: 'rwm' }],
        unified: { 'cgroup.max.depth': 'deep' },
      }),
    });
    expect(failure.message).toContain('cgroup.max.depth');
    expect(found()).toEqual(['-', 'rwb', 'rwb', '-']);
    update({ devices: [all, { allow: true, type: 'c', major: 240, minor: 1, access: 'r' }] });
    expect(found()).toEqual(['rwb', 'wb', 'rwb', '-']);
    update({ devices: [{ allow: true, access: 'rwm' }] });
    expect(found()).toEqual(['-', '-', '-', '-']);
    // One program is attached, not several that must all agree.
    update({ devices: [all] });
    expect(found()).toEqual(['rwb', 'rwb', 'rwb', '-']);
  });

  test('change without a moment in which everything or nothing is allowed', async context => {
    skipWhere(context, 'runc', 'does not update device rules');
    const script = [
      'while :; do',
      '  true </nodes/c:1:3 || echo null is denied >>/found',
      '  cat /nodes/c:240:0 2>&1 | grep -q permitted || echo 240 is allowed >>/found',
      '  echo . >>/rounds',
      'done 2>/dev/null',
    ];
    const bundle = box.running(made => {
      prepare(made, [all]);
      made.shell(script.join('\n'));
    });
    const rounds = () => box.view.sh('wc -l <"$1" || echo 0', bundle.inRoot('rounds'));
    const rule = (minor: number) => ({ allow: true, type: 'c', major: 241, minor, access: 'rwm' });
    for (const minor of [1, 2, 3, 4, 5, 6]) {
      const before = Number(rounds());
      box.must(['update', '--resources', '-', bundle.id], {
        input: JSON.stringify({ devices: [all, rule(minor)] }),
      });
      await until('it has looked again', () => Number(rounds()) > before + 2);
    }
    expect(existsSync(bundle.inRoot('found'))).toBe(false);
  });

  test('of an invalid update are refused with their place', context => {
    skipWhere(context, 'runc', 'does not update device rules');
    const bundle = box.created();
    const failure = box.fails(['update', '--resources', '-', bundle.id], {
      input: JSON.stringify({ devices: [all, { allow: true, type: 'x', access: 'r' }] }),
    });
    expect(failure.message).toContain('type');
    expect(failure.record.pointer).toBe('/devices/1/type');
  });

  test('apply to a created container, and in its hooks', () => {
    const bundle = box.bundle(made => {
      prepare(made, [all]);
      const cat = { path: '/bin/busybox', args: ['sh', '-c', 'cat /nodes/c:240:0 2>/tmp/hook || true'] };
      made.config.hooks = { startContainer: [cat] };
    });
    box.create(bundle);
    box.must(['start', bundle.id]);
    expect(box.view.sh('cat "$1"', bundle.inRoot('tmp/hook'))).toContain('Operation not permitted');
  });

  test('do not depend on the devices of the config, which are made anyway', () => {
    const bundle = box.bundle(made => {
      prepare(made, [all]);
      made.config.linux.devices = [{ path: '/dev/mine', type: 'c', major: 240, minor: 0 }];
      made.config.process.args = ['/bin/devices', '/dev/mine'];
    });
    expect(box.run(bundle).stdout).toMatch(/^\/dev\/mine 0 1 1 1$/m);
  });

  test('do not apply to the mounts of the config: a denied disk can be mounted', () => {
    const disk = box.mkdir('disk');
    box.view.sh('mknod "$1/node" b 240 0', disk);
    const bundle = box.bundle(made => {
      prepare(made, [all]);
      made.config.mounts.push({ destination: '/mnt', type: 'ext2', source: `${disk}/node`, options: ['ro'] });
    });
    // This disk does not exist; device rules would have been checked before that.
    const failure = box.refuses(bundle);
    expect(failure.message).not.toContain('operation not permitted');
    expect(failure.message).toContain('/mnt');
  });

  test.each<[string, readonly TestDeviceRule[], string, string]>([
    [
      'a hole in a wildcard',
      [
        all,
        { allow: true, type: 'c', major: 240, access: 'rwm' },
        { allow: false, type: 'c', major: 240, minor: 1, access: 'w' },
      ],
      'hole in',
      '/linux/resources/devices/2',
    ],
    [
      'no access',
      [all, { allow: true, type: 'c', major: 1, minor: 5 }],
      'cannot be empty',
      '/linux/resources/devices/1',
    ],
    ['an unknown type', [{ allow: true, type: 'x', access: 'r' }], 'type', '/linux/resources/devices/0/type'],
  ])('are refused: %s', (_, rules, words, pointer) => {
    const bundle = box.bundle(made => prepare(made, rules));
    const failure = box.refuses(bundle);
    expect(failure.message).toContain(words);
    if (isTsubo) expect(failure.record.pointer).toBe(pointer);
  });
});
