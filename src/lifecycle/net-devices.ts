// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import type { RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError } from '../errors/system.ts';
import type { SystemError } from '../host/binding.d.ts';
import { openReadOnly } from '../host/files.ts';
import type { HostStep, Plan } from '../plan/plan.ts';
import type { Moments, Waiting } from './rendezvous.ts';
import type { Runtime } from './runtime.ts';
import type { UndoList } from './undo.ts';

type MoveStep = Extract<HostStep, { op: 'moveNetDevice' }>;

/** The runtime's own network namespace. */
const own = -1;

/**
 * linux.netDevices: moved while the init waits at `network`, and back when the create fails. From then on they are the
 * namespace's, as the specification wants it: with it physical ones go back to the host, and virtual ones end.
 */
export interface NetDevices {
  readonly moments: Moments;
  /** They are not to be moved back any more. */
  release(): void;
}

export function netDevices({ binding }: Runtime, plan: Plan, undo: UndoList): NetDevices {
  let namespace: number | undefined;
  const release = (): void => {
    if (namespace !== undefined) binding.close(namespace);
    namespace = undefined;
  };
  const network = ({ pid }: Waiting): void => {
    const theirs = openReadOnly(binding, `/proc/${pid}/ns/net`);
    // Also when the init has ended by then: the devices are in it as long as it is open.
    namespace = theirs;
    undo.arm('the network namespace', release);
    for (const step of plan.host) {
      if (step.op !== 'moveNetDevice') continue;
      const { name, newName } = step;
      const moved = explained(step, () =>
        binding.moveNetDevice({ name, newName, from: own, to: theirs, up: true }),
      );
      undo.arm(`the network device ${name}`, () => {
        binding.moveNetDevice({ name: moved.name, newName: name, from: theirs, to: own, up: moved.wasUp });
      });
    }
  };
  return { moments: { network }, release };
}

function explained<T>(step: MoveStep, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isSystemError(error) ? netDeviceFailure(step, error) : error;
  }
}

/** A device that cannot be moved. */
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
  [errno.ENODEV]: "it must be in the runtime's own network namespace: ip link lists what is there",
  [errno.EEXIST]:
    'the network namespace of the container has a device of this name: give another, or a template such as eth%d',
  [errno.EINVAL]: 'this device is bound to its network namespace, as lo is',
  [errno.EPERM]: 'it needs CAP_NET_ADMIN in both network namespaces',
  [errno.EACCES]: 'it has an IPv6 address, and the network namespace of the container has IPv6 turned off',
};
