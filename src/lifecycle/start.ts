// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Readiness } from '../host/binding.d.ts';
import { unlessMissing } from '../host/files.ts';
import { joinPath } from '../host/paths.ts';
import { explainStartFailure } from './exec-data.ts';
import { runPoststartHooks } from './hooks.ts';
import { stopContainer } from './kill.ts';
import { listenForReadiness, relayReadiness } from './notify.ts';
import { type ContainerRecord, files } from './record.ts';
import type { Runtime } from './runtime.ts';
import { withSourceLocation } from './source-location.ts';
import { requireStatus, statusOf } from './status.ts';
import { hold, notFound, readRecord, type StateLock, stateDirectory } from './store.ts';

/**
 * Runs the program of a created container, and returns after the exec. If the exec fails, the container stops.
 *
 * @throws RuntimeError `state.not-found`, `state.not-created`, `state.older-version`, `config.process.required`, `state.busy`, `container.syscall`, `host.syscall`
 * @see runtime.md#start
 */
export function startContainer(runtime: Runtime, id: string): void {
  // Check before locking too: a running container is refused without waiting for the lock.
  requireStatus('start', id, statusBefore(runtime, id));
  const held = hold(runtime, id);
  if (held === undefined) throw notFound(runtime, id);
  let readiness: Readiness | undefined;
  try {
    const record = readRecord(runtime, id);
    requireStatus('start', id, statusOf(runtime, record, { held: true }));
    readiness = listenForReadiness(runtime, held.directory);
    releaseInit(runtime, held, record);
    if (readiness === undefined || record.init === undefined) return;
    // Other commands on the container do not wait for its readiness.
    held.release();
    relayReadiness(runtime, record.init, readiness);
  } finally {
    held.release();
    if (readiness !== undefined) runtime.binding.close(readiness.socket);
  }
}

/** `creating` counts as created: the lock waits for the end of the create. */
function statusBefore(runtime: Runtime, id: string): ReturnType<typeof statusOf> {
  const status = statusOf(runtime, readRecord(runtime, id), { held: false });
  return status === 'creating' ? 'created' : status;
}

function releaseInit(runtime: Runtime, held: StateLock, record: ContainerRecord): void {
  if (record.noProgram === true) throw noProgram(record.id);
  // Its init does not answer at the FIFO: the command would wait forever.
  if (record.version === 1) throw olderInit(record.id);
  const { binding } = runtime;
  const fifo = joinPath(held.directory, files.startFifo);
  const report = onHost(`unable to start container ${record.id}`, () => binding.release(fifo));
  onHost(`unable to remove ${fifo}`, () => unlessMissing(() => binding.unlink(fifo)));
  // The init has not read the FIFO: it exited after its status was checked.
  if (report.kind === 'ended') requireStatus('start', record.id, 'stopped');
  if (report.kind === 'failed') {
    withConfigLocation(runtime, record.id, () => {
      throw explainStartFailure(runtime, record.id, report);
    });
  }
  if (report.step === 0 && record.startHooks === true) throw endedInHook();
  afterExec(runtime, record);
}

function noProgram(id: string): RuntimeError {
  return new RuntimeError({
    code: 'config.process.required',
    pointer: '/process',
    message: `cannot start container ${id}: its config.json has no process`,
    hint: 'delete it, write process into config.json, and create it again',
    spec: 'config.md#process',
  });
}

function olderInit(id: string): RuntimeError {
  return new RuntimeError({
    code: 'state.older-version',
    message: `cannot start container ${id}: an earlier version of tsubo created it`,
    hint: 'delete it and create it again, or start it with the version that created it',
  });
}

/** The channel was closed before the init reported the end of its startContainer hooks. */
function endedInHook(): RuntimeError {
  return new RuntimeError({
    code: 'container.ended',
    stage: 'container',
    message: 'the container ended while its startContainer hooks ran',
    hint: 'it was killed: with kill or delete --force, or by a memory limit (see the kernel log)',
  });
}

/**
 * Runs the poststart hooks. If one fails, the container is stopped and left for `delete`.
 *
 * @throws RuntimeError as runHostHook
 */
export function afterExec(runtime: Runtime, record: ContainerRecord): void {
  if (record.hooks?.poststart === undefined) return;
  try {
    withConfigLocation(runtime, record.id, () => runPoststartHooks(runtime, record));
  } catch (error) {
    stopContainer(runtime, record);
    throw error;
  }
}

/** Adds the line in the stored config.json to a failure. */
function withConfigLocation(runtime: Runtime, id: string, work: () => void): void {
  const config = joinPath(stateDirectory(runtime, id), files.config);
  try {
    work();
  } catch (error) {
    withSourceLocation(unlessMissing(() => runtime.binding.readText(config)) ?? '{}', () => {
      throw error;
    });
  }
}
