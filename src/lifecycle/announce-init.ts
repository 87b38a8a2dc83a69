// SPDX-License-Identifier: Apache-2.0
import { onHost } from '../errors/system.ts';
import { unlessMissing } from '../host/files.ts';
import { listenHint } from './console.ts';
import type { HostOperation } from './host-work.ts';

/** The format that engines read: digits, no newline, replaced in one step. */
export const writePidFile: HostOperation<'writePidFile'> = {
  apply([step], work) {
    if (step === undefined) return;
    const { binding } = work.runtime;
    const { path } = step;
    const text = String(work.init.pid);
    onHost(`unable to write the pid file ${path}`, () => binding.replaceText(path, text, 0o666));
    work.undo.arm(`the pid file ${path}`, () => unlessMissing(() => binding.unlink(path)));
  },
};

/** Name sent with the pidfd: engines distinguish a container's init from an executed process by it. */
const names = { init: 'standard', exec: 'setns' } as const;

/** The listener gets the pidfd before the program runs. */
export const sendPidfd: HostOperation<'sendPidfd'> = {
  apply([step], work) {
    if (step === undefined) return;
    const { binding } = work.runtime;
    const name = work.subject.initPid === undefined ? names.init : names.exec;
    onHost(
      `unable to send the pidfd to the socket ${step.path}`,
      () => binding.sendDescriptor(step.path, work.init.pidfd, name),
      { hint: listenHint },
    );
  },
};
