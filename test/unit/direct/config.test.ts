// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type ConfigInput, commandOf, makeConfig } from '../../../src/direct/config.ts';
import type { ContainerRequest } from '../../../src/direct/request.ts';
import { defaultProfile } from '../../../src/direct/seccomp-profile.ts';
import { requireConfig } from '../../../src/validate/check.ts';

const id = 'ab'.repeat(32);
const directory = `/var/lib/tsubo/containers/${id}`;

const plain: ContainerRequest = {
  image: 'web',
  args: [],
  env: [],
  groups: [],
  terminal: false,
  openStdin: false,
  remove: false,
  labels: {},
  mounts: [],
  network: { networks: ['default'] },
  ports: [],
  exposed: [],
  capAdd: [],
  capDrop: [],
  readOnly: false,
  privileged: false,
  devices: [],
  cdiDevices: [],
  security: { noNewPrivileges: false, unmasked: false },
  ulimits: [],
  sysctls: {},
  init: false,
  hosts: [],
  dns: [],
};
const capabilities = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SYS_CHROOT',
  'CAP_MKNOD',
  'CAP_AUDIT_WRITE',
  'CAP_SETFCAP',
];
const input = (request: Partial<ContainerRequest> = {}, more: Partial<ConfigInput> = {}): ConfigInput => ({
  request: { ...plain, ...request },
  image: { Env: ['PATH=/bin', 'LANG=C'], Cmd: ['-f'], Entrypoint: ['httpd'], WorkingDir: '/srv' },
  id,
  hostname: 'abababababab',
  user: { uid: 0, gid: 0, additionalGids: [1, 2] },
  machine: {
    machine: 'x86_64',
    release: '6.1.0',
    capabilities: [...capabilities, 'CAP_SYS_ADMIN'],
    isRoot: true,
    uid: 0,
    gid: 0,
  },
  layers: ['/layers/low/tree', '/layers/with,comma/tree'],
  directory,
  mounts: [],
  files: ['hostname'],
  devices: [],
  ...more,
});

/** The config must pass the checks of the runtime, too. */
const made = (request: Partial<ContainerRequest> = {}, more: Partial<ConfigInput> = {}) => {
  const config = makeConfig(input(request, more));
  requireConfig(config, { text: JSON.stringify(config) });
  return config;
};

