// SPDX-License-Identifier: Apache-2.0

import { entryPath } from '../host/paths.ts';
import type { Config, Device, Mount, Resources } from '../oci/config.ts';
import type { Seccomp } from '../oci/seccomp.ts';
import { ociVersion } from '../oci/version.ts';
import type { DirectMount } from './container.ts';
import {
  defaultCapabilities,
  defaultPath,
  defaultSharedMemory,
  kernelMounts,
  maskedPaths,
  readonlyPaths,
  sharedMemoryMount,
} from './defaults.ts';
import { type ContainerRequest, capabilitiesOf, type NetworkChoice } from './request.ts';
import { defaultProfile, type ProfileMachine } from './seccomp-profile.ts';
import { containerFiles } from './store.ts';
import type { FoundUser } from './users.ts';

/** The part of an image's config that is the default for a container. */
export interface ImageDefaults {
  readonly Env: readonly string[];
  readonly Cmd: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly WorkingDir: string;
}

/** A device of the host, with its numbers. */
export interface FoundDevice extends Device {
  readonly access: string;
}

/** The machine that the container runs on. */
export interface ConfigMachine extends ProfileMachine {
  /** Capabilities that the caller can give. */
  readonly capabilities: readonly string[];
  readonly isRoot: boolean;
  readonly uid: number;
  readonly gid: number;
}

export interface ConfigInput {
  readonly request: ContainerRequest;
  readonly image: ImageDefaults;
  readonly id: string;
  readonly hostname: string;
  readonly user: FoundUser;
  readonly machine: ConfigMachine;
  /** Absolute paths of the layers' trees, lowest first. */
  readonly layers: readonly string[];
  /** Absolute path of the container's directory. */
  readonly directory: string;
  /** The mounts; for a volume, `source` is its directory on the host. */
  readonly mounts: readonly DirectMount[];
  /** Files of the container's directory that are bound in /etc. */
  readonly files: readonly ('hosts' | 'hostname' | 'resolv.conf')[];
  readonly devices: readonly FoundDevice[];
  /** Profile of `--security-opt seccomp=FILE`. */
  readonly seccomp?: Seccomp;
}

/** Returns entrypoint and arguments. An entrypoint of the command line replaces the image's arguments too. */
export function commandOf(
  { entrypoint, args }: Pick<ContainerRequest, 'entrypoint' | 'args'>,
  image: Pick<ImageDefaults, 'Entrypoint' | 'Cmd'>,
): { readonly entrypoint: readonly string[]; readonly args: readonly string[] } {
  if (entrypoint !== undefined) return { entrypoint: entrypoint === '' ? [] : [entrypoint], args };
  return { entrypoint: image.Entrypoint, args: args.length > 0 ? args : image.Cmd };
}

/** Returns the config.json of a container. */
export function makeConfig(input: ConfigInput): Config {
  const { request, image, id, hostname, user, machine, directory } = input;
  const { privileged, security } = request;
  const command = commandOf(request, image);
  const capabilities = privileged
    ? [...machine.capabilities]
    : capabilitiesOf(defaultCapabilities, request.capAdd, request.capDrop, machine.capabilities);
  const unmasked = privileged || security.unmasked;
  const seccomp = seccompOf(input, capabilities);
  return {
    ociVersion,
    hostname,
    ...(request.domainname !== undefined && { domainname: request.domainname }),
    root: { path: `${directory}/rootfs`, readonly: request.readOnly },
    process: {
      terminal: request.terminal,
      args: [...(request.init ? [initPath, '--'] : []), ...command.entrypoint, ...command.args],
      cwd: request.workdir ?? (image.WorkingDir === '' ? '/' : image.WorkingDir),
      env: environment(request, image, hostname),
      user: {
        uid: user.uid,
        gid: user.gid,
        ...(user.additionalGids.length > 0 && { additionalGids: user.additionalGids }),
      },
      capabilities:
        user.uid === 0
          ? { bounding: capabilities, effective: capabilities, permitted: capabilities }
          : // For a user other than root, execve(2) clears the other sets.
            { bounding: capabilities },
      ...(request.ulimits.length > 0 && { rlimits: request.ulimits }),
      noNewPrivileges: security.noNewPrivileges,
      ...(security.apparmor !== undefined &&
        security.apparmor !== 'unconfined' && { apparmorProfile: security.apparmor }),
    },
    mounts: [
      rootMount(input),
      ...kernelMounts({ privileged, isRoot: machine.isRoot, hostNetwork: request.network === 'host' }),
      sharedMemoryMount(request.sharedMemory ?? defaultSharedMemory),
      ...input.files.map(name => bound(`${directory}/${name}`, `/etc/${name}`)),
      ...[...input.mounts].sort(byDepth).map(requestedMount),
      // The last mount, because a mount of the container must not cover it.
      ...(request.init ? [initMount(directory)] : []),
    ],
    linux: {
      ...(machine.isRoot && { cgroupsPath: `/tsubo/${id}` }),
      namespaces: namespaces(input),
      ...(!machine.isRoot && {
        uidMappings: [{ containerID: 0, hostID: machine.uid, size: 1 }],
        gidMappings: [{ containerID: 0, hostID: machine.gid, size: 1 }],
      }),
      ...resources(input),
      ...(input.devices.length > 0 && {
        devices: input.devices.map(({ access: _, ...device }) => device),
      }),
      ...(Object.keys(request.sysctls).length > 0 && { sysctl: request.sysctls }),
      ...(seccomp !== undefined && { seccomp }),
      ...(!unmasked && { maskedPaths, readonlyPaths }),
    },
  };
}

