// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../../errors/error.ts';

/** The systemd instance of the machine, or that of the calling user. */
export type Manager = 'system' | 'user';

/** The unit that `cgroupsPath` names. */
export interface UnitName {
  /** `system.slice`. */
  readonly slice: string;
  /** `runc-web.scope`. */
  readonly unit: string;
}

const pointer = '/linux/cgroupsPath';
const spec = 'config-linux.md#cgroups-path';
/** runc's prefix, because existing tools search for it. */
const defaultPrefix = 'runc';
const sliceSuffix = '.slice';

/**
 * Parses `slice:prefix:name`, which names the scope `prefix-name.scope` in the slice. Without a path, the name is the
 * container id and the slice is the manager's default.
 *
 * @throws RuntimeError `config.cgroups-path`
 */
export function unitName(cgroupsPath: string, id: string, manager: Manager): UnitName {
  const defaultSlice = manager === 'system' ? 'system.slice' : 'user.slice';
  if (cgroupsPath === '') return { slice: defaultSlice, unit: `${defaultPrefix}-${id}.scope` };
  const parts = cgroupsPath.split(':');
  const [slice = '', prefix = '', name = ''] = parts;
  if (parts.length !== 3 || name === '') {
    throw new RuntimeError({
      code: 'config.cgroups-path',
      pointer,
      spec,
      value: cgroupsPath,
      message: `expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, instead got ${JSON.stringify(cgroupsPath)}`,
      hint: 'for example system.slice:tsubo:web; without --systemd-cgroup it is a path',
    });
  }
  if (name.endsWith(sliceSuffix)) {
    throw new RuntimeError({
      code: 'config.unsupported',
      pointer,
      spec,
      value: cgroupsPath,
      message: `a container cannot be the slice ${name}: systemd keeps no processes in slices`,
      hint: 'add the name of a scope in that slice: slice:prefix:name',
    });
  }
  return { slice: slice === '-' ? '-.slice' : slice || defaultSlice, unit: `${prefix}-${name}.scope` };
}

/**
 * Returns the path of a slice below the manager's root cgroup: `/a.slice/a-b.slice` for `a-b.slice`, `''` for the
 * root slice.
 *
 * @throws RuntimeError `config.cgroups-path`
 */
export function expandSlice(slice: string): string {
  const stem = slice.slice(0, -sliceSuffix.length);
  const refused = !slice.endsWith(sliceSuffix) || slice.includes('/') || stem === '';
  if (stem === '-' && !refused) return '';
  const parts = stem.split('-');
  if (refused || parts.includes('')) {
    throw new RuntimeError({
      code: 'config.cgroups-path',
      pointer,
      spec,
      value: slice,
      message: `invalid slice name: ${slice}`,
      hint: 'a slice has a name such as machine.slice, and a slice inside it machine-web.slice',
    });
  }
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('-')}${sliceSuffix}`).join('');
}

/** Returns the path from the root of the hierarchy to the manager's root cgroup. */
export function managerCgroup(manager: Manager, uid: number): string {
  return manager === 'system' ? '' : `/user.slice/user-${uid}.slice/user@${uid}.service`;
}
