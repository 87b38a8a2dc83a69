// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { openReadOnly } from '../host/files.ts';
import { O } from '../kernel/files.ts';
import { type NamespaceType, namespaceFiles, namespaceFlags } from '../oci/namespaces.ts';
import type { HostStepOf } from '../plan/plan.ts';
import type { HostOperation } from './host-work.ts';
import { requireMappings } from './id-maps.ts';

type OpenNamespace = HostStepOf<'openNamespace'>;

export const openNamespace: HostOperation<'openNamespace'> = {
  startFailure: true,
  apply(steps, work) {
    for (const step of steps) {
      const fd = openNamespaceFile(work.runtime.binding, step);
      work.handOver(step.slot === 0 ? undefined : step.slot, fd);
      if (step.slot === 0) work.cloneIn.push({ step, fd });
    }
  },
};

export const openDirectory: HostOperation<'openDirectory'> = {
  startFailure: true,
  apply(steps, work) {
    const { binding } = work.runtime;
    for (const { path, slot } of steps) {
      const flags = O.O_PATH | O.O_CLOEXEC;
      work.handOver(
        slot,
        onHost(`unable to open ${path}`, () => binding.open(path, flags, 0)),
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
  const { path, origin } = step;
  const wanted = typeOf(step.kind);
  const fields = { pointer: origin, path, spec: 'config-linux.md#namespaces' };
  const fd = onHost(
    `unable to open the ${wanted} namespace ${path}`,
    () => binding.open(path, O.O_RDONLY | O.O_CLOEXEC, 0),
    fields,
  );
  try {
    const kind = binding.namespaceKind(fd);
    if (kind === undefined) {
      throw new RuntimeError({
        code: 'config.namespace.not-a-namespace',
        message: `${path} is not a namespace`,
        hint: `name a file such as /proc/PID/ns/${namespaceFiles[wanted]}, or one that it is bound to`,
        ...fields,
      });
    }
    if (kind !== step.kind) {
      const found = typeOf(kind);
      throw new RuntimeError({
        code: 'config.namespace.wrong-type',
        message: `${path} is a namespace of type ${found}, not ${wanted}`,
        value: found,
        hint: 'the path or the type is the wrong one',
        ...fields,
      });
    }
    if (step.mappings !== undefined) requireMappings(binding, fd, step.mappings, path);
    return fd;
  } catch (error) {
    binding.close(fd);
    throw error;
  }
}

function typeOf(kind: number): NamespaceType {
  for (const [type, flag] of Object.entries(namespaceFlags)) {
    if (flag === kind) return type as NamespaceType;
  }
  throw new RuntimeError({ code: 'internal', message: `no namespace of kind ${kind}` });
}

/** Writes the offsets of the time namespace for the init's children. */
export const writeTimeOffsets: HostOperation<'writeTimeOffsets'> = {
  apply([step], work) {
    if (step === undefined) return;
    const { binding } = work.runtime;
    const { offsets, origin } = step;
    const { pid } = work.init;
    if (offsets !== '') {
      const path = `/proc/${pid}/timens_offsets`;
      onHost('unable to write the time offsets', () => binding.writeText(path, offsets, 0, 0), {
        pointer: origin,
        value: offsets.trim().replaceAll('\n', ', '),
        spec: 'config-linux.md#offset-for-time-namespace',
        hint: 'a clock must not become negative',
      });
    }
    work.at.give('timeNamespace', openReadOnly(binding, `/proc/${pid}/ns/time_for_children`));
  },
};
