// SPDX-License-Identifier: Apache-2.0
import { onHost } from '../errors/system.ts';
import { openReadOnly } from '../host/files.ts';
import type { HostOperation } from './host-work.ts';

/** Writes the offsets of the time namespace for the init's children. */
export const writeTimeOffsets: HostOperation<'writeTimeOffsets'> = {
  apply([step], work) {
    if (step === undefined) return;
    const { binding } = work.runtime;
    const { offsets, origin } = step;
    const { pid } = work.init;
    if (offsets !== '') {
      const path = `/proc/${pid}/timens_offsets`;
      onHost('unable to write the time offsets', () => binding.writeText(path, offsets, 0, 0), {
        pointer: origin,
        value: offsets.trim().replaceAll('\n', ', '),
        spec: 'config-linux.md#offset-for-time-namespace',
        hint: 'a clock must not become negative',
      });
    }
    work.at.give('timeNamespace', openReadOnly(binding, `/proc/${pid}/ns/time_for_children`));
  },
};
