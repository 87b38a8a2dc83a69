// SPDX-License-Identifier: Apache-2.0
import type { CgroupPlace } from '../cgroup/directory.ts';
import type { Hooks } from '../oci/config.ts';
import { hasNamespace } from '../plan/namespaces.ts';
import { mountsOn } from './host-mounts.ts';
import type { Prepared } from './prepare.ts';
import type { ContainerRecord } from './record.ts';
import type { Runtime } from './runtime.ts';
import { timestamp } from './timestamp.ts';

/** The record of a container of which nothing has been made yet. */
export function firstRecord(
  runtime: Runtime,
  { config, bundle, rootfs }: Prepared,
  id: string,
  cgroup: CgroupPlace | undefined,
  noNewKeyring: boolean,
): ContainerRecord {
  const pidNamespace = config.linux?.namespaces?.find(({ type }) => type === 'pid');
  return {
    version: 1,
    id,
    bundle: bundle.path,
    rootfs,
    created: timestamp(runtime.binding.now()),
    ...(config.annotations !== undefined && { annotations: config.annotations }),
    ...(cgroup !== undefined && { cgroup }),
    ...(noNewKeyring && { noNewKeyring }),
    ...laterHooks(config.hooks),
    ...(config.process.args.length === 0 && { noProgram: true as const }),
    ...((config.hooks?.startContainer ?? []).length > 0 && { startHooks: true as const }),
    ...(!hasNamespace(config, 'mount') && { mountsBelow: mountsOn(runtime.binding, rootfs) }),
    // An empty path asks for a new one.
    sharedPidNamespace: pidNamespace === undefined || (pidNamespace.path ?? '') !== '',
  };
}

function laterHooks({ poststart = [], poststop = [] }: Hooks = {}): Pick<ContainerRecord, 'hooks'> {
  if (poststart.length === 0 && poststop.length === 0) return {};
  return { hooks: { poststart, poststop } };
}
