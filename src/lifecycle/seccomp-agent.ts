// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Seccomp } from '../oci/seccomp.ts';
import type { State, Status } from '../oci/state.ts';
import { ociVersion } from '../oci/version.ts';
import { sortedAnnotations } from '../plan/hooks.ts';
import type { HookSubject } from './hooks.ts';
import { type Moments, seccompMoment } from './rendezvous.ts';
import type { Runtime } from './runtime.ts';

/** Who is told of the calls of a filter with SCMP_ACT_NOTIFY. */
export type Listener = Pick<Seccomp, 'listenerPath' | 'listenerMetadata'>;

/** config-linux.md#containerprocessstate */
interface ContainerProcessState {
  readonly ociVersion: string;
  /** What each descriptor that comes along is. */
  readonly fds: readonly ['seccompFd'];
  /** Of the process with the filter, in the runtime's pid namespace: the init, or an executed process. */
  readonly pid: number;
  readonly metadata?: string;
  readonly state: State;
}

/**
 * Gives the descriptor of a filter with SCMP_ACT_NOTIFY to the agent that the profile names, with what it may know of
 * the process.
 *
 * @param initPid - of the container, when that is not the process with the filter
 */
export function seccompMoments(
  { binding, log }: Runtime,
  seccomp: Listener | undefined,
  subject: HookSubject,
  status: () => Status,
  initPid?: number,
): Moments {
  if (seccomp === undefined) return {};
  const { listenerPath = '', listenerMetadata } = seccomp;
  return {
    [seccompMoment]: ({ pid, fd }) => {
      if (fd === undefined) throw new RuntimeError({ code: 'internal', message: 'no listener was taken' });
      const { id, bundle, annotations } = subject;
      const message: ContainerProcessState = {
        ociVersion,
        fds: ['seccompFd'],
        pid,
        ...(listenerMetadata !== undefined && { metadata: listenerMetadata }),
        state: {
          ociVersion,
          id,
          status: status(),
          pid: initPid ?? pid,
          bundle,
          ...sortedAnnotations(annotations),
        },
      };
      try {
        onHost(
          'failed to connect with seccomp agent specified in the seccomp profile',
          () => binding.sendDescriptor(listenerPath, fd, JSON.stringify(message)),
          {
            pointer: '/linux/seccomp/listenerPath',
            value: listenerPath,
            spec: 'config-linux.md#seccomp',
            hint: 'the agent must listen there, on a Unix stream socket, before the container is created',
          },
        );
      } finally {
        binding.close(fd);
      }
      log.debug(`the seccomp agent at ${listenerPath} has the listener of process ${pid}`);
    },
  };
}