function seccompOf(
  { request, machine, seccomp }: ConfigInput,
  capabilities: readonly string[],
): Seccomp | undefined {
  if (seccomp !== undefined) return seccomp;
  if (request.privileged || request.security.seccomp === 'unconfined') return undefined;
  return defaultProfile(capabilities, machine.machine);
}

/**
 * Returns the environment. The last value of a variable replaces the first one in its position; a name without a value
 * removes it.
 */
function environment(request: ContainerRequest, image: ImageDefaults, hostname: string): string[] {
  const all = [
    `PATH=${defaultPath}`,
    `HOSTNAME=${hostname}`,
    ...(request.terminal ? ['TERM=xterm'] : []),
    ...image.Env,
    ...request.env,
  ];
  const values = new Map<string, string | undefined>();
  for (const entry of all) {
    const equals = entry.indexOf('=');
    if (equals < 0) values.delete(entry);
    else values.set(entry.slice(0, equals), entry);
  }
  return [...values.values()].flatMap(entry => entry ?? []);
}

/** Returns the overlay of the layers, with the container's own upper directory. */
function rootMount({ layers, directory, request, machine }: ConfigInput): Mount {
  // An overlay needs a lower layer: an image without layers gets an empty one.
  const lowers = layers.length === 0 ? [`${directory}/rootfs`] : [...layers].reverse();
  return {
    destination: '/',
    type: 'overlay',
    source: 'overlay',
    options: [
      ...lowers.map(path => `lowerdir+=${escaped(path)}`),
      `upperdir=${escaped(`${directory}/upper`)}`,
      `workdir=${escaped(`${directory}/work`)}`,
      // The files of a container that is removed after its end need no sync. Only root, because a user cannot remove
      // the directory `incompat/volatile` that the kernel makes in the work directory.
      ...((request.remove || request.discard === true) && machine.isRoot ? ['volatile'] : []),
    ],
  };
}

/** The path of Docker's init. */
const initPath = '/sbin/docker-init';

function initMount(directory: string): Mount {
  const source = entryPath(directory, containerFiles.init);
  return {
    destination: initPath,
    type: 'bind',
    source,
    options: ['bind', 'rprivate', 'ro', 'nosuid', 'nodev'],
  };
}

/** Escapes a path in an option of a mount, in which `,` separates options. */
function escaped(path: string): string {
  return path.replace(/[\\,]/g, '\\$&');
}

function bound(source: string, destination: string): Mount {
  return { destination, type: 'bind', source, options: ['rbind', 'rprivate'] };
}

/** Orders mounts by depth, because a mount inside a directory must come after the mount on that directory. */
function byDepth(one: DirectMount, other: DirectMount): number {
  return depth(one.destination) - depth(other.destination);
}

function depth(path: string): number {
  return path.split('/').length;
}

function requestedMount({ type, source = '', destination, readOnly, options }: DirectMount): Mount {
  const access = readOnly ? ['ro'] : [];
  if (type === 'tmpfs') {
    const standard = ['nosuid', 'nodev', ...(options.includes('exec') ? [] : ['noexec'])];
    return { destination, type: 'tmpfs', source: 'tmpfs', options: [...standard, ...options, ...access] };
  }
  const propagation = options.some(word => /^r?(private|shared|slave)$/.test(word)) ? [] : ['rprivate'];
  return { destination, type: 'bind', source, options: ['rbind', ...propagation, ...options, ...access] };
}

function namespaces({ request: { network }, machine: { isRoot }, directory }: ConfigInput) {
  return [
    { type: 'mount' },
    ...networkNamespace(network, directory),
    { type: 'uts' },
    { type: 'pid' },
    { type: 'ipc' },
    { type: 'cgroup' },
    ...(isRoot ? [] : [{ type: 'user' } as const]),
  ] as const;
}

function networkNamespace(network: NetworkChoice, directory: string) {
  if (network === 'host') return [];
  if (typeof network === 'string' || 'networks' in network) return [{ type: 'network' }] as const;
  // A symbolic link: each start sets its target to the namespace of the other container.
  return [{ type: 'network', path: entryPath(directory, containerFiles.netns) }] as const;
}

function resources({ request, devices, machine }: ConfigInput): { readonly resources?: Resources } {
  const { memory, memorySwap, memoryReservation, cpuQuota, cpuShares, cpus, pids } = request;
  const memoryLimits = {
    ...(memory !== undefined && { limit: memory }),
    ...(memorySwap !== undefined ? { swap: memorySwap } : memory !== undefined && { swap: memory * 2 }),
    ...(memoryReservation !== undefined && { reservation: memoryReservation }),
  };
  const cpu = {
    ...(cpuQuota !== undefined && { quota: cpuQuota, period: 100_000 }),
    ...(cpuShares !== undefined && { shares: cpuShares }),
    ...(cpus !== undefined && { cpus }),
  };
  const rules = request.privileged
    ? [{ allow: true, access: 'rwm' }]
    : [
        { allow: false, access: 'rwm' },
        ...devices.map(({ type, major, minor, access }) => ({
          allow: true,
          type,
          ...(major !== undefined && { major }),
          ...(minor !== undefined && { minor }),
          access,
        })),
      ];
  const found = {
    // Device rules need root.
    ...(machine.isRoot && { devices: rules }),
    ...(Object.keys(memoryLimits).length > 0 && { memory: memoryLimits }),
    ...(Object.keys(cpu).length > 0 && { cpu }),
    ...(pids !== undefined && { pids: { limit: pids } }),
  };
  return Object.keys(found).length > 0 ? { resources: found } : {};
}
