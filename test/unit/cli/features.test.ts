// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { featuresDocument } from '../../../src/cli/features-document.ts';
import type { Features } from '../../../src/oci/features.ts';
import { checkConfig } from '../../../src/validate/check.ts';
import { configWith } from '../validate/config.ts';

const document = featuresDocument({ release: '6.1.0', major: 6, minor: 1 });
const { linux } = document;

/** True if no check reports the property at `pointer`, or its content, as unsupported. */
function isAccepted(change: Parameters<typeof configWith>[0], pointer: string): boolean {
  return !checkConfig(configWith(change)).problems.some(
    problem => problem.code === 'config.unsupported' && problem.pointer?.startsWith(pointer),
  );
}

const mapping = [{ containerID: 0, hostID: 100000, size: 65536 }];

describe('a feature is reported exactly if a config may use it', () => {
  it.each<[string, boolean, Parameters<typeof configWith>[0], string]>([
    [
      'seccomp',
      linux.seccomp.enabled,
      it => Object.assign(it.linux, { seccomp: { defaultAction: 'SCMP_ACT_ALLOW' } }),
      '/linux/seccomp',
    ],
    [
      'apparmor',
      linux.apparmor.enabled,
      it => Object.assign(it.process, { apparmorProfile: 'x' }),
      '/process/apparmorProfile',
    ],
    [
      'selinux',
      linux.selinux.enabled,
      it => Object.assign(it.process, { selinuxLabel: 'x' }),
      '/process/selinuxLabel',
    ],
    [
      'intelRdt',
      linux.intelRdt.enabled,
      it => Object.assign(it.linux, { intelRdt: { closID: 'x' } }),
      '/linux/intelRdt',
    ],
    [
      'memoryPolicy',
      linux.memoryPolicy !== undefined,
      it => Object.assign(it.linux, { memoryPolicy: { mode: 'MPOL_LOCAL' } }),
      '/linux/memoryPolicy',
    ],
    [
      'netDevices',
      linux.netDevices.enabled,
      it => Object.assign(it.linux, { netDevices: { eth0: {} } }),
      '/linux/netDevices',
    ],
    [
      'hooks',
      document.hooks.length > 0,
      it => Object.assign(it, { hooks: { prestart: [{ path: '/bin/true' }] } }),
      '/hooks',
    ],
    [
      'idmap',
      linux.mountExtensions.idmap.enabled,
      it => {
        const options = ['bind'];
        const maps = { uidMappings: mapping, gidMappings: mapping };
        it.mounts = [{ destination: '/a', source: '/b', options, ...maps }];
      },
      '/mounts/0',
    ],
  ])('%s: %s', (_, reported, change, pointer) => {
    expect(reported).toBe(isAccepted(change, pointer));
  });

  it.each(['cgroup', 'ipc', 'mount', 'network', 'pid', 'time', 'user', 'uts'])('the %s namespace', type => {
    const accepted = isAccepted(it => {
      it.linux.namespaces = [{ type }];
    }, '/linux/namespaces');
    expect(linux.namespaces.includes(type)).toBe(accepted);
  });

  it.each(document.mountOptions)('the mount option %s', word => {
    const { problems } = checkConfig(
      configWith(it => {
        const mappings = [{ containerID: 0, hostID: 0, size: 1 }];
        const users = { uidMappings: mappings, gidMappings: mappings };
        it.mounts = [{ destination: '/a', source: '/b', options: ['bind', word], ...users }];
      }),
    );
    expect(problems.filter(({ pointer }) => pointer?.startsWith('/mounts/0/options'))).toEqual([]);
  });

  it('no other mount option', () => {
    expect(document.mountOptions).not.toContain('remount');
    expect(document.mountOptions).toEqual([...new Set(document.mountOptions)].sort());
    expect(document.mountOptions.length).toBeGreaterThan(55);
  });
});

it('lists the memory policies that a config may have, and no others', () => {
  const { modes = [], flags = [] } = document.linux.memoryPolicy ?? {};
  expect(modes).toContain('MPOL_WEIGHTED_INTERLEAVE');
  expect(flags).toContain('MPOL_F_STATIC_NODES');
  for (const mode of modes) {
    const nodes = mode === 'MPOL_DEFAULT' || mode === 'MPOL_LOCAL' ? '' : '0';
    const config = configWith(it => Object.assign(it.linux, { memoryPolicy: { mode, nodes, flags } }));
    expect(checkConfig(config).problems).toEqual([]);
  }
});

it('accepts its lowest and highest version', () => {
  for (const ociVersion of [document.ociVersionMin, document.ociVersionMax]) {
    expect(checkConfig(configWith(it => Object.assign(it, { ociVersion }))).problems).toEqual([]);
  }
});

it('leaves only the flags of a filter to the kernel', () => {
  const old = featuresDocument({ release: '5.10.0', major: 5, minor: 10 });
  const rest = ({ linux: { seccomp, ...others }, ...all }: Features) => ({ ...all, others });
  expect(rest(old)).toEqual(rest(document));
  expect(document.linux.seccomp.supportedFlags).toEqual(document.linux.seccomp.knownFlags);
  if (!linux.seccomp.enabled) return;
  expect(old.linux.seccomp.knownFlags).toContain('SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV');
  expect(old.linux.seccomp.supportedFlags).not.toContain('SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV');
});
