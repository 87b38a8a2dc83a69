// SPDX-License-Identifier: Apache-2.0
// Builds the stopwatch orders of a benchmark round.

import { unionOptions } from './bundle.ts';
import type { CaseName, runs } from './cases.ts';
import { type Column, host } from './columns.ts';
import type { Order } from './lap.ts';

/** Paths of the containers of a benchmark. */
export interface Place {
  /** A directory on the tmpfs of the stopwatch: state of every runtime, pid files. */
  readonly directory: string;
  /** The bundle whose program exits at once. */
  readonly ends: string;
  /** The bundle whose program runs until it is killed. */
  readonly stays: string;
  /** Like `ends`, with a seccomp profile. */
  readonly filtered: string;
  /** Like `ends`, with a root of layers. */
  readonly union: string;
  /** Like `union`, with the option volatile. */
  readonly unionVolatile: string;
  /** File with the netlink messages with which the floor publishes a port. */
  readonly elements: string;
  /** The seccomp filter of `filtered` as tsubo compiles it; the floor loads it. */
  readonly filter: string;
  /** build/bench/floor. */
  readonly floor: string;
}

/** `time` measures, `count` counts system calls. */
export type How = 'time' | 'count';

/** Gives the network namespace of the stopwatch a default route, without IPv6. */
export function machineOrders(): readonly Order[] {
  const script = [
    'ip link set lo up',
    'ip link add uplink type veth peer name outside',
    'ip link set uplink up',
    'ip link set outside up',
    'ip address add 192.0.2.1/24 dev uplink',
    'ip route add default via 192.0.2.9',
    'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6',
    'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6',
  ];
  return script.map(words => ['time', '-', host.name, '/bin/sh', '-c', words]);
}

/** A label that identifies the series of an answer. */
export function label(column: Column, name: string): string {
  return `${column.name} ${name}`;
}

export function command(column: Column, place: Place, ...args: readonly string[]): readonly string[] {
  return [...column.command, '--root', `${place.directory}/state.${column.state}`, ...args];
}

function order(how: How, column: Column, name: CaseName | '-', argv: readonly string[]): Order {
  return [how, label(column, name), column.view, ...argv];
}

export function runOrders(
  how: How,
  column: Column,
  place: Place,
  id: string,
  name: (typeof runs)[number] = 'run',
): readonly Order[] {
  if (column.kind === 'network') return [];
  if (isNetwork(name)) return networkRun(how, column, place, id, name);
  if (isUnion(name) && !takesUnion(column, name)) return [];
  if (column.kind === 'floor') {
    const argv = floorCommand(place, id);
    if (isUnion(name)) {
      const options = unionOptions(bundleOf(place, name), name === 'run-union-volatile').join(',');
      return [order(how, column, name, [...argv, '', options])];
    }
    // A cold run of the floor equals run-seccomp, because the floor has no cache.
    if (name === 'run-seccomp-cold') return [];
    return [order(how, column, name, name === 'run' ? argv : [...argv, place.filter])];
  }
  const root = name === 'run-seccomp-cold' ? `cold.${id}` : `state.${column.state}`;
  const argv = [
    ...[...column.command, '--root', `${place.directory}/${root}`],
    ...['run', '--bundle', bundleOf(place, name), id],
  ];
  return [order(how, column, name, argv)];
}

function floorCommand(place: Place, id: string): readonly string[] {
  return [place.floor, `${place.ends}/rootfs`, `/sys/fs/cgroup/${id}`, '/bin/true'];
}

function isNetwork(name: CaseName): boolean {
  return (
    name === 'run-network' || name === 'run-network-union' || name === 'run-ports' || name === 'run-crowded'
  );
}

/** Each run publishes another port, because the keeper of the run before may still hold its port. */
let lastPort = 0;

/** The first of `count` ports. */
export function nextPort(count = 20): number {
  lastPort = (lastPort + count) % 40_000;
  return 20_000 + lastPort;
}

/** Only tsubo and the floor have networks; the floor has no run with 20 ports. */
export function networkRun(
  how: How,
  column: Column,
  place: Place,
  id: string,
  name: CaseName,
): readonly Order[] {
  if (column.kind === 'floor') {
    if (name === 'run-ports') return [];
    const union = name === 'run-network-union' ? unionOptions(place.unionVolatile, true).join(',') : '';
    return [order(how, column, name, [...floorCommand(place, id), '', union, 'tsubo0', place.elements])];
  }
  if (!column.name.startsWith('tsubo')) return [];
  const port = nextPort();
  const ports = name === 'run-ports' ? `${port}-${port + 19}:80-99` : `${port}:80`;
  const bundle = name === 'run-network-union' ? place.unionVolatile : place.ends;
  const words = ['run', '--publish', ports, '--bundle', bundle, id];
  return [order(how, column, name, command(column, place, ...words))];
}