describe('config.json of a container', () => {
  it('has the settings of Docker without options', () => {
    const safe = ['nosuid', 'noexec', 'nodev'];
    expect(made()).toEqual({
      ociVersion: '1.3.0',
      hostname: 'abababababab',
      root: { path: `${directory}/rootfs`, readonly: false },
      process: {
        terminal: false,
        args: ['httpd', '-f'],
        cwd: '/srv',
        env: ['PATH=/bin', 'HOSTNAME=abababababab', 'LANG=C'],
        user: { uid: 0, gid: 0, additionalGids: [1, 2] },
        capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
        noNewPrivileges: false,
      },
      mounts: [
        {
          destination: '/',
          type: 'overlay',
          source: 'overlay',
          options: [
            'lowerdir+=/layers/with\\,comma/tree',
            'lowerdir+=/layers/low/tree',
            `upperdir=${directory}/upper`,
            `workdir=${directory}/work`,
          ],
        },
        { destination: '/proc', type: 'proc', source: 'proc', options: safe },
        {
          destination: '/dev',
          type: 'tmpfs',
          source: 'tmpfs',
          options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
        },
        {
          destination: '/dev/pts',
          type: 'devpts',
          source: 'devpts',
          options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
        },
        { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...safe, 'ro'] },
        { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...safe, 'ro'] },
        { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: safe },
        {
          destination: '/dev/shm',
          type: 'tmpfs',
          source: 'shm',
          options: [...safe, 'mode=1777', 'size=67108864'],
        },
        {
          destination: '/etc/hostname',
          type: 'bind',
          source: `${directory}/hostname`,
          options: ['rbind', 'rprivate'],
        },
      ],
      linux: {
        cgroupsPath: `/tsubo/${id}`,
        namespaces: [
          { type: 'mount' },
          { type: 'network' },
          { type: 'uts' },
          { type: 'pid' },
          { type: 'ipc' },
          { type: 'cgroup' },
        ],
        resources: { devices: [{ allow: false, access: 'rwm' }] },
        seccomp: defaultProfile(capabilities, 'x86_64'),
        maskedPaths: [
          '/proc/asound',
          '/proc/acpi',
          '/proc/interrupts',
          '/proc/kcore',
          '/proc/keys',
          '/proc/latency_stats',
          '/proc/timer_list',
          '/proc/timer_stats',
          '/proc/sched_debug',
          '/proc/scsi',
          '/sys/firmware',
          '/sys/devices/virtual/powercap',
        ],
        readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
      },
    });
  });

  it('has all capabilities and devices and no masks if it is privileged', () => {
    const { process, mounts, linux } = made({ privileged: true });
    expect(process.capabilities?.bounding).toEqual([...capabilities, 'CAP_SYS_ADMIN']);
    expect(mounts?.find(({ destination }) => destination === '/sys')?.options).toContain('rw');
    expect(linux).toMatchObject({ resources: { devices: [{ allow: true, access: 'rwm' }] } });
    expect(Object.keys(linux ?? {})).toEqual(['cgroupsPath', 'namespaces', 'resources']);
  });

  it('leaves a user without effective capabilities', () => {
    const { process } = made({}, { user: { uid: 33, gid: 33, additionalGids: [] } });
    expect(process).toMatchObject({ user: { uid: 33, gid: 33 }, capabilities: { bounding: capabilities } });
    expect(Object.keys(process.capabilities ?? {})).toEqual(['bounding']);
  });

  it('merges the environment: the last value counts, and a name alone removes', () => {
    const { process } = made({ env: ['LANG=de', 'A=1', 'PATH', 'TERM'], terminal: true });
    expect(process.env).toEqual(['HOSTNAME=abababababab', 'LANG=de', 'A=1']);
    expect(made({ terminal: true }).process.env).toContain('TERM=xterm');
  });

  it('has limits, devices, mounts in their order, and no sync of a root that is removed', () => {
    const config = made(
      {
        remove: true,
        memory: 64 << 20,
        cpuQuota: 50_000,
        cpus: '0-1',
        pids: 100,
        ulimits: [{ type: 'RLIMIT_NOFILE', soft: 10, hard: 20 }],
        readOnly: true,
        network: 'host',
        security: { noNewPrivileges: true, unmasked: false, seccomp: 'unconfined' },
        sharedMemory: 1 << 20,
      },
      {
        mounts: [
          { type: 'bind', source: '/deep', destination: '/a/b', readOnly: true, options: ['rslave'] },
          { type: 'tmpfs', destination: '/run', readOnly: false, options: ['size=1m'] },
          { type: 'volume', name: 'v', source: '/v/_data', destination: '/a', readOnly: false, options: [] },
        ],
        devices: [
          {
            type: 'c',
            path: '/dev/fuse',
            major: 10,
            minor: 229,
            fileMode: 0o666,
            uid: 0,
            gid: 0,
            access: 'rw',
          },
        ],
      },
    );
    expect(config.mounts?.[0]?.options?.at(-1)).toBe('volatile');
    expect(config.mounts?.slice(-3)).toEqual([
      {
        destination: '/run',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'nodev', 'noexec', 'size=1m'],
      },
      { destination: '/a', type: 'bind', source: '/v/_data', options: ['rbind', 'rprivate'] },
      { destination: '/a/b', type: 'bind', source: '/deep', options: ['rbind', 'rslave', 'ro'] },
    ]);
    expect(config.root.readonly).toBe(true);
    expect(config.process).toMatchObject({ noNewPrivileges: true, rlimits: [{ soft: 10 }] });
    expect(config.linux?.seccomp).toBeUndefined();
    expect(config.linux?.namespaces).not.toContainEqual({ type: 'network' });
    expect(config.linux?.devices).toEqual([
      { type: 'c', path: '/dev/fuse', major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0 },
    ]);
    expect(config.linux?.resources).toEqual({
      devices: [
        { allow: false, access: 'rwm' },
        { allow: true, type: 'c', major: 10, minor: 229, access: 'rw' },
      ],
      memory: { limit: 64 << 20, swap: 128 << 20 },
      cpu: { quota: 50_000, period: 100_000, cpus: '0-1' },
      pids: { limit: 100 },
    });
  });

  it('has an empty directory as the lowest layer of an image without layers', () => {
    expect(made({}, { layers: [] }).mounts?.[0]?.options).toEqual([
      `lowerdir+=${directory}/rootfs`,
      `upperdir=${directory}/upper`,
      `workdir=${directory}/work`,
    ]);
  });

  it('has a user namespace and no cgroup without root', () => {
    const base = input();
    const { linux } = makeConfig({
      ...base,
      machine: { ...base.machine, isRoot: false, uid: 1000, gid: 1001 },
    });
    expect(linux).toMatchObject({
      uidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
      gidMappings: [{ containerID: 0, hostID: 1001, size: 1 }],
    });
    expect(linux?.namespaces).toContainEqual({ type: 'user' });
    expect(linux?.cgroupsPath).toBeUndefined();
    expect(linux?.resources).toBeUndefined();
  });
});

describe('the command', () => {
  const image = { Entrypoint: ['entry', '-x'], Cmd: ['cmd'] };
  it.each([
    [{ args: [] }, ['entry', '-x'], ['cmd']],
    [{ args: ['a', 'b'] }, ['entry', '-x'], ['a', 'b']],
    [{ args: [], entrypoint: 'other' }, ['other'], []],
    [{ args: ['a'], entrypoint: 'other' }, ['other'], ['a']],
    [{ args: ['a'], entrypoint: '' }, [], ['a']],
  ])('of %j', (request, entrypoint, args) => {
    expect(commandOf(request, image)).toEqual({ entrypoint, args });
  });
});
