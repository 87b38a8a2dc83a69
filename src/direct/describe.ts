// SPDX-License-Identifier: Apache-2.0
import { formatAddress } from '../network/cidr.ts';
import { parsePublished } from '../network/publish.ts';
import type { DirectContainer } from './container.ts';
import { joinedId } from './joined-network.ts';
import { shortId } from './names.ts';
import { type DirectState, isUp } from './status.ts';

/** Texts of the tables, as Docker prints them. */

/** `About an hour`, `3 days`. */
export function duration(seconds: number): string {
  if (seconds < 1) return 'Less than a second';
  if (seconds < 2) return '1 second';
  if (seconds < 60) return `${Math.floor(seconds)} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  // As in Docker: all longer spans are computed from the rounded hours.
  const hours = Math.round(seconds / 3600);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  const days = Math.floor(hours / 24);
  if (days < 14) return `${days} days`;
  if (days < 60) return `${Math.floor(days / 7)} weeks`;
  if (days < 730) return `${Math.floor(days / 30)} months`;
  return `${Math.floor(days / 365)} years`;
}

/** @param now - nanoseconds since 1970 */
export function since(time: string, now: bigint): string {
  const begin = Date.parse(time);
  return duration(Number.isNaN(begin) ? 0 : (Number(now / 1_000_000n) - begin) / 1000);
}

/** `Up 3 seconds`, `Exited (0) 5 minutes ago`, `Created`. */
export function statusText(
  { status, startedAt, exit, withoutKeeper }: DirectState,
  now: bigint,
  health = '',
): string {
  switch (status) {
    case 'running':
    case 'paused': {
      // Only a damaged record has no time.
      const up = startedAt === undefined ? 'Up (damaged)' : `Up ${since(startedAt, now)}`;
      return `${up}${status === 'paused' ? ' (Paused)' : ''}${health}${withoutKeeper ? ' (no keeper)' : ''}`;
    }
    case 'exited':
      return exit === undefined ? 'Exited' : `Exited (${exit.status}) ${since(exit.finishedAt, now)} ago`;
    case 'created':
      return 'Created';
    case 'dead':
      return 'Dead';
  }
}

/**
 * `0.0.0.0:8800->80/tcp, [::]:8800->80/tcp`; ports that the image only declares come first. Empty unless the container is
 * running or paused and has a network of its own.
 */
export function portsText(container: DirectContainer, state: Pick<DirectState, 'status'>): string {
  const { ports, exposed, networks } = container;
  const hasOwn =
    joinedId(container) === undefined && !networks.includes('none') && !networks.includes('host');
  if (!isUp(state) || !hasOwn) return '';
  const published = ports.map(parsePublished);
  const covered = new Set(
    published.flatMap(({ containerPort, count, protocol }) =>
      Array.from({ length: count }, (_, at) => `${containerPort + at}/${protocol}`),
    ),
  );
  const range = (first: number, count: number) =>
    count === 1 ? `${first}` : `${first}-${first + count - 1}`;
  return [
    ...exposed.map(withProtocol).filter(port => !covered.has(port)),
    ...published.flatMap(({ address, hostPort, containerPort, count, protocol }) => {
      const text = address && formatAddress(address);
      const hosts = text === undefined ? ['0.0.0.0', '[::]'] : [text.includes(':') ? `[${text}]` : text];
      return hosts.map(
        host => `${host}:${range(hostPort, count)}->${range(containerPort, count)}/${protocol}`,
      );
    }),
  ].join(', ');
}

export function withProtocol(port: string): string {
  return port.includes('/') ? port : `${port}/tcp`;
}

const longestCommand = 20;

/** Returns the command in quotation marks, cut to 20 characters unless `whole`. */
export function commandText({ command }: DirectContainer, whole: boolean): string {
  const text = command.map(word => (word.includes(' ') ? `'${word}'` : word)).join(' ');
  const characters = [...text];
  const cut =
    whole || characters.length <= longestCommand
      ? text
      : `${characters.slice(0, longestCommand - 1).join('')}…`;
  return JSON.stringify(cut);
}

/** The columns of `container ls`. */
export interface Row {
  readonly ID: string;
  readonly Image: string;
  readonly Command: string;
  readonly CreatedAt: string;
  readonly RunningFor: string;
  readonly State: string;
  readonly Status: string;
  readonly Ports: string;
  readonly Names: string;
  readonly Labels: string;
  readonly Mounts: string;
  readonly Networks: string;
}

/** @param health - for STATUS: `healthText` */
export function rowOf(
  container: DirectContainer,
  state: DirectState,
  now: bigint,
  whole: boolean,
  health = '',
): Row {
  const { id, image, created, name, labels, mounts, networks } = container;
  return {
    ID: whole ? id : shortId(id),
    Image: image,
    Command: commandText(container, whole),
    CreatedAt: created,
    RunningFor: `${since(created, now)} ago`,
    State: state.status,
    Status: statusText(state, now, health),
    Ports: portsText(container, state),
    Names: name,
    Labels: Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    Mounts: mounts.map(mount => mount.name ?? mount.source ?? mount.destination).join(','),
    Networks: networks.join(','),
  };
}
