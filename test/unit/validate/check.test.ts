// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../../src/bundle/json.ts';
import { RuntimeError } from '../../../src/errors/error.ts';
import { checkConfig, requireConfig } from '../../../src/validate/check.ts';
import { configWith } from './config.ts';

/** `code pointer` of every problem. */
function problems(change: Parameters<typeof configWith>[0], options = {}): string[] {
  return checkConfig(configWith(change), options).problems.map(({ code, pointer }) => `${code} ${pointer}`);
}

function accepted(change: Parameters<typeof configWith>[0]) {
  const { config, draft: _, ...found } = checkConfig(configWith(change));
  expect(found).toEqual({ problems: [], warnings: [] });
  return config;
}

it('accepts the smallest config and adds defaults', () => {
  expect(accepted(() => {})?.process).toEqual({ args: ['sh'], cwd: '/', user: { uid: 0, gid: 0 } });
});

describe('ociVersion', () => {
  it.each(['1.0.0', '1.0.2-dev', '1.4.0', '1.99.0+build.7', '0.5.0-dev'])('%s is accepted', version => {
    accepted(it => Object.assign(it, { ociVersion: version }));
  });

  it.each(['', '1', '1.2', 'v1.2.3', '1.02.3', '1.2.3-', '2.0.0', '1.2.3 '])('%j is refused', version => {
    expect(problems(it => Object.assign(it, { ociVersion: version }))).toEqual([
      'config.ociVersion /ociVersion',
    ]);
  });
});

describe('namespaces', () => {
  it('may be joined by an absolute path', () => {
    accepted(it => Object.assign(it.linux.namespaces[1], { path: '/proc/1/ns/net' }));
  });

  it('have no comma in their path, which the format of runc cannot represent', () => {
    expect(problems(it => Object.assign(it.linux.namespaces[1], { path: '/a,b' }))).toEqual([
      'config.namespace.path /linux/namespaces/1/path',
    ]);
  });

  it.each([
    ['mnt', 'mount'],
    ['net', 'network'],
    ['cgruop', 'cgroup'],
  ])('"%s" is not a type, and the hint suggests "%s"', (type, meant) => {
    const found = checkConfig(configWith(it => it.linux.namespaces.push({ type }))).problems;
    expect(found).toMatchObject([
      {
        code: 'config.namespace.unknown',
        hint: `did you mean ${meant}?`,
        message: `namespace "${type}" does not exist`,
      },
    ]);
  });

  it('that are joined allow a hostname too', () => {
    accepted(it => {
      it.hostname = 'x';
      it.linux.namespaces[3].path = '/proc/1/ns/uts';
    });
  });
});

