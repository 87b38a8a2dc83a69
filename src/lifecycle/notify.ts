// SPDX-License-Identifier: Apache-2.0
// sd_notify(3): READY=1 of a container is passed to the service manager that started the runtime.
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding, Readiness } from '../host/binding.d.ts';
import { unlessMissing } from '../host/files.ts';
import { entryPath } from '../host/paths.ts';
import { notifyDirectory, notifySocket } from '../plan/notify.ts';
import type { HostOperation } from './host-context.ts';
import { withInit } from './init-process.ts';
import type { InitRecord } from './record.ts';
import type { Runtime } from './runtime.ts';

/** Returns the socket of the service manager: a path, or `@` and an abstract name. */
export function serviceManager(binding: Binding): string | undefined {
  return binding.getenv('NOTIFY_SOCKET') || undefined;
}

export const makeNotifyDirectory: HostOperation<'makeNotifyDirectory'> = {
  apply([step], context) {
    const { binding } = context.runtime;
    const host = serviceManager(binding);
    if (step === undefined || host === undefined) return;
    const directory = entryPath(context.stateDirectory, notifyDirectory);
    onHost(`unable to make ${directory}`, () => binding.mkdir(directory, 0o755));
    if (!step.listens) return;
    const socket = bindSocket(binding, entryPath(directory, notifySocket));
    context.undo.arm('the socket for notifications', () => binding.close(socket));
    context.readiness = { socket, host };
  },
};

function bindSocket(binding: Binding, path: string): number {
  return onHost(`unable to listen at ${path}`, () => binding.bindDatagrams(path));
}

/**
 * Binds the socket of a created container. Undefined without a service manager, and for a container that was created
 * without one, because it has no mount for the socket. The caller closes the socket.
 */
export function listenForReadiness({ binding }: Runtime, stateDirectory: string): Readiness | undefined {
  const host = serviceManager(binding);
  if (host === undefined) return undefined;
  const directory = entryPath(stateDirectory, notifyDirectory);
  if (binding.stat(directory) === undefined) return undefined;
  const path = entryPath(directory, notifySocket);
  // A start that failed or was killed leaves its socket.
  onHost(`unable to remove ${path}`, () => unlessMissing(() => binding.unlink(path)));
  return { socket: bindSocket(binding, path), host };
}

/**
 * Waits until the container is ready or has ended, and reports readiness to the service manager. A service
 * manager that cannot be reached causes only a warning, because the container runs in any case.
 */
export function relayReadiness({ binding, log }: Runtime, init: InitRecord, readiness: Readiness): void {
  try {
    withInit(binding, init, pidfd =>
      onHost(`unable to notify the service manager at ${readiness.host}`, () =>
        binding.relayReadiness({ ...readiness, pidfd, pid: init.pid }),
      ),
    );
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    log.warn(error.message);
  }
}
