// SPDX-License-Identifier: Apache-2.0
import { joinPath, parentPath } from '../host/paths.ts';
import type { PlanContext } from './context.ts';

export interface ContainerCgroup {
  /** Host directory of the container's cgroup. */
  readonly path: string;
  readonly origin: string;
}

/**
 * Path of the container's cgroup. An absolute `cgroupsPath` starts at the root of the hierarchy, a relative one at the
 * parent of the runtime's own cgroup; without one, the id is the name. It is never below the runtime's own cgroup,
 * because a cgroup that contains processes cannot enable controllers for its children. `..` cannot lead above the
 * start. Undefined if no cgroup2 is mounted.
 */
export function containerCgroup(context: PlanContext): ContainerCgroup | undefined {
  const { layout, mountpoint, own } = context.facts.cgroup;
  if (layout === 'none') return undefined;
  const asked = context.config.linux?.cgroupsPath ?? '';
  const from = asked.startsWith('/') ? '/' : parentPath(own);
  const name = joinPath('/', asked === '' ? context.options.id : asked);
  return {
    path: joinPath(mountpoint, joinPath(from, name)),
    origin: asked === '' ? '' : '/linux/cgroupsPath',
  };
}