describe('mounts', () => {
  const mount =
    (destination: string, more: object = { type: 'tmpfs', source: 'tmpfs' }) =>
    (it: { mounts?: unknown }) => {
      it.mounts = [{ destination, ...more }];
    };

  it('with a relative destination start at /, with a warning', () => {
    const { config, warnings } = checkConfig(configWith(mount('tmp')));
    expect(warnings).toMatchObject([
      { code: 'config.mount.relative-destination', pointer: '/mounts/0/destination' },
    ]);
    expect(config?.mounts?.[0]?.destination).toBe('/tmp');
  });

  it.each(['/', '//', '/.', '/a/..', '.', '/../'])('cannot be on the root: %s', destination => {
    expect(problems(mount(destination))).toEqual(['config.mount.root /mounts/0/destination']);
  });

  it.each(['/proc/kcore', '/proc/1/attr', '/proc/sys', '/proc/../proc/x', '/proc/uptime/x', 'proc/self'])(
    'cannot be inside /proc: %s',
    destination => {
      expect(problems(mount(destination))).toEqual(['config.mount.inside-proc /mounts/0/destination']);
    },
  );

  it.each(['/proc/uptime', '/proc/sys/kernel/ns_last_pid', '//proc/./meminfo', '/processes'])(
    'can be on %s',
    destination => {
      accepted(mount(destination, { source: '/x', options: ['bind'] }));
    },
  );

  it('may bind a procfs on /proc, and no other file system', () => {
    accepted(mount('/proc', { source: '/proc', options: ['rbind'] }));
    expect(problems(mount('/proc'))).toEqual(['config.mount.proc /mounts/0/destination']);
  });

  it.each([{}, { source: '' }])('of type bind require a source: %j', source => {
    expect(problems(mount('/a', { ...source, options: ['rbind', 'ro'] }))).toEqual([
      'config.mount.source /mounts/0/source',
    ]);
  });

  it('of type bind have no file system options', () => {
    const [problem] = checkConfig(
      configWith(mount('/a', { source: '/b', options: ['rro', 'bind', 'mode=755'] })),
    ).problems;
    expect(problem).toMatchObject({ code: 'config.mount.bind-options', pointer: '/mounts/0/options/2' });
    expect(problem?.message).toContain('bind mounts cannot have any filesystem-specific options applied');
    expect(problem?.hint).toContain('check the spelling');
  });

  it.each([
    ['readonly', 'ro'],
    ['read-only', 'ro'],
    ['nosuidd', 'nosuid'],
    ['rprivat', 'rprivate'],
    ['rnosui', 'rnosuid'],
  ])('of type bind yield the likely option: %s', (word, meant) => {
    const [problem] = checkConfig(
      configWith(mount('/a', { source: '/b', options: ['bind', word] })),
    ).problems;
    expect(problem).toMatchObject({ code: 'config.mount.bind-options', hint: `did you mean ${meant}?` });
  });

  it('are all reported', () => {
    expect(
      problems(it => {
        it.mounts = [
          { type: 'tmpfs' },
          { destination: '/a' },
          { destination: '/', type: 'tmpfs', options: ['ridmap'] },
        ];
      }),
    ).toEqual([
      'config.mount.destination /mounts/0/destination',
      'config.mount.type /mounts/1/type',
      'config.mount.root /mounts/2/destination',
      'config.mount.idmap /mounts/2/options/0',
    ]);
  });
});

describe('capabilities', () => {
  it('are converted to upper case, and unknown ones yield only warnings', () => {
    const capabilities = { bounding: ['cap_net_raw', 'CAP_NET_ADMN'], ambient: [] };
    const { config, warnings } = checkConfig(configWith(it => Object.assign(it.process, { capabilities })));
    expect(config?.process.capabilities).toEqual({ bounding: ['CAP_NET_RAW', 'CAP_NET_ADMN'], ambient: [] });
    expect(warnings).toMatchObject([
      {
        code: 'config.process.capability',
        pointer: '/process/capabilities/bounding/1',
        hint: 'did you mean CAP_NET_ADMIN?',
      },
    ]);
  });
});

describe('the access of a device rule', () => {
  it('consists of its known letters, with a warning', () => {
    const devices = [
      { allow: false, access: 'rwm' },
      { allow: false, access: 'rwx' },
    ];
    const { problems, warnings } = checkConfig(
      configWith(it => Object.assign(it.linux, { resources: { devices } })),
    );
    expect(problems).toEqual([]);
    expect(warnings).toMatchObject([
      {
        code: 'config.resources.device-access',
        pointer: '/linux/resources/devices/1/access',
        hint: 'write "rw"',
      },
    ]);
  });
});

describe('sysctl', () => {
  const sysctl = (key: string) => (it: { linux: object }) =>
    void Object.assign(it.linux, { sysctl: { [key]: '1' } });

  it.each([
    'kernel.msgmax',
    'kernel.shm_rmid_forced',
    'fs.mqueue.msg_max',
    'fs/mqueue/msg_max',
    'net.ipv4.ip_forward',
    'net/ipv4/conf/eth0.1/forwarding',
    'net.ipv4.conf.eth0/1.forwarding',
    'kernel.domainname',
  ])('%s may be set in a namespace, and keeps its spelling', key => {
    expect(accepted(sysctl(key))?.linux?.sysctl).toEqual({ [key]: '1' });
  });

  it.each([
    'kernel.panic',
    'vm.swappiness',
    'kernel.msgmax2',
    'fs.file-max',
    'user.max_net_namespaces',
    'network.x',
  ])('%s belongs to the host', key => {
    expect(problems(sysctl(key))).toEqual([`config.sysctl.namespace /linux/sysctl/${key}`]);
  });

  it.each(['net', 'net.', 'net..x', 'net/../kernel/panic', 'net/ipv4/./x', 'net.ipv4.//.x', '', '/net/x'])(
    '%j is refused',
    key => {
      const [first, ...more] = checkConfig(configWith(sysctl(key))).problems;
      expect(first?.code).toBe(key === 'net' ? 'config.sysctl.namespace' : 'config.sysctl.name');
      expect(more).toEqual([]);
    },
  );
});