/** Makes the default network. */
export function networkOrders(column: Column, place: Place): readonly Order[] {
  if (!column.name.startsWith('tsubo')) return [];
  return [order('time', column, '-', command(column, place, 'network', 'create', '--no-ipv6', 'default'))];
}

/** A stopped container of tsubo in a network, and its removal. */
export function networkDeleteOrders(how: How, column: Column, place: Place, id: string): readonly Order[] {
  if (!column.name.startsWith('tsubo')) return [];
  const file = `${place.directory}/pid`;
  const words = ['create', '--publish', `${nextPort()}:80`, '--bundle', place.stays, '--pid-file', file, id];
  return [
    order('time', column, '-', command(column, place, ...words)),
    ['pid', file],
    ['kill'],
    order(how, column, 'delete-network', command(column, place, 'delete', id)),
  ];
}

/** A created container in a network, which stays until the end of the benchmark. */
export function crowdOrders(column: Column, place: Place, id: string): readonly Order[] {
  const words = ['create', '--network', 'default', '--bundle', place.stays, id];
  return [order('time', column, '-', command(column, place, ...words))];
}

/** Makes and removes the network of one container with an engine's programs, in a network namespace that exists. */
export function engineNetworkOrders(how: How, column: Column, id: string): readonly Order[] {
  const [up, down] = column.command;
  const port = String(nextPort());
  const script = (text: string | undefined): string[] => ['/bin/sh', '-c', text ?? '', 'sh', id, port];
  return [
    order('time', column, '-', script('ip netns add "$1"')),
    order(how, column, 'network-up', script(up)),
    order(how, column, 'network-down', script(down)),
    order('time', column, '-', script('ip netns delete "$1"')),
  ];
}

function isUnion(name: (typeof runs)[number]): boolean {
  return name === 'run-union' || name === 'run-union-volatile';
}

/** runc has no mount on `/`. A second volatile run of crun fails, because crun leaves the overlay's marker. */
function takesUnion({ name, kind }: Column, which: (typeof runs)[number]): boolean {
  if (kind === 'floor' || name.startsWith('tsubo')) return true;
  const minor = /^crun-1\.(\d+)/.exec(name)?.[1];
  return which === 'run-union' && Number(minor ?? 0) >= 20;
}

function bundleOf(place: Place, name: (typeof runs)[number]): string {
  if (name === 'run') return place.ends;
  if (name === 'run-union') return place.union;
  return name === 'run-union-volatile' ? place.unionVolatile : place.filtered;
}

/**
 * The life of one container. The init is reaped before `delete`, which an engine's shim does too. The order for that is
 * `kill`, because `reap` would wait forever after a failed command `kill`.
 */
export function lifeOrders(
  how: How,
  column: Column,
  place: Place,
  id: string,
  createOptions: readonly string[] = [],
): readonly Order[] {
  const oci = (name: CaseName, ...args: string[]): Order =>
    order(how, column, name, command(column, place, ...args));
  return [
    ...makeOrders(how, column, place, id, 'create', createOptions),
    ['memory', label(column, 'init')],
    oci('state', 'state', id),
    oci('start', 'start', id),
    oci('exec', 'exec', id, '/bin/true'),
    oci('kill', 'kill', id, 'KILL'),
    ['kill'],
    oci('delete', 'delete', id),
  ];
}

function makeOrders(
  how: How,
  column: Column,
  place: Place,
  id: string,
  name: CaseName | '-',
  options: readonly string[] = [],
): readonly Order[] {
  const file = `${place.directory}/pid`;
  const words = ['create', ...options, '--bundle', place.stays, '--pid-file', file, id];
  const argv = command(column, place, ...words);
  return [order(how, column, name, argv), ['pid', file]];
}

/** A container that is stopped and not deleted, as input for `list`. */
export function stoppedOrders(column: Column, place: Place, id: string): readonly Order[] {
  return [...makeOrders('time', column, place, id, '-'), ['kill']];
}

export function deleteOrders(column: Column, place: Place, id: string): readonly Order[] {
  return [order('time', column, '-', command(column, place, 'delete', '--force', id))];
}

export function listOrders(how: How, column: Column, place: Place): readonly Order[] {
  return [order(how, column, 'list', command(column, place, 'list'))];
}
