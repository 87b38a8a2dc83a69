// SPDX-License-Identifier: Apache-2.0
import { formatAddress } from '../network/cidr.ts';
import { parsePublished } from '../network/publish.ts';
import type { DirectContainer } from './container.ts';
import { shortId } from './names.ts';
import { type DirectState, isUp } from './status.ts';

/** Texts of the tables, as Docker prints them. */

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

/** `About a minute`, `3 hours`, `2 weeks`. */
export function duration(seconds: number): string {
  if (seconds < 1) return 'Less than a second';
  if (seconds < 2) return '1 second';
  if (seconds < minute) return `${Math.floor(seconds)} seconds`;
  if (seconds < 2 * minute) return 'About a minute';
  if (seconds < hour) return `${Math.floor(seconds / minute)} minutes`;
  if (Math.round(seconds / hour) === 1) return 'About an hour';
  if (seconds < 48 * hour) return `${Math.round(seconds / hour)} hours`;
  if (seconds < 14 * day) return `${Math.floor(seconds / day)} days`;
  if (seconds < 60 * day) return `${Math.floor(seconds / (7 * day))} weeks`;
  if (seconds < 730 * day) return `${Math.floor(seconds / (30 * day))} months`;
  return `${Math.floor(seconds / (365 * day))} years`;
}

/** @param now - nanoseconds since 1970 */
export function since(time: string, now: bigint): string {
  const begin = Date.parse(time);
  return duration(Number.isNaN(begin) ? 0 : (Number(now / 1_000_000n) - begin) / 1000);
}

/** `Up 3 seconds`, `Exited (0) 5 minutes ago`, `Created`. */
export function statusText({ status, startedAt, exit, withoutKeeper }: DirectState, now: bigint): string {
  switch (status) {
    case 'running':
    case 'paused': {
      // Only a damaged record has no time.
      const up = startedAt === undefined ? 'Up (damaged)' : `Up ${since(startedAt, now)}`;
      return `${up}${status === 'paused' ? ' (Paused)' : ''}${withoutKeeper ? ' (no keeper)' : ''}`;
    }
    case 'exited':
      return exit === undefined ? 'Exited' : `Exited (${exit.status}) ${since(exit.finishedAt, now)} ago`;
    case 'created':
      return 'Created';
    case 'dead':
      return 'Dead';
  }
}

/** `0.0.0.0:8800->80/tcp, [::]:8800->80/tcp`; ports that the image only declares follow. Empty unless it runs. */
export function portsText({ ports, exposed }: DirectContainer, state: Pick<DirectState, 'status'>): string {
  if (!isUp(state)) return '';
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

/** The command in quotation marks, cut. */
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

export function rowOf(container: DirectContainer, state: DirectState, now: bigint, whole: boolean): Row {
  const { id, image, created, name, labels, mounts, networks } = container;
  return {
    ID: whole ? id : shortId(id),
    Image: image,
    Command: commandText(container, whole),
    CreatedAt: created,
    RunningFor: `${since(created, now)} ago`,
    State: state.status,
    Status: statusText(state, now),
    Ports: portsText(container, state),
    Names: name,
    Labels: Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    Mounts: mounts.map(mount => mount.name ?? mount.source ?? mount.destination).join(','),
    Networks: networks.join(','),
  };
}

/** Left-aligned columns with three blanks between them. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map(row => [...(row[column] ?? '')].length)),
  );
  return rows
    .map(row => {
      const cells = row.map((cell, column) => {
        const pad = (widths[column] ?? 0) + 3 - [...cell].length;
        return column === row.length - 1 ? cell : cell + ' '.repeat(pad);
      });
      return `${cells.join('')}\n`;
    })
    .join('');
}
