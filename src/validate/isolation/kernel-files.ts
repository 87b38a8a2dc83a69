// SPDX-License-Identifier: Apache-2.0
import { cleanPath, isBelow, joinPath } from '../../host/paths.ts';
import type { Config } from '../../oci/config.ts';
import type { Draft } from '../context.ts';
import { type IsolationCheck, isReadOnly, isSeparate, type Weakness } from './weakness.ts';

/** What tells of the host, or reaches its memory. */
const secret = ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/sched_debug', '/sys/firmware'];
/** What changes the host when root writes there. */
const settings = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** In a user namespace the kernel asks for a root that the container is not. */
export const checkKernelFiles: IsolationCheck = config => {
  if (isSeparate(config, 'user')) return [];
  const masked = config.linux?.maskedPaths ?? [];
  const readonly = config.linux?.readonlyPaths ?? [];
  const visible = secret.filter(path => isMounted(config, path) && !covered(path, masked));
  const writable = settings.filter(
    path => isMounted(config, path) && !covered(path, masked) && !covered(path, readonly),
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
      why: "settings of the kernel are the host's: core_pattern, for one, names a program that runs outside",
      hint: `add to linux.readonlyPaths: ${JSON.stringify(writable)}`,
      spec: 'config-linux.md#readonly-paths',
    });
  }
  return found;
};

/** sysfs and cgroups that can be written to. */
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

/** The mount that a path would lie on is the kernel's own file system, or the host's tree of it. */
function isMounted(config: Draft<Config>, path: string): boolean {
  const top = path.startsWith('/proc') ? '/proc' : '/sys';
  return (config.mounts ?? []).some(
    ({ type, source, destination }) =>
      joinPath('/', destination ?? '') === top && (type === 'proc' || type === 'sysfs' || source === top),
  );
}

/** A read-only root leaves the mounts in it as they are. */
function covered(path: string, covers: readonly string[]): boolean {
  return covers.map(cleanPath).some(cover => cover === path || (cover !== '/' && isBelow(path, cover)));
}
