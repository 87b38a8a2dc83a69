// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { isSystemError } from '../errors/system.ts';
import type { HookEnd } from '../host/binding.d.ts';
import type { Hook } from '../oci/config.ts';
import type { Status } from '../oci/state.ts';
import { ociVersion } from '../oci/version.ts';
import { explainHook, type HookFailure } from '../plan/explain-hook.ts';
import { type HookKind, hookArgs, hookOrigin, sortedAnnotations } from '../plan/hooks.ts';
import type { HostOperation } from './host-context.ts';
import type { ContainerRecord } from './record.ts';
import type { Runtime } from './runtime.ts';

/** The hooks that run while the init waits. */
export const runHook: HostOperation<'runHook'> = {
  apply(steps, { runtime, subject, init }) {
    for (const { kind, index, hook } of steps) {
      try {
        // Earlier versions of the specification ran prestart hooks in `start`, and existing hooks expect this status.
        const status = kind === 'prestart' ? 'created' : 'creating';
        runHostHook(runtime, kind, index, hook, subject, status, init.pid);
      } catch (error) {
        if (!(error instanceof RuntimeError)) throw error;
        throw error.with({ message: `error during container init: ${error.message}` });
      }
    }
  },
};

/** Container data that a hook receives. */
export type HookSubject = Pick<ContainerRecord, 'id' | 'bundle' | 'annotations'>;

/**
 * Runs one hook in the runtime's namespaces: in the bundle's directory, with only its own environment (the runtime's if
 * the hook has no `env`, like runc), and with the state on standard input.
 *
 * @param pid - pid of the init; undefined if there is none
 * @throws RuntimeError `hook.failed`, `hook.timeout`, `hook.not-executable`, `hook.syscall`
 * @see config.md#posix-platform-hooks
 */
export function runHostHook(
  { binding, log }: Runtime,
  kind: HookKind,
  index: number,
  hook: Hook,
  subject: HookSubject,
  status: Status,
  pid: number | undefined,
): void {
  const { id, bundle } = subject;
  const origin = hookOrigin(kind, index);
  const fail = (failure: HookFailure): RuntimeError =>
    new RuntimeError({ ...explainHook(origin, hook.path, failure), stage: 'host' });
  log.debug(`running ${kind} hook #${index}: ${hook.path}`);
  let end: HookEnd;
  try {
    end = binding.runHook({
      path: hook.path,
      args: hookArgs(hook),
      ...(hook.env !== undefined && { env: hook.env }),
      input: JSON.stringify({
        ociVersion,
        id,
        status,
        ...(pid !== undefined && { pid }),
        bundle,
        ...sortedAnnotations(subject.annotations),
      }),
      directory: bundle,
      timeoutMs: hook.timeout === undefined ? -1 : hook.timeout * 1000,
    });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw fail({ how: 'refused', syscall: error.syscall, errno: error.errno });
  }
  const wrote = `stdout: ${end.stdout.trimEnd()}, stderr: ${end.stderr.trimEnd()}`;
  if (end.timedOut) throw fail({ how: 'timeout', seconds: hook.timeout ?? 0, wrote });
  if (end.signal !== undefined) throw fail({ how: 'signal', status: end.signal, wrote });
  if (end.code !== 0) throw fail({ how: 'exit', status: end.code ?? 0, wrote });
}

/**
 * Runs the poststart hooks in order, up to the first that fails.
 *
 * @throws RuntimeError as runHostHook
 */
export function runPoststartHooks(runtime: Runtime, record: ContainerRecord): void {
  for (const [index, hook] of record.hooks?.poststart?.entries() ?? []) {
    runHostHook(runtime, 'poststart', index, hook, record, 'running', record.init?.pid);
  }
}

/** Runs all poststop hooks. A failure is only a warning, because the container is already deleted. */
export function runPoststopHooks(
  runtime: Runtime,
  record: HookSubject & Pick<ContainerRecord, 'hooks'>,
): void {
  for (const [index, hook] of record.hooks?.poststop?.entries() ?? []) {
    try {
      runHostHook(runtime, 'poststop', index, hook, record, 'stopped', undefined);
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      runtime.log.warn(error.message);
    }
  }
}
