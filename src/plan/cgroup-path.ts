// SPDX-License-Identifier: Apache-2.0
import { joinPath, parentPath } from '../host/paths.ts';
import type { PlanContext } from './context.ts';

export interface ContainerCgroup {
  /** The host directory of the container's cgroup. */
  readonly path: string;
  readonly origin: string;
}

/**
 * Where the container's cgroup is made: an absolute `cgroupsPath` counts from the root of the hierarchy, a relative one
 * from the cgroup that holds our own, and without one the id is its name. Not below our own: a cgroup with processes
 * in it cannot hand controllers to those below. No `..` leads out. undefined when the machine has no cgroup2.
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
