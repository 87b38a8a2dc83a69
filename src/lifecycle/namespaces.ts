// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../host/binding.d.ts';
import { openReadOnly } from '../host/files.ts';
import { O } from '../kernel/files.ts';
import { onHostStep } from '../plan/explain.ts';
import { wrongNamespace } from '../plan/namespaces.ts';
import type { HostStepOf } from '../plan/plan.ts';
import type { HostOperation } from './host-context.ts';
import { requireMappings } from './id-maps.ts';

type OpenNamespace = HostStepOf<'openNamespace'>;

export const openNamespace: HostOperation<'openNamespace'> = {
  startFailure: true,
  apply(steps, context) {
    for (const step of steps) {
      const fd = openNamespaceFile(context.runtime.binding, step);
      context.handOver(step.slot === 0 ? undefined : step.slot, fd);
      if (step.slot === 0) context.cloneIn.push({ step, fd });
    }
  },
};

export const openDirectory: HostOperation<'openDirectory'> = {
  startFailure: true,
  apply(steps, context) {
    const { binding } = context.runtime;
    for (const step of steps) {
      const flags = O.O_PATH | O.O_CLOEXEC;
      context.handOver(
        step.slot,
        onHostStep(step, () => binding.open(step.path, flags, 0)),
      );
    }
  },
};

/**
 * Opens a namespace to join, and checks its type: for a wrong type setns(2) reports only EINVAL.
 *
 * @throws RuntimeError `config.user-namespace.joined-mappings`, `config.namespace.not-a-namespace`, `config.namespace.wrong-type`, `host.syscall`
 */
export function openNamespaceFile(binding: Binding, step: OpenNamespace): number {
  const fd = onHostStep(step, () => binding.open(step.path, O.O_RDONLY | O.O_CLOEXEC, 0));
  try {
    const kind = binding.namespaceKind(fd);
    if (kind !== step.kind) throw wrongNamespace(step, kind);
    if (step.mappings !== undefined) requireMappings(binding, fd, step.mappings, step.path);
    return fd;
  } catch (error) {
    binding.close(fd);
    throw error;
  }
}

/** Writes the offsets of the time namespace for the init's children. */
export const writeTimeOffsets: HostOperation<'writeTimeOffsets'> = {
  apply([step], context) {
    if (step === undefined) return;
    const { binding } = context.runtime;
    const { offsets } = step;
    const { pid } = context.init;
    if (offsets !== '') {
      const path = `/proc/${pid}/timens_offsets`;
      onHostStep(step, () => binding.writeText(path, offsets, 0, 0));
    }
    context.at.give('timeNamespace', openReadOnly(binding, `/proc/${pid}/ns/time_for_children`));
  },
};
