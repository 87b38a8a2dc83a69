// SPDX-License-Identifier: Apache-2.0

import { RuntimeError } from '../errors/error.ts';
import type { Binding } from '../host/binding.d.ts';
import { lookUp } from '../oci/look-up.ts';
import type { CgroupWrite } from './write.ts';

/** Names of controllers in cgroup version 1, where they differ. */
const version1Names: Readonly<Record<string, string>> = { io: 'blkio' };

/**
 * Returns the error for a limit whose controller is missing: the file that lists the controllers, the place where the
 * controller is now, and a cure.
 *
 * @param offered - the controllers in the root of the hierarchy
 */
export function missingController(
  binding: Binding,
  root: string,
  offered: readonly string[],
  { controller, file, value, origin }: CgroupWrite,
): RuntimeError {
  const list = `${root}/cgroup.controllers`;
  const wanted = origin.includes('/unified/')
    ? `unified resource "${file}" can't be set: controller "${controller}" not available`
    : `unable to set ${file} to ${value}: the cgroup controller ${controller} is not available`;
  const has = offered.length === 0 ? 'is empty' : `has only ${offered.join(' ')}`;
  const { why, hint } = explain(binding, controller, list);
  return new RuntimeError({
    code: 'host.cgroup-controller',
    pointer: origin,
    stage: 'host',
    path: list,
    value: controller,
    message: `${wanted}: ${list} ${has}${why === '' ? '' : `, ${why}`}`,
    hint,
    spec: 'config-linux.md#control-groups',
  });
}

function explain(binding: Binding, controller: string, list: string): { why: string; hint: string } {
  const name = lookUp(version1Names, controller) ?? controller;
  const table = binding.readTextIfThere('/proc/cgroups') ?? '';
  const row = table
    .split('\n')
    .map(line => line.split(/\s+/))
    .find(([first]) => first === name);
  if (row === undefined) {
    return { why: '', hint: `this kernel has no controller ${controller}; check the spelling` };
  }
  if (row[3] === '0') {
    return { why: `${name} is disabled on the kernel command line`, hint: `boot with cgroup_enable=${name}` };
  }
  if (row[1] !== '0') {
    const mountpoint = version1Mount(binding, name);
    return {
      why: `${name} belongs to cgroup version 1${mountpoint === undefined ? '' : `, mounted at ${mountpoint}`}`,
      hint: `boot with cgroup_no_v1=${name}, or with systemd.unified_cgroup_hierarchy=1 if systemd mounts the hierarchies`,
    };
  }
  return {
    why: '',
    hint: `write +${controller} to cgroup.subtree_control of the cgroup on the host that is the root here; ${list} then contains it`,
  };
}

function version1Mount(binding: Binding, name: string): string | undefined {
  for (const line of (binding.readTextIfThere('/proc/self/mountinfo') ?? '').split('\n')) {
    const [mount = '', filesystem = ''] = line.split(' - ');
    const [type, , options = ''] = filesystem.split(' ');
    if (type === 'cgroup' && options.split(',').includes(name)) return mount.split(' ')[4];
  }
  return undefined;
}
