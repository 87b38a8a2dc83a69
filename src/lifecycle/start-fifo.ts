// SPDX-License-Identifier: Apache-2.0
import { onHost } from '../errors/system.ts';
import { joinPath } from '../host/paths.ts';
import type { HostOperation } from './host-work.ts';
import { files } from './record.ts';

/** The FIFO is in the state directory and is removed with it. */
export const makeStartFifo: HostOperation<'makeStartFifo'> = {
  apply([step], work) {
    if (step === undefined) return;
    const { binding } = work.runtime;
    const path = joinPath(work.stateDirectory, files.startFifo);
    work.handOver(
      step.slot,
      onHost(`unable to make the FIFO ${path}`, () => binding.makeFullFifo(path, 0o600)),
    );
  },
};
