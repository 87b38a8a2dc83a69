// SPDX-License-Identifier: Apache-2.0
import { type CgroupPlace, planCgroup, requireVacant } from '../cgroup/directory.ts';
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import { joinPath } from '../host/paths.ts';
import { O } from '../kernel/files.ts';
import { publishedText } from '../network/publish.ts';
import type { Hooks } from '../oci/config.ts';
import type { CgroupRequest } from '../plan/cgroup.ts';
import type { HostStepOf } from '../plan/plan.ts';
import { runPoststopHooks } from './hooks.ts';
import type { HostContext, HostOperation } from './host-context.ts';
import { mountsOn, unmountRoot } from './host-mounts.ts';
import type { NetworkRecord } from './network/record.ts';
import { plannedRdt } from './rdt.ts';
import { files, recordVersion, type UpperLayer } from './record.ts';
import { claim, removeState, writeRecord } from './store.ts';
import { timestamp } from './timestamp.ts';
import { claimUpper, releaseUpper } from './upper-layer.ts';

export const makeState: HostOperation<'makeState'> = {
  apply(_, context) {
    const { runtime, container } = context;
    const { config, bundle } = container.prepared;
    const lock = claim(runtime, container.id);
    context.lock = lock;
    if (config.hooks?.poststop !== undefined) {
      // Undo runs in reverse order: armed first, the hooks run after everything else is removed.
      const subject = { ...config, id: lock.id, bundle: bundle.path };
      context.undo.arm('the poststop hooks', () => runPoststopHooks(runtime, subject));
    }
    context.undo.arm(`the state directory ${lock.directory}`, () => removeState(runtime, lock));
  },
};

export const saveRecord: HostOperation<'saveRecord'> = {
  apply([step], context) {
    if (step === undefined) return;
    const { upper: request } = step;
    if (request === undefined) writeFirstRecord(context, step, undefined);
    else
      claimUpper(context.runtime, context.container.id, request, upper =>
        writeFirstRecord(context, step, upper),
      );
  },
};

function writeFirstRecord(
  context: HostContext,
  step: HostStepOf<'saveRecord'>,
  upper: UpperLayer | undefined,
): void {
  const { runtime, container } = context;
  const { binding } = runtime;
  const { config, configText, bundle, rootfs } = container.prepared;
  const cgroup = step.cgroup === undefined ? undefined : cgroupPlace(context, step.cgroup);
  const rdt = step.rdt === undefined ? undefined : plannedRdt(runtime, step.rdt, container.id);
  const pidNamespace = config.linux?.namespaces?.find(({ type }) => type === 'pid');
  const mountsBelow = step.sharesMounts ? mountsOn(binding, rootfs) : undefined;
  context.record = {
    version: recordVersion,
    id: container.id,
    bundle: bundle.path,
    rootfs,
    created: timestamp(binding.now()),
    ...(config.annotations !== undefined && { annotations: config.annotations }),
    ...(cgroup !== undefined && { cgroup }),
    ...(container.noNewKeyring && { noNewKeyring: true }),
    ...recordedHooks(config.hooks),
    ...(config.process.args.length === 0 && { noProgram: true as const }),
    ...((config.hooks?.startContainer ?? []).length > 0 && { startHooks: true as const }),
    ...(mountsBelow !== undefined && { mountsBelow }),
    ...(upper !== undefined && { upper }),
    // An empty path requests a new namespace.
    sharedPidNamespace: pidNamespace === undefined || (pidNamespace.path ?? '') !== '',
    ...(rdt !== undefined && { rdt }),
    ...networkOf(context),
  };
  const copy = joinPath(context.stateDirectory, files.config);
  onHost(`unable to write ${copy}`, () => {
    writeRecord(runtime, context.record);
    binding.writeText(copy, configText, O.O_CREAT | O.O_EXCL, 0o600);
  });
  if (mountsBelow !== undefined) {
    context.undo.arm(`the mounts on ${rootfs}`, () => unmountRoot(binding, rootfs, mountsBelow));
  }
  if (upper?.bootId !== undefined) {
    // Undone after the init has been killed.
    context.undo.arm(`the marker of the volatile layer ${upper.path}`, () =>
      releaseUpper(runtime, container.id, upper),
    );
  }
}

function networkOf({ attachments, heldPorts, keeper }: HostContext): { readonly network?: NetworkRecord } {
  if (attachments.length === 0 && heldPorts.length === 0 && keeper === undefined) return {};
  const ports = new Set(heldPorts.map(held => publishedText(held.ports)));
  return {
    network: {
      attachments,
      ...(ports.size > 0 && { ports: [...ports] }),
      ...(keeper !== undefined && { keeper }),
    },
  };
}

/**
 * Returns the future cgroup. A populated cgroup is refused before the record contains it, because a delete kills its
 * processes.
 */
function cgroupPlace({ runtime, container }: HostContext, request: CgroupRequest): CgroupPlace {
  const { binding } = runtime;
  const { mountpoint: root } = container.prepared.facts.cgroup;
  const { path, origin, unit, manager } = request;
  if (unit === undefined) return planCgroup(binding, root, path, origin);
  const place = joinPath(root, path.slice(1));
  requireVacant(binding, place, origin);
  return { root, path: place, made: [], unit, ...(manager !== undefined && { manager }) };
}

function recordedHooks({ poststart = [], poststop = [] }: Hooks = {}): { readonly hooks?: Hooks } {
  if (poststart.length === 0 && poststop.length === 0) return {};
  return { hooks: { poststart, poststop } };
}

export const saveInit: HostOperation<'saveInit'> = {
  apply(_, context) {
    const { startTime } = context;
    if (startTime === undefined)
      throw new RuntimeError({ code: 'internal', message: 'no start time of the init' });
    context.record = {
      ...context.record,
      // The interfaces have their names on the host only since the clone.
      ...networkOf(context),
      init: { pid: context.init.pid, startTime },
    };
    writeRecord(context.runtime, context.record);
  },
};
