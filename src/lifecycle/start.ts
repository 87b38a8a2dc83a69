// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import { unlessMissing } from '../host/files.ts';
import { joinPath } from '../host/paths.ts';
import { explainLate } from './exec-data.ts';
import { runPoststartHooks } from './hooks.ts';
import { stopContainer } from './kill.ts';
import { withPlace } from './place.ts';
import { type ContainerRecord, files } from './record.ts';
import type { Runtime } from './runtime.ts';
import { requireStatus, statusOf } from './status.ts';
import { type Held, hold, notFound, readRecord, stateDirectory } from './store.ts';

/**
 * Runs the program of a created container, and returns when it has really been executed. A program that cannot be
 * is an error, and the container is stopped.
 *
 * @throws RuntimeError `state.not-found`, `state.not-created`, `config.process.required`, `state.busy`, `container.syscall`, `host.syscall`
 * @see runtime.md#start
 */
export function startContainer(runtime: Runtime, id: string): void {
  // Refused before the lock too, so that a container that runs is not waited for.
  requireStatus('start', id, statusBefore(runtime, id));
  const held = hold(runtime, id);
  if (held === undefined) throw notFound(runtime, id);
  try {
    const record = readRecord(runtime, id);
    requireStatus('start', id, statusOf(runtime, record, { held: true }));
    release(runtime, held, record);
  } finally {
    held.release();
  }
}

/** `creating` counts as created: the lock makes us wait for its end. */
function statusBefore(runtime: Runtime, id: string): ReturnType<typeof statusOf> {
  const status = statusOf(runtime, readRecord(runtime, id), { held: false });
  return status === 'creating' ? 'created' : status;
}

function release(runtime: Runtime, held: Held, record: ContainerRecord): void {
  if (record.noProgram === true) throw noProgram(record.id);
  const { binding } = runtime;
  const fifo = joinPath(held.directory, files.startFifo);
  const report = onHost(`unable to start container ${record.id}`, () => binding.release(fifo));
  onHost(`unable to remove ${fifo}`, () => unlessMissing(() => binding.unlink(fifo)));
  // Nobody read our word: the init died between the look at its status and now.
  if (report.kind === 'ended') requireStatus('start', record.id, 'stopped');
  if (report.kind === 'failed') {
    placed(runtime, record.id, () => {
      throw explainLate(runtime, record.id, report);
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

/** The channel was closed before the init said that its hooks are over. */
function endedInHook(): RuntimeError {
  return new RuntimeError({
    code: 'container.ended',
    stage: 'container',
    message: 'the container ended while its startContainer hooks ran',
    hint: 'it was killed: with kill or delete --force, or by a memory limit (see the kernel log)',
  });
}

/**
 * The poststart hooks. When one fails the container is stopped, and left for `delete`.
 *
 * @throws RuntimeError as runHostHook
 */
export function afterExec(runtime: Runtime, record: ContainerRecord): void {
  if (record.hooks?.poststart === undefined) return;
  try {
    placed(runtime, record.id, () => runPoststartHooks(runtime, record));
  } catch (error) {
    stopContainer(runtime, record);
    throw error;
  }
}

/** A failure knows its line in the config as it was at create. */
function placed(runtime: Runtime, id: string, work: () => void): void {
  const config = joinPath(stateDirectory(runtime, id), files.config);
  try {
    work();
  } catch (error) {
    withPlace(unlessMissing(() => runtime.binding.readText(config)) ?? '{}', () => {
      throw error;
    });
  }
}
