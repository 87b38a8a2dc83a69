// SPDX-License-Identifier: Apache-2.0
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { parseReport } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox') || !isTsubo)('the CDI devices of a container', () => {
  const box = sandbox();
  const low = () => join(box.dir, 'etc/cdi');
  const high = () => join(box.dir, 'run/cdi');
  const settings = () => join(box.dir, 'etc/tsubo/tsubo.json');

  // Directories of the view alone: nothing changes in /etc and /run of the machine.
  beforeAll(() => {
    for (const dir of [low(), high(), join(box.dir, 'etc/tsubo')]) mkdirSync(dir, { recursive: true });
    for (const name of ['etc', 'run']) {
      box.view.sh(`mount -t overlay -o "lowerdir=$1:/${name}" overlay /${name}`, join(box.dir, name));
    }
    box.view.sh('mount --bind "$1" /etc/cdi && mount --bind "$2" /run/cdi', low(), high());
    box.view.sh('mount --bind "$1" /etc/tsubo', join(box.dir, 'etc/tsubo'));
  });
  beforeEach(() => {
    for (const dir of [low(), high()]) {
      for (const name of readdirSync(dir)) rmSync(join(dir, name));
    }
    rmSync(settings(), { force: true });
  });

  const spec = (devices: object[], more: object = {}) => ({
    cdiVersion: '0.6.0',
    kind: 'vendor.com/gpu',
    devices,
    ...more,
  });
  const write = (dir: string, name: string, document: object | string): void =>
    writeFileSync(join(dir, name), typeof document === 'string' ? document : JSON.stringify(document));
  const env = (value: string) => ({ env: [`WHO=${value}`] });
  const device = (name: string, containerEdits: object) => ({ name, containerEdits });
  const shell = (script: string, modify: (made: Bundle) => void, ...flags: string[]): string => {
    const bundle = box.bundle(made => {
      made.shell(script);
      modify(made);
    });
    const done = box.run(bundle, {}, ...flags);
    expect(done.stderr).toBe('');
    return done.stdout;
  };
  const refuses = (text: string, code: string, ...flags: string[]) => {
    const failure = box.failsWith(['create', '--bundle', box.bundle().dir, ...flags, 'x'], text, code);
    expect(failure.message).toContain('create failed: ');
    return failure;
  };

  /** A file in the form that the tool of a GPU vendor writes. */
  const vendorYaml = (source: string) => `---
cdiVersion: 0.5.0
kind: vendor.com/gpu
devices:
- name: "0"
  containerEdits:
    deviceNodes:
    - path: /dev/gpu0
      hostPath: /dev/zero
- name: all
  containerEdits:
    deviceNodes:
    - path: /dev/gpu0
      hostPath: /dev/zero
    - path: /dev/gpu1
      hostPath: /dev/full
      fileMode: 384
      permissions: r
containerEdits:
  deviceNodes:
  - path: /dev/gpuctl
    type: c
    major: 1
    minor: 3
  env:
  - VENDOR_VISIBLE_DEVICES=void
  hooks:
  - args:
    - sh
    - -c
    - echo linked >"$0/usr/lib/ld.cache"
    - rootfs
    hookName: createContainer
    path: /bin/false
  mounts:
  - containerPath: /usr/lib/libgpu.so.1
    hostPath: ${source}/note
    options:
    - ro
    - nosuid
    - nodev
    - rbind
    - rprivate
`;

  test('get nodes, mounts, variables and groups from YAML', () => {
    const source = box.source();
    const yaml = vendorYaml(source).replace(/ {2}hooks:[\s\S]*?(?= {2}mounts:)/, '');
    write(low(), 'vendor.yaml', yaml);
    const script =
      'stat -c "%n %t:%T %a" /dev/gpu*; cat /usr/lib/libgpu.so.1; echo; echo $VENDOR_VISIBLE_DEVICES; head -c 3 /dev/gpu0 | wc -c';
    expect(shell(script, () => {}, '--device', 'vendor.com/gpu=0')).toBe(
      '/dev/gpu0 1:5 666\n/dev/gpuctl 1:3 666\nfrom the host\nvoid\n3\n',
    );
    const all = shell(
      'stat -c "%n %t:%T %a" /dev/gpu?; echo x 2>&1 >/dev/gpu1',
      () => {},
      '--device=vendor.com/gpu=all',
    );
    expect(all).toMatch(/^\/dev\/gpu0 1:5 666\n\/dev\/gpu1 1:7 600\n/);
  });

  test('are allowed in the cgroup with their permissions, also after an update', () => {
    write(
      low(),
      'a.json',
      spec([
        device('full', {
          deviceNodes: [{ path: '/dev/blk', hostPath: '/dev/full', type: 'b', major: 7, minor: 9 }],
        }),
        device('read', {
          deviceNodes: [{ path: '/dev/blk', type: 'b', major: 7, minor: 9, permissions: 'r' }],
        }),
      ]),
    );
    const opened = (bundle: Bundle) =>
      box.must(['exec', bundle.id, '/bin/sh', '-c', '(: </dev/blk) 2>&1; (: >/dev/blk) 2>&1; true']).stdout;
    for (const [name, refused] of [
      ['full', 0],
      ['read', 1],
    ] as const) {
      const bundle = box.bundle(made => {
        made.config.process.args = ['/bin/sleep', '1000'];
        made.config.linux.resources = { devices: [{ allow: false, access: 'rwm' }] };
      });
      box.create(bundle, '--device', `vendor.com/gpu=${name}`);
      box.must(['start', bundle.id]);
      // The device has no driver: an open that the rules allow fails with ENXIO.
      const count = () => opened(bundle).split('not permitted').length - 1;
      expect(count()).toBe(refused);
      box.must(['update', '--resources', '-', bundle.id], { input: '{}' });
      expect(count()).toBe(refused);
    }
  });

  test('run the hooks of the vendor', () => {
    const mark = box.fresh('mark');
    const hook = { hookName: 'createRuntime', path: '/bin/sh', args: ['sh', '-c', `cat >${mark}`] };
    write(low(), 'a.json', spec([device('0', { hooks: [hook] })]));
    shell('true', () => {}, '--device', 'vendor.com/gpu=0');
    expect(JSON.parse(readFileSync(mark, 'utf8'))).toMatchObject({ status: 'creating' });
  });

  test('belong to the user of the program, and give it groups', () => {
    write(
      low(),
      'a.json',
      spec(
        [
          device('0', {
            deviceNodes: [
              { path: '/dev/own', hostPath: '/dev/zero' },
              { path: '/dev/vendors', hostPath: '/dev/zero', uid: 5 },
            ],
            additionalGids: [44, 0],
          }),
        ],
        { cdiVersion: '0.7.0' },
      ),
    );
    const out = shell(
      'stat -c "%u:%g" /dev/own /dev/vendors; id -G',
      made => {
        made.config.process.user = { uid: 1000, gid: 1001 };
      },
      '--device',
      'vendor.com/gpu=0',
    );
    expect(out).toBe('1000:1001\n5:1001\n1001 44\n');
  });

  test('replace what the config has at the same place', () => {
    const edits = {
      env: ['A=device'],
      mounts: [{ hostPath: box.source(), containerPath: '/data', options: ['ro', 'bind'] }],
    };
    write(low(), 'a.json', spec([device('0', edits)]));
    const out = shell(
      'echo $A; cat /data/note; touch /data/x 2>/dev/null || echo ro',
      made => {
        made.config.process.env.push('A=config');
        made.config.mounts.push({ destination: '/data', type: 'tmpfs', source: 'tmpfs' });
      },
      '--device',
      'vendor.com/gpu=0',
    );
    expect(out).toBe('device\nfrom the hostro\n');
  });

  test('come from /var/run/cdi before /etc/cdi, each device for itself', () => {
    write(low(), 'a.json', spec([device('0', env('etc')), device('1', env('etc'))]));
    write(high(), 'b.json', spec([device('0', env('run'))]));
    expect(shell('echo $WHO', () => {}, '--device', 'vendor.com/gpu=0')).toBe('run\n');
    expect(shell('echo $WHO', () => {}, '--device', 'vendor.com/gpu=1')).toBe('etc\n');
  });

  test('are refused if two files of one directory define them', () => {
    write(low(), 'a.json', spec([device('0', env('a')), device('1', env('a'))]));
    write(low(), 'b.json', spec([device('0', env('b'))]));
    refuses(
      'vendor.com/gpu=0 is defined twice: in /etc/cdi/a.json and /etc/cdi/b.json',
      'cdi.conflict',
      '--device',
      'vendor.com/gpu=0',
    );
    expect(shell('echo $WHO', () => {}, '--device', 'vendor.com/gpu=1')).toBe('a\n');
  });

  test('apply the edits of a file once for all of its devices', () => {
    const edits = { mounts: [{ hostPath: box.source(), containerPath: '/once' }] };
    write(low(), 'a.json', spec([device('0', env('0')), device('1', env('1'))], { containerEdits: edits }));
    const script = 'grep -c " /once " /proc/self/mountinfo; echo $WHO';
    const out = shell(script, () => {}, '--device', 'vendor.com/gpu=0', '--device', 'vendor.com/gpu=1');
    expect(out).toBe('1\n1\n');
  });

  test.each<[string, string, string, string]>([
    ['/dev/zero', 'invalid CDI device name "/dev/zero"', 'cdi.bad-name', 'linux.devices'],
    ['gpu=0', 'invalid CDI device name', 'cdi.bad-name', 'VENDOR/CLASS=NAME'],
    [
      'vendor.com/gpu=7',
      'unresolvable CDI devices vendor.com/gpu=7',
      'cdi.not-found',
      'these exist: vendor.com/gpu=0',
    ],
    ['other.com/gpu=0', 'unresolvable CDI devices', 'cdi.not-found', 'no file in /etc/cdi or /var/run/cdi'],
    ['vendor.com/gpu=lost', 'needs /dev/no-such, which does not exist', 'cdi.no-device', 'driver'],
    ['vendor.com/gpu=mount', 'no such file or directory', 'container.mount', ''],
  ])('refuse %s', (name, text, code, hint) => {
    write(
      low(),
      'a.json',
      spec([
        device('0', {}),
        device('lost', { deviceNodes: [{ path: '/dev/no-such' }] }),
        device('mount', { mounts: [{ hostPath: '/no/such', containerPath: '/x' }] }),
      ]),
    );
    const { record, message } = refuses(text, code, '--device', name);
    expect(String(record['hint'] ?? '')).toContain(hint);
    // The failure names the device and no line of config.json.
    if (code === 'container.mount') expect(message).toContain('(CDI device vendor.com/gpu=mount)');
    expect(record['line']).toBeUndefined();
  });

  test.each<[string, object | string, string]>([
    ['a.json', '{', 'a.json'],
    ['a.json', { ...spec([]), cdiVersion: '9.0.0' }, 'cdiVersion "9.0.0" is not known'],
    ['a.json', { ...spec([]), kind: 'gpu' }, 'invalid kind "gpu"'],
    ['a.json', spec([device('0', { hooks: [{ hookName: 'never', path: '/x' }] })]), 'hookName'],
    ['a.yaml', 'a: &anchor 1', 'a.yaml:1 is not valid: anchors'],
  ])('name the file that cannot be used: %s %j', (name, document, why) => {
    write(low(), name, document);
    write(low(), 'good.json', spec([device('0', env('good'))]));
    expect(shell('echo $WHO', () => {}, '--device', 'vendor.com/gpu=0')).toBe('good\n');
    const { record } = refuses('unresolvable', 'cdi.not-found', '--device', 'vendor.com/gpu=1');
    expect(String(record['hint'])).toContain(why);
  });

  test('never come from a file that other users can write to', () => {
    write(low(), 'a.json', spec([device('0', env('other'))]));
    chmodSync(join(low(), 'a.json'), 0o666);
    const { record } = refuses('unresolvable', 'cdi.not-found', '--device', 'vendor.com/gpu=0');
    expect(String(record['hint'])).toContain('other users can write to it');
  });

  test('never come from a FIFO that no process writes to', () => {
    box.view.sh('mkfifo "$1"', join(low(), 'a.json'));
    const { record } = refuses('unresolvable', 'cdi.not-found', '--device', 'vendor.com/gpu=0');
    expect(String(record['hint'])).toContain('it is not a regular file');
  });

  test('come from annotations only if the administrator allows them', () => {
    write(low(), 'a.json', spec([device('0', env('zero')), device('1', { env: ['MORE=one'] })]));
    const annotated = (made: Bundle) => {
      made.config.annotations = { 'cdi.k8s.io/vendor_gpu': 'vendor.com/gpu=0,vendor.com/gpu=1' };
    };
    // An engine that knows them has applied them, and may leave them in config.json.
    expect(shell('echo "$WHO $MORE"', annotated)).toBe(' \n');
    writeFileSync(settings(), '{"allowAnnotations": ["cdi.k8s.io/*"]}', { mode: 0o644 });
    expect(shell('echo "$WHO $MORE"', annotated)).toBe('zero one\n');
    const bundle = box.bundle(made => {
      made.config.annotations = { 'cdi.k8s.io/x': 'vendor.com/gpu=2' };
    });
    const failure = box.failsWith(['create', '--bundle', bundle.dir, 'x'], 'unresolvable', 'cdi.not-found');
    expect(failure.record.pointer).toBe('/annotations/cdi.k8s.io~1x');
  });

  test('are in the plan, and their variables in exec', () => {
    write(low(), 'a.json', spec([device('0', env('zero'))]));
    const bundle = box.bundle(made => {
      made.config.process.args = ['/bin/sleep', '1000'];
    });
    box.create(bundle, '--device', 'vendor.com/gpu=0');
    const report = parseReport(box.must(['exec', bundle.id, '/bin/inside']).stdout);
    expect(report.env).toContain('WHO=zero');
    const plan = box.must(['plan', '--format', 'json', '--device', 'vendor.com/gpu=0', bundle.dir]).stdout;
    expect(plan).toContain('"WHO=zero"');
  });
});
