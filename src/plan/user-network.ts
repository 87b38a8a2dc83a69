// SPDX-License-Identifier: Apache-2.0
import { type PublishedPorts, publishedText } from '../network/publish.ts';
import type { Facility, NoSteps } from './facility.ts';
import type { HostStep } from './plan.ts';

/** The network of a container whose runtime is not root: a program of the user connects it. */
export interface UserNetwork {
  /** Absolute path of the program. */
  readonly program: string;
  /** Name of the interface in the container. */
  readonly interface: string;
  /** Other names of the container in its hosts file. */
  readonly aliases: readonly string[];
  readonly origin: string;
}

/** Steps of the runtime. */
export interface UserNetworkSteps {
  /**
   * Starts the keeper, which runs the program until the container ends. The program makes the interface, and takes the
   * ports of the host. Last, because a container that joins a pid namespace has its final init only now.
   */
  readonly connectNetwork: {
    readonly when: 'ready';
    readonly program: string;
    readonly interface: string;
    readonly ports: readonly PublishedPorts[];
  };
}

export function userNetworkSteps(
  { program, interface: name, origin }: UserNetwork,
  ports: readonly PublishedPorts[],
): HostStep[] {
  return [{ op: 'connectNetwork', when: 'ready', program, interface: name, ports, origin }];
}

export const userNetworkFacility: Facility<NoSteps, UserNetworkSteps> = {
  steps: {},
  hostTexts: {
    connectNetwork: ({ program, interface: name, ports }) =>
      `program=${program} name=${name} ports=[${ports.map(publishedText).join(' ')}]`,
  },
};
