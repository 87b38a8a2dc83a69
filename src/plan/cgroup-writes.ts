// SPDX-License-Identifier: Apache-2.0
import { resourceWrites } from '../cgroup/resources.ts';
import { readNothing } from '../cgroup/write.ts';
import { RuntimeError } from '../errors/error.ts';
import type { PlanContext } from './context.ts';
import type { HostStepOf } from './plan.ts';

/**
 * The values written into the container's cgroup when it is made.
 *
 * @throws RuntimeError `host.cgroup-controller` if the config has limits and there is no cgroup
 */
export function cgroupWriteSteps(
  context: PlanContext,
  hasCgroup: boolean,
  when: 'before' | 'cgroup' = 'before',
): HostStepOf<'writeCgroup'>[] {
  const { resources } = context.config.linux ?? {};
  if (resources === undefined) return [];
  const writes = resourceWrites(resources, {
    origin: '/linux/resources',
    read: readNothing,
    warn: context.warn,
  });
  if (hasCgroup) return writes.map(write => ({ op: 'writeCgroup', when, ...write }));
  const first = writes.find(({ optional }) => !optional);
  if (first === undefined) return [];
  throw new RuntimeError({
    code: 'host.cgroup-controller',
    pointer: first.origin,
    value: first.controller,
    message: `unable to set ${first.file} to ${first.value}: no cgroup2 hierarchy is mounted`,
    hint: 'mount one: mount -t cgroup2 none /sys/fs/cgroup',
    spec: 'config-linux.md#control-groups',
  });
}
