// SPDX-License-Identifier: Apache-2.0
import { cleanPath, isBelow, joinPath } from '../../host/paths.ts';
import type { Config } from '../../oci/config.ts';
import type { Draft } from '../context.ts';
import { type IsolationCheck, isReadOnly, isSeparate, type Weakness } from './weakness.ts';

/** Files that reveal information about the host or give access to its memory. */
const secret = ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/sched_debug', '/sys/firmware'];
/** Files through which root changes the host. */
const settings = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** In a user namespace, the kernel does not accept the container's root as privileged for these files. */
export const checkKernelFiles: IsolationCheck = config => {
  if (isSeparate(config, 'user')) return [];
  const masked = (config.linux?.maskedPaths ?? []).map(cleanPath);
  const readonly = (config.linux?.readonlyPaths ?? []).map(cleanPath);
  const mounted = mountedTrees(config);
  const visible = secret.filter(path => mounted.has(treeOf(path)) && !covered(path, masked));
  const writable = settings.filter(
    path => mounted.has(treeOf(path)) && !covered(path, masked) && !covered(path, readonly),
  );
  const found: Weakness[] = [];
  if (visible.length > 0) {
    found.push({
      code: 'isolation.unmasked',
      message: `the container can read ${visible.join(', ')}`,
      pointer: '/linux/maskedPaths',
      why: 'they show memory, keys and hardware of the host',
      hint: `add to linux.maskedPaths: ${JSON.stringify(visible)}`,
      spec: 'config-linux.md#masked-paths',
    });
  }
  if (writable.length > 0) {
    found.push({
      code: 'isolation.writable-proc',
      message: `root of the container can write to ${writable.join(', ')}`,
      pointer: '/linux/readonlyPaths',
      why: 'kernel settings apply to the host: core_pattern, for example, names a program that runs on the host',
      hint: `add to linux.readonlyPaths: ${JSON.stringify(writable)}`,
      spec: 'config-linux.md#readonly-paths',
    });
  }
  return found;
};

/** Reports writable mounts of sysfs and cgroups. */
export const checkKernelMounts: IsolationCheck = config => {
  const found: Weakness[] = [];
  for (const [index, mount] of config.mounts?.entries() ?? []) {
    const { type } = mount;
    if (isReadOnly(mount.options)) continue;
    const fields = {
      pointer: `/mounts/${index}`,
      hint: 'add "ro" to the options of the mount',
      spec: 'config.md#mounts',
    };
    if (type === 'cgroup' || type === 'cgroup2') {
      found.push({
        ...fields,
        code: 'isolation.writable-cgroup',
        message: `the cgroup mount on ${mount.destination ?? ''} is writable`,
        why: 'root of the container can make cgroups and change limits, and without a cgroup namespace those of others',
      });
    } else if (type === 'sysfs' && !isSeparate(config, 'user')) {
      found.push({
        ...fields,
        code: 'isolation.writable-sysfs',
        message: `the sysfs on ${mount.destination ?? ''} is writable`,
        why: 'root of the container can change devices and settings of the host, and name a program that the kernel runs there',
      });
    }
  }
  return found;
};

const trees = ['/proc', '/sys'];

function treeOf(path: string): string {
  return path.startsWith('/proc') ? '/proc' : '/sys';
}

/** Returns the trees /proc and /sys that the config mounts, as a kernel file system or as a bind mount of the host's. */
function mountedTrees(config: Draft<Config>): Set<string> {
  const found = new Set<string>();
  for (const { type, source = '', destination = '' } of config.mounts ?? []) {
    if (type !== 'proc' && type !== 'sysfs' && !trees.includes(source)) continue;
    const path = joinPath('/', destination);
    if (trees.includes(path) && (type === 'proc' || type === 'sysfs' || source === path)) found.add(path);
  }
  return found;
}

/** A read-only root does not make the mounts in it read-only. */
function covered(path: string, covers: readonly string[]): boolean {
  return covers.some(cover => cover === path || (cover !== '/' && isBelow(path, cover)));
}
