// SPDX-License-Identifier: Apache-2.0
import { type AttachEnd, attach, openAttachment } from '../../../direct/attach.ts';
import type { DirectContainer } from '../../../direct/container.ts';
import { removeEnded } from '../../../direct/remove.ts';
import { startDirect } from '../../../direct/start.ts';
import { stateOf } from '../../../direct/status.ts';
import { releaseEnded } from '../../../direct/stop.ts';
import { containerPath, type DirectStore } from '../../../direct/store.ts';
import { RuntimeError } from '../../../errors/error.ts';
import type { Binding } from '../../../host/binding.d.ts';
import type { Context } from '../../command.ts';

export interface AttachedOptions {
  /** Standard input goes to the program. */
  readonly input: boolean;
  /** Value of `--detach-keys`. */
  readonly detachKeys: unknown;
  /** Signals go to the program. Default true. */
  readonly signals?: boolean;
}

const brokenPipe = 128 + 13;

/** @throws RuntimeError `usage.terminal` if the program needs a terminal and standard input is not one */
export function requireTerminal(
  binding: Binding,
  { terminal }: { readonly terminal: boolean },
  input: boolean,
): void {
  if (!terminal || !input || binding.isTerminal(0)) return;
  throw new RuntimeError({
    code: 'usage.terminal',
    message: 'the input device is not a TTY',
    hint: 'start the command on a terminal, or leave out -t',
  });
}

/**
 * Starts the container and copies between it and this process until its end.
 *
 * @returns the exit status of the program; 0 after the detach keys
 */
export function runAttached(
  context: Context,
  store: DirectStore,
  container: DirectContainer,
  options: AttachedOptions,
): number {
  const { runtime } = context;
  const { binding } = runtime;
  requireTerminal(binding, container, options.input);
  let attachment: number | undefined;
  let init = 0;
  const open = (): number =>
    openAttachment(binding, containerPath(store, container.id), { output: true, removes: container.remove });
  startDirect(runtime, store, container, pid => {
    init = pid;
    attachment = open();
  });
  return follow(context, store, container, attachment ?? open(), init, options);
}

/** Attaches to a running container. */
export function attachRunning(
  context: Context,
  store: DirectStore,
  container: DirectContainer,
  options: AttachedOptions,
): number {
  const { runtime } = context;
  requireTerminal(runtime.binding, container, options.input);
  const { pid } = stateOf(runtime, store, container);
  const attachment = openAttachment(runtime.binding, containerPath(store, container.id), {
    output: true,
    removes: false,
  });
  return follow(context, store, { ...container, remove: false }, attachment, pid, options);
}

function follow(
  { runtime }: Context,
  store: DirectStore,
  container: DirectContainer,
  attachment: number,
  init: number,
  { input, detachKeys, signals = true }: AttachedOptions,
): number {
  const { binding } = runtime;
  const { id, terminal, openStdin, remove, restart } = container;
  const end: AttachEnd = attach(binding, containerPath(store, id), attachment, {
    terminal,
    stdin: input && (openStdin || terminal),
    closeStdin: true,
    ...(typeof detachKeys === 'string' && { detachKeys }),
    ...(signals && init > 0 && { signalProxy: init }),
  });
  try {
    if (end.how !== 'ended') return statusOf(end);
    if (remove) removeEnded(runtime, store, id);
    else if (restart === undefined) releaseEnded(runtime, id);
    return end.exit.status;
  } finally {
    // If this client ends earlier, the keeper removes a container with --rm.
    if (remove) binding.close(attachment);
  }
}

function statusOf(end: Exclude<AttachEnd, { how: 'ended' }>): number {
  if (end.how === 'signal') return 128 + end.signal;
  return end.how === 'closed' ? brokenPipe : 0;
}
