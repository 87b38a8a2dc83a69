// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import type { RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError } from '../errors/system.ts';
import type { SystemError } from '../host/binding.d.ts';
import { openReadOnly } from '../host/files.ts';
import type { HostStepOf } from '../plan/plan.ts';
import type { HostOperation } from './host-work.ts';

type MoveStep = HostStepOf<'moveNetDevice'>;

/** The runtime's own network namespace. */
const own = -1;

/**
 * Moves devices into the container's network namespace, and back if the create fails. Later they belong to the
 * namespace, as the specification requires: at its end physical devices return to the host, and virtual ones are
 * destroyed.
 */
export const moveNetDevice: HostOperation<'moveNetDevice'> = {
  apply(steps, work) {
    const { binding } = work.runtime;
    const containerNamespace = openReadOnly(binding, `/proc/${work.init.pid}/ns/net`);
    // Keep it open until the end: the devices stay in it after the init has exited, and the undo moves them back.
    work.atEnd(() => binding.close(containerNamespace));
    for (const step of steps) {
      const { name, newName } = step;
      const moved = explained(step, () =>
        binding.moveNetDevice({ name, newName, from: own, to: containerNamespace, up: true }),
      );
      work.undo.arm(`the network device ${name}`, () => {
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
};

function explained<T>(step: MoveStep, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isSystemError(error) ? netDeviceFailure(step, error) : error;
  }
}

/** The error for a device that cannot be moved. */
export function netDeviceFailure(
  step: MoveStep,
  error: Pick<SystemError, 'syscall' | 'errno'>,
): RuntimeError {
  const { name, newName, origin } = step;
  const value = newName === name ? name : `${name} -> ${newName}`;
  const where = error.errno === errno.ENODEV ? `link not found for interface ${name}` : error.syscall;
  return hostFailure(error, `unable to move the network device ${name}: ${where}`, {
    pointer: error.errno === errno.EEXIST && newName !== name ? `${origin}/name` : origin,
    path: undefined,
    value,
    hint: hints[error.errno],
    spec: 'config-linux.md#network-devices',
  });
}

const hints: Readonly<Record<number, string>> = {
  [errno.ENODEV]: "the device must be in the runtime's network namespace; ip link lists the devices there",
  [errno.EEXIST]:
    'the network namespace of the container has a device of this name: use another name, or a template such as eth%d',
  [errno.EINVAL]: 'this device is bound to its network namespace, as lo is',
  [errno.EPERM]: 'it needs CAP_NET_ADMIN in both network namespaces',
  [errno.EACCES]: 'it has an IPv6 address, and the network namespace of the container has IPv6 turned off',
};