describe('devices', () => {
  const device = (fields: object) => (it: { linux: object }) =>
    void Object.assign(it.linux, { devices: [fields] });

  it.each([
    { type: 'c', path: '/dev/x', major: 0xfff, minor: 0xfffff, fileMode: 0o20666 },
    { type: 'u', path: '/dev/x', major: 0, minor: 0 },
    { type: 'p', path: '/dev/x' },
  ])('%j is accepted', fields => {
    accepted(device(fields));
  });

  it.each([
    [{ type: 'a', path: '/dev/x', major: 1, minor: 1 }, ['config.device.type /linux/devices/0/type']],
    [
      { type: '', path: '/', major: 1, minor: 1 },
      ['config.device.type /linux/devices/0/type', 'config.device.path /linux/devices/0/path'],
    ],
    [
      { type: 'b', path: '/dev/x' },
      ['config.device.number /linux/devices/0/major', 'config.device.number /linux/devices/0/minor'],
    ],
    [
      { type: 'c', path: '/dev/x', major: -1, minor: 0x100000 },
      ['config.range /linux/devices/0/major', 'config.range /linux/devices/0/minor'],
    ],
    [
      {},
      [
        'config.required /linux/devices/0/type',
        'config.required /linux/devices/0/path',
        'config.device.number /linux/devices/0/major',
        'config.device.number /linux/devices/0/minor',
      ],
    ],
  ])('%j is refused', (fields, expected) => {
    expect(problems(device(fields))).toEqual(expected);
  });
});

describe('masked paths', () => {
  it.each(['/', '/.', '//', '/..', '/bin/../'])('cannot be the root: %j', path => {
    expect(problems(it => Object.assign(it.linux, { maskedPaths: ['/proc/keys', path] }))).toEqual([
      'config.maskedPaths /linux/maskedPaths/1',
    ]);
  });

  it('may be the root if they are readonly', () => {
    accepted(it => Object.assign(it.linux, { readonlyPaths: ['/'] }));
  });
});

describe('rootfsPropagation', () => {
  it.each(['shared', 'rslave', 'runbindable', ''])('%j is accepted', rootfsPropagation => {
    accepted(it => Object.assign(it.linux, { rootfsPropagation }));
  });

  it.each(['private', 'rprivate'])('%s requires pivot_root', rootfsPropagation => {
    accepted(it => Object.assign(it.linux, { rootfsPropagation }));
    expect(problems(it => Object.assign(it.linux, { rootfsPropagation }), { noPivot: true })).toEqual([
      'config.rootfsPropagation /linux/rootfsPropagation',
    ]);
  });
});

describe('cgroupsPath', () => {
  it.each([
    ['/a/b', '/a/b'],
    ['a//b/', 'a/b'],
    ['/../../a', '/a'],
    ['../../a/../b', 'b'],
    ['system.slice:tsubo:x', 'system.slice:tsubo:x'],
    ['', undefined],
  ])('%j resolves to %j', (cgroupsPath, cleaned) => {
    expect(accepted(it => Object.assign(it.linux, { cgroupsPath }))?.linux?.cgroupsPath).toBe(cleaned);
  });

  it.each(['/', '..', '.', '/a/..'])("%s is not the container's own", cgroupsPath => {
    expect(problems(it => Object.assign(it.linux, { cgroupsPath }))).toEqual([
      'config.cgroups-path /linux/cgroupsPath',
    ]);
  });
});

