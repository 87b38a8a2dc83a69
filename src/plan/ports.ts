// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { hostFailure } from '../errors/system.ts';
import { type PublishedPorts, publishedText, publishFlag } from '../network/publish.ts';
import type { Facility, NoSteps, Refusal } from './facility.ts';
import type { HostStep } from './plan.ts';

/** Steps of the runtime. */
export interface PortSteps {
  /** Binds ports of the host. Before steps that change the host, because a port in use must be refused first. */
  readonly reservePorts: { readonly when: 'before'; readonly ports: PublishedPorts };
  /**
   * Forwards the ports to the container, and starts the keeper that holds them. This takes as long as the mounts of the
   * init, which it makes at the same time.
   */
  readonly publishPorts: { readonly when: 'connected'; readonly ports: PublishedPorts };
}

/** Steps of the host around published ports. */
export function portSteps(op: 'reservePorts' | 'publishPorts', ports: readonly PublishedPorts[]): HostStep[] {
  return ports.map(({ origin = publishFlag, ...published }) =>
    op === 'reservePorts'
      ? { op, when: 'before', ports: published, origin }
      : { op, when: 'connected', ports: published, origin },
  );
}

/**
 * Returns the error for a port that cannot be bound. The path of the refusal is the number of the port.
 *
 * @param lowest - reads the lowest port that does not belong to root
 */
export function holdFailure(
  refusal: Refusal,
  address: string,
  origin: string,
  lowest: () => string,
): RuntimeError {
  const holdHints: Readonly<Record<number, string>> = {
    [errno.EADDRNOTAVAIL]: 'the host has no such address: ip address lists them',
    [errno.EMFILE]: 'each port needs a descriptor: raise the hard limit of open files (ulimit -Hn)',
  };
  const where = `${address} port ${refusal.path}`;
  return hostFailure(refusal, `unable to hold ${where}: ${refusal.syscall}`, {
    document: origin,
    path: undefined,
    value: where,
    hint:
      refusal.errno === errno.EACCES
        ? `ports below ${lowest()} belong to root: publish a higher one, or let root run sysctl -w net.ipv4.ip_unprivileged_port_start=${refusal.path}`
        : holdHints[refusal.errno],
  });
}

/**
 * @param port - `8080/tcp`
 * @param container - the container that has published the port
 * @param holder - the process of the host that has a socket on it
 */
export function portTaken(
  port: string,
  address: string,
  container: string | undefined,
  holder: { readonly pid: number; readonly name: string } | undefined,
  origin: string,
): RuntimeError {
  const by =
    container !== undefined
      ? `container ${container}`
      : holder === undefined
        ? 'a socket of the host'
        : `process ${holder.pid} (${holder.name})`;
  return new RuntimeError({
    code: 'network.port-taken',
    document: origin,
    message: `port ${port} of ${address} is in use by ${by}`,
    value: port,
    hint:
      container === undefined
        ? 'publish another port, or end that program'
        : `publish another port, or delete that container: tsubo delete --force ${container}`,
  });
}

/** Published ports. */
export const portsFacility: Facility<NoSteps, PortSteps> = {
  steps: {},
  hostTexts: {
    reservePorts: ({ ports }) => publishedText(ports),
    publishPorts: ({ ports }) => publishedText(ports),
  },
  explainHost: { publishPorts: () => ({ attempt: 'unable to publish the ports' }) },
};
