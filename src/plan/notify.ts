// SPDX-License-Identifier: Apache-2.0
import { entryPath } from '../host/paths.ts';
import type { Config } from '../oci/config.ts';
import type { Facility, NoSteps } from './facility.ts';
import type { HostStep } from './plan.ts';

/** Steps of the runtime. */
export interface NotifySteps {
  /**
   * Makes the directory for the socket of sd_notify(3), which is mounted in the container. With `listens` it makes the
   * socket too, because the program runs before a `start` can.
   */
  readonly makeNotifyDirectory: { readonly when: 'before'; readonly listens: boolean };
}

/** Directory in the state directory, its mount in the container, and the socket in it: those of runc. */
export const notifyDirectory = 'notify';
export const notifySocket = 'notify.sock';
const mountPoint = '/run/notify';

/** The variable of the runtime's environment is the origin. */
export const notifyOrigin = 'NOTIFY_SOCKET';

/** Returns the config with the mount of the socket's directory, and with the variable NOTIFY_SOCKET for the program. */
export function withNotifySocket(config: Config, stateDirectory: string): Config {
  const mount = {
    destination: mountPoint,
    type: 'bind',
    source: entryPath(stateDirectory, notifyDirectory),
    options: ['bind', 'nosuid', 'noexec', 'nodev', 'ro'],
  };
  const env = [...(config.process.env ?? []), `NOTIFY_SOCKET=${mountPoint}/${notifySocket}`];
  return {
    ...config,
    mounts: [...(config.mounts ?? []), mount],
    process: { ...config.process, env },
  };
}

export function notifySteps(listens: boolean): HostStep[] {
  return [{ op: 'makeNotifyDirectory', when: 'before', listens, origin: notifyOrigin }];
}

/** The socket of the service manager that started the runtime. */
export const notifyFacility: Facility<NoSteps, NotifySteps> = {
  steps: {},
  hostTexts: { makeNotifyDirectory: ({ listens }) => (listens ? 'listens' : '') },
};
