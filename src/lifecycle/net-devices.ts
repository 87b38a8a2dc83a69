// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { openReadOnly } from '../host/files.ts';
import { hostStepFailure, onHostStep } from '../plan/explain.ts';
import type { HostOperation } from './host-context.ts';

/** The runtime's own network namespace. */
const own = -1;

/**
 * Moves devices into the container's network namespace, and back if the create fails. Later they belong to the
 * namespace, as the specification requires: at its end physical devices return to the host, and virtual ones are
 * destroyed.
 */
export const moveNetDevice: HostOperation<'moveNetDevice'> = {
  apply(steps, context) {
    const { binding } = context.runtime;
    const containerNamespace = openReadOnly(binding, `/proc/${context.init.pid}/ns/net`);
    // Keep it open until the end: the devices stay in it after the init has exited, and the undo moves them back.
    context.atEnd(() => binding.close(containerNamespace));
    for (const step of steps) {
      const { name, newName } = step;
      const moved = onHostStep(step, () =>
        binding.moveNetDevice({ name, newName, from: own, to: containerNamespace, up: true }),
      );
      context.undo.arm(`the network device ${name}`, () => {
        binding.moveNetDevice({
          name: moved.name,
          newName: name,
          from: containerNamespace,
          to: own,
          up: moved.wasUp,
        });
      });
    }
  },

  inspect(step, binding, findings) {
    findings.addUnchecked(step.origin, 'whether the network device can be moved');
    const devices = binding.readTextIfThere('/proc/self/net/dev');
    if (devices === undefined) return;
    const names = devices.split('\n').map(line => line.split(':', 1)[0]?.trim());
    if (!names.includes(step.name))
      throw hostStepFailure(step, { syscall: 'RTM_GETLINK', errno: errno.ENODEV });
  },
};
