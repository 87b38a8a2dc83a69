// SPDX-License-Identifier: Apache-2.0
import type { State } from '../oci/state.ts';
import { ociVersion } from '../oci/version.ts';
import { onHostStep } from '../plan/explain.ts';
import { sortedAnnotations } from '../plan/hooks.ts';
import type { HostOperation } from './host-context.ts';

/** config-linux.md#containerprocessstate */
interface ContainerProcessState {
  readonly ociVersion: string;
  /** Kind of each descriptor sent with the message. */
  readonly fds: readonly ['seccompFd'];
  /** pid of the process with the filter, in the runtime's pid namespace: the init, or an executed process. */
  readonly pid: number;
  readonly metadata?: string;
  readonly state: State;
}

export const sendListener: HostOperation<'sendListener'> = {
  apply([step], context) {
    if (step === undefined) return;
    const { binding, log } = context.runtime;
    const { pid } = context.init;
    const { id, bundle, annotations, initPid = pid } = context.subject;
    const message: ContainerProcessState = {
      ociVersion,
      fds: ['seccompFd'],
      pid,
      ...(step.metadata !== undefined && { metadata: step.metadata }),
      state: {
        ociVersion,
        id,
        status: context.subject.status(),
        pid: initPid,
        bundle,
        ...sortedAnnotations(annotations),
      },
    };
    const listener = context.at.take('listener');
    try {
      onHostStep(step, () => binding.sendDescriptor(step.path, listener, JSON.stringify(message)));
    } finally {
      binding.close(listener);
    }
    log.debug(`the seccomp agent at ${step.path} has the listener of process ${pid}`);
  },
};
