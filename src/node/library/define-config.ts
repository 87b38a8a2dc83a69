// SPDX-License-Identifier: Apache-2.0
import {
  defaultPath,
  kernelMounts,
  maskedPaths,
  readonlyPaths,
  sharedMemoryMount,
} from '../../direct/defaults.ts';
import { defaultProfile } from '../../direct/seccomp-profile.ts';
import type { Config, Mount, Resources } from '../../oci/config.ts';
import { ociVersion } from '../../oci/version.ts';
import { checkNames } from './option-names.ts';

/** Options of {@link defineConfig}. */
export interface ConfigOptions {
  /** The program and its arguments. */
  readonly args: readonly string[];
  /** Path of the root file system. Required without `layers`. */
  readonly rootfs?: string;
  /**
   * Absolute paths of directories that together are the root file system, the uppermost first. They are read-only;
   * `rootfs` is then an existing empty directory that they cover.
   */
  readonly layers?: readonly string[];
  /** The program may write to the root file system. Default false; /tmp is a file system in memory then. */
  readonly writable?: boolean;
  /** Default `/`. */
  readonly cwd?: string;
  /** Variables of the environment, in addition to PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: user and group 0. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Names such as `CAP_NET_BIND_SERVICE`. Default: none. */
  readonly capabilities?: readonly string[];
  /** Default: `tsubo`. */
  readonly hostname?: string;
  /** The program has a terminal. Default false. */
  readonly terminal?: boolean;
  /** Mounts in addition to /proc, /dev and the others that every container has; they are made later. Default: none. */
  readonly mounts?: readonly Mount[];
  /** Bytes of memory; swap is not used. Default: no limit. */
  readonly memory?: number;
  /** Number of CPUs, such as 0.5. Default: no limit. */
  readonly cpus?: number;
  /** Number of processes and threads. Default: no limit. */
  readonly pids?: number;
}

const sharedMemoryBytes = 64 << 20;
const cpuPeriod = 100_000;

/**
 * Returns a config.json with new namespaces, a seccomp filter and, by default, no capabilities and a read-only root
 * file system. Without root, it has a user namespace in which the caller is root.
 *
 * @example
 * ```ts
 * const config = defineConfig({ args: ['sh', '-c', 'echo hello'], rootfs: '/srv/alpine', memory: 64 << 20 });
 * const { stdout } = await run({ config });
 * ```
 */
export function defineConfig(options: ConfigOptions): Config {
  checkNames('defineConfig', options);
  const { args, rootfs = '', layers = [], writable = false, capabilities = [], mounts = [] } = options;
  const isRoot = process.geteuid?.() === 0;
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const sets =
    capabilities.length === 0
      ? {}
      : { bounding: capabilities, effective: capabilities, permitted: capabilities };
  return {
    ociVersion,
    hostname: options.hostname ?? 'tsubo',
    root: { path: rootfs, readonly: !writable },
    process: {
      terminal: options.terminal ?? false,
      args,
      cwd: options.cwd ?? '/',
      env: [
        `PATH=${defaultPath}`,
        ...Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`),
      ],
      user: options.user ?? { uid: 0, gid: 0 },
      capabilities: sets,
      noNewPrivileges: true,
    },
    mounts: [
      ...(layers.length > 0 ? [layersMount(layers)] : []),
      ...kernelMounts({ privileged: false, isRoot, hostNetwork: false }),
      sharedMemoryMount(sharedMemoryBytes),
      ...(writable
        ? []
        : [
            {
              destination: '/tmp',
              type: 'tmpfs',
              source: 'tmpfs',
              options: ['nosuid', 'nodev', 'mode=1777'],
            },
          ]),
      ...mounts,
    ],
    linux: {
      namespaces: [
        { type: 'mount' },
        { type: 'network' },
        { type: 'uts' },
        { type: 'pid' },
        { type: 'ipc' },
        { type: 'cgroup' },
        ...(isRoot ? [] : [{ type: 'user' } as const]),
      ],
      ...(!isRoot && {
        uidMappings: [{ containerID: 0, hostID: process.geteuid?.() ?? 0, size: 1 }],
        gidMappings: [{ containerID: 0, hostID: process.getegid?.() ?? 0, size: 1 }],
      }),
      resources: limits(options, isRoot),
      seccomp: defaultProfile(capabilities, machine),
      maskedPaths,
      readonlyPaths,
    },
  };
}

function layersMount(layers: readonly string[]): Mount {
  return {
    destination: '/',
    type: 'overlay',
    source: 'overlay',
    options: layers.map(path => `lowerdir+=${path.replace(/[\\,]/g, '\\$&')}`),
  };
}

function limits({ memory, cpus, pids }: ConfigOptions, isRoot: boolean): Resources {
  return {
    // Device rules need root.
    ...(isRoot && { devices: [{ allow: false, access: 'rwm' }] }),
    ...(memory !== undefined && { memory: { limit: memory, swap: memory } }),
    ...(cpus !== undefined && { cpu: { quota: Math.round(cpus * cpuPeriod), period: cpuPeriod } }),
    ...(pids !== undefined && { pids: { limit: pids } }),
  };
}
