// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Created, createContainer } from '../../src/lifecycle/create.ts';
import type { ContainerRecord } from '../../src/lifecycle/record.ts';
import { parsePublishFlags } from '../../src/network/publish.ts';
import { parseNetworkFlags } from '../../src/network/request.ts';
import { decodePlan } from './decode-plan.ts';
import { type FakeConfig, type FakeMachine, writeBundle } from './fake-machine.ts';

/** Gives the machine a place for its networks, and settings of the kernel and of the host that do not depend on this one. */
export function prepareNetworks(machine: FakeMachine): void {
  machine.environment.set('TSUBO_NETWORKS', networkFile(machine, ''));
  for (const [path, text] of [
    ['/etc/resolv.conf', 'nameserver 192.0.2.53\n'],
    ['/etc/machine-id', 'machine\n'],
    ['/proc/sys/net/ipv4/ip_forward', '1\n'],
    ['/proc/sys/net/ipv6/conf/all/forwarding', '1\n'],
    ['/proc/sys/net/ipv6/conf/default/disable_ipv6', '1\n'],
  ] as const) {
    machine.procFiles.set(path, text);
  }
}

export const networkFile = (machine: FakeMachine, name: string) => join(machine.directory, 'networks', name);

/** Writes a file below the directory of the networks. */
export function writeNetworkFile(machine: FakeMachine, name: string, text: string): void {
  const path = networkFile(machine, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Stores the definition of a network; its bridge is made at its first use. */
export function defineNetwork(
  machine: FakeMachine,
  name: string,
  change: Readonly<Record<string, unknown>> = {},
): void {
  const definition = {
    version: 1,
    name,
    bridge: `br-${name}`,
    ipv4: { subnet: '10.20.0.0/24', gateway: '10.20.0.1' },
    internal: false,
    isolated: false,
    ...change,
  };
  writeNetworkFile(machine, `definitions/${name}.json`, JSON.stringify(definition));
}

/** Makes a container that is attached to networks: its init waits in its network namespace, then it is ready. */
export function attach(
  machine: FakeMachine,
  id: string,
  networks: readonly string[],
  options: {
    readonly publish?: readonly string[];
    readonly change?: (config: FakeConfig) => void;
  } = {},
): Created {
  const { publish = [], change = () => {} } = options;
  const bundle = writeBundle(join(machine.directory, `bundle-${id}`), config => {
    config.linux.namespaces.push({ type: 'network' });
    change(config);
  });
  machine.trouble.set('awaitReport', () => {
    const steps = decodePlan(machine.spawned.at(-1)?.plan ?? new Uint8Array());
    const step = steps.findIndex(({ op, point }) => op === 'sync' && point === 'network');
    machine.reports.push({ kind: 'waiting', step });
  });
  return createContainer(machine.runtime, {
    id,
    bundle,
    ...(networks.length > 0 && { networks: parseNetworkFlags(networks) }),
    ...(publish.length > 0 && { ports: parsePublishFlags(publish) }),
  });
}

export function recordOf(machine: FakeMachine, id: string): ContainerRecord {
  return JSON.parse(readFileSync(join(machine.root, id, 'state.json'), 'utf8'));
}