describe('requireConfig', () => {
  const text = '{\n "ociVersion": "1.0.0",\n "root": {"path": ""},\n "process": {"cwd": "/"}\n}';

  it('throws the first problem, which contains all others, each with its line', () => {
    let error: unknown;
    try {
      requireConfig(parseJson(text), { text });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(RuntimeError);
    expect(error).toMatchObject({
      code: 'config.root.path',
      pointer: '/root/path',
      line: 3,
      column: 19,
      message: 'root.path must not be empty (and 1 more problem)',
      problems: [
        { code: 'config.root.path', line: 3, message: 'root.path must not be empty' },
        { code: 'config.process.args', pointer: '/process/args', line: 4, column: 13 },
      ],
    });
  });

  it('returns the warnings with the config', () => {
    expect(requireConfig(configWith(it => Object.assign(it, { x: 1 })))).toMatchObject({
      config: { ociVersion: '1.3.0' },
      warnings: [{ code: 'config.unknown-property', pointer: '/x' }],
    });
  });
});

describe('a config with thousands of faults', () => {
  const many = Array.from({ length: 3000 }, () => ({ type: 'mount' }));

  it('yields the first thousand of them, and the number of the rest', () => {
    const { problems } = checkConfig(configWith(it => it.linux.namespaces.push(...many)));
    expect(problems).toHaveLength(1001);
    expect(problems[999]).toMatchObject({ code: 'config.namespace.duplicate' });
    expect(problems[1000]).toMatchObject({ code: 'config.more', pointer: '' });
  });

  it('of the wrong type is limited too', () => {
    const config = configWith(it => Object.assign(it, { mounts: Array.from({ length: 3000 }, () => 1) }));
    const { problems } = checkConfig(config);
    expect(problems).toHaveLength(1001);
    expect(problems[1000]).toMatchObject({ code: 'config.more' });
    expect(() => requireConfig(config)).toThrow('must be an object, not 1 (and at least 1000 more problems)');
  });

  it('is still accepted if they are warnings', () => {
    const unknown = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`x${index}`, 1]));
    const { config, problems, warnings } = checkConfig(configWith(it => Object.assign(it, unknown)));
    expect(problems).toEqual([]);
    expect(config?.ociVersion).toBe('1.3.0');
    expect(warnings).toHaveLength(1001);
    expect(warnings[1000]).toMatchObject({ code: 'config.more' });
  });
});

describe('id mappings that overlap', () => {
  const mapping = (containerID: number, hostID: number, size = 1) => ({ containerID, hostID, size });

  it.each([
    ['the same twice', [mapping(0, 10), mapping(0, 20)], ['/linux/uidMappings/1/containerID 0']],
    ['on the host', [mapping(0, 10, 5), mapping(9, 12)], ['/linux/uidMappings/1/hostID 0']],
    [
      'with one that is wide and comes later',
      [mapping(5, 10), mapping(7, 20), mapping(0, 30, 10)],
      ['/linux/uidMappings/2/containerID 0'],
    ],
    [
      'each with the one before',
      [mapping(0, 10, 3), mapping(2, 20, 3), mapping(4, 30, 3)],
      ['/linux/uidMappings/1/containerID 0', '/linux/uidMappings/2/containerID 1'],
    ],
    ['not where one ends and the next begins', [mapping(3, 13, 3), mapping(0, 10, 3)], []],
  ])('are detected: %s', (_, uidMappings, expected) => {
    const config = configWith(it => {
      it.linux.namespaces.push({ type: 'user' });
      Object.assign(it.linux, { uidMappings, gidMappings: [mapping(0, 0)] });
    });
    const found = checkConfig(config).problems.map(
      ({ pointer, hint }) => `${pointer} ${hint?.match(/\d+$/)?.[0]}`,
    );
    expect(found.filter(text => text.startsWith('/linux/uidMappings/'))).toEqual(expected);
  });
});

it('an overlay without a destination is refused, and not taken for the root', () => {
  const mount = { type: 'overlay', options: ['lowerdir=/layers/a'] };
  const { problems } = checkConfig(configWith(config => Object.assign(config, { mounts: [mount] })));
  expect(problems.map(({ code, pointer }) => `${code} ${pointer}`)).toEqual([
    'config.mount.destination /mounts/0/destination',
  ]);
});
