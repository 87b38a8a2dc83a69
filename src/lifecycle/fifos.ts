// SPDX-License-Identifier: Apache-2.0
import { onHost } from '../errors/system.ts';
import { openFlags } from '../host/files.ts';
import { joinPath } from '../host/paths.ts';
import type { HostOperation } from './host-work.ts';
import { files } from './record.ts';

/** The FIFOs lie in the state directory, and go with it. */
export const makeFifos: HostOperation<'makeFifos'> = {
  apply([step], work) {
    if (step === undefined) return;
    const { binding } = work.runtime;
    for (const [name, slot] of [
      [files.go, step.go],
      [files.result, step.result],
    ] as const) {
      const path = joinPath(work.stateDirectory, name);
      onHost(`unable to make the FIFO ${path}`, () => binding.mkfifo(path, 0o600));
      // For reading and writing: no open waits for the other end, and no end is lost between create and start.
      const flags = openFlags.readWrite | openFlags.closeOnExec;
      work.handOver(
        slot,
        onHost(`unable to open ${path}`, () => binding.open(path, flags, 0)),
      );
    }
  },
};
