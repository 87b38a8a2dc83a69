// SPDX-License-Identifier: Apache-2.0
import { formatPointer } from '../bundle/pointer.ts';
import { deviceProgram } from '../cgroup/devices/program.ts';
import { defaultConfig } from '../cli/spec-document.ts';
import { capableMachine as facts } from '../host/facts.ts';
import { joinPath } from '../host/paths.ts';
import { timestamp } from '../lifecycle/timestamp.ts';
import { addressesAt } from '../network/allocate.ts';
import { formatAddress } from '../network/cidr.ts';
import { type NetworkDefinition, parseDefinition } from '../network/definition.ts';
import { hostsFile } from '../network/hosts-file.ts';
import { defaultNetwork } from '../network/names.ts';
import { getElement, transaction } from '../network/nftables.ts';
import { parsePublished, parsePublishFlags, portElements, publishedText } from '../network/publish.ts';
import { networkFlag, parseNetworkFlags } from '../network/request.ts';
import { containerResolvConf } from '../network/resolv-conf.ts';
import {
  addChanges,
  bridgeElement,
  networkElements,
  removeIfPresent,
  table,
  tableTransaction,
} from '../network/ruleset.ts';
import type { Config } from '../oci/config.ts';
import { seccompArchitectures } from '../oci/seccomp.ts';
import { makeExecPlan } from '../plan/exec-plan.ts';
import { makePlan } from '../plan/make-plan.ts';
import { withAddresses } from '../plan/network.ts';
import { seccompStep } from '../plan/seccomp.ts';
import { requireConfig } from '../validate/check.ts';
import { encodePlan } from '../wire/encode.ts';

/**
 * Runs once while the build creates the heap snapshot. It does the initialization that every `create` and `exec`
 * would repeat: tables that are created on first use, the objects of built-in functions, and the engine's table of
 * shapes, whose growth touches every existing shape. All of it must be pure and not read the machine.
 */
export function warmUp(): void {
  const { process, ...rest } = defaultConfig({ program: 'tsubo', cgroupNamespace: true });
  const text = JSON.stringify({ ...rest, process: { ...process, terminal: false } });
  const { config } = requireConfig(JSON.parse(text), { text });
  for (const startNow of [false, true]) {
    const plan = makePlan(config, facts, { id: 'warm', bundle: '/', noNewKeyring: false, startNow });
    encodePlan(plan.container);
    for (const step of plan.host) if (step.op === 'loadDeviceRules') deviceProgram(step.rules);
  }
  const origin = (...parts: readonly (string | number)[]): string => formatPointer(['process', ...parts]);
  encodePlan(makeExecPlan({ process: config.process, facts, origin }, { id: 'warm' }).container);
  const syscalls = [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }] as const;
  for (const machine of ['x86_64', 'aarch64'] as const) {
    seccompStep({ defaultAction: 'SCMP_ACT_ERRNO', architectures: seccompArchitectures, syscalls }, machine);
  }
  warmUpNetwork(config);
  joinPath('/run', timestamp(0n));
  createBuiltIns();
}

/** The pure parts of a container with a network and published ports. */
function warmUpNetwork(config: Config): void {
  const definition: NetworkDefinition = {
    version: 1,
    name: defaultNetwork,
    bridge: 'tsubo0',
    ipv4: { subnet: '10.63.0.0/22', gateway: '10.63.0.1' },
    ipv6: { subnet: 'fd00:1::/64', gateway: 'fd00:1::1' },
    internal: false,
    isolated: false,
  };
  const network = parseDefinition(JSON.stringify(definition), defaultNetwork);
  if (typeof network === 'string') return;
  const [first] = parseNetworkFlags([defaultNetwork]);
  const ports = parsePublishFlags(['8080:80', '127.0.0.1:5300-5301:53-54/udp']);
  const addresses = addressesAt(network, 2n);
  const networks = [
    { ...first, network, isNew: false, interface: 'eth0', addresses, fixed: { ipv4: false, ipv6: false } },
  ].map(one => ({ ...one, aliases: [], origin: networkFlag }));
  const plan = makePlan(config, facts, { id: 'warm', bundle: '/', noNewKeyring: false, networks, ports });
  encodePlan(withAddresses(plan, 0, addresses).container);
  tableTransaction();
  getElement(table, bridgeElement(network.bridge));
  for (const elements of [networkElements(network), portElements(ports, addresses)]) {
    transaction(removeIfPresent(addChanges(elements)));
  }
  hostsFile([formatAddress(addresses.ipv4)], ['warm']);
  containerResolvConf('nameserver 192.0.2.1\n', { ipv6: false });
  publishedText(parsePublished('8080:80'));
}

/** The engine creates the object of a built-in function when its property is first read. */
function createBuiltIns(): void {
  for (const { value } of properties(globalThis)) {
    for (const { value: inner } of properties(value)) properties(inner);
  }
  for (const iterable of [[], '', new Map(), new Set(), 'a'.matchAll(/a/g)]) {
    properties(Object.getPrototypeOf(iterable[Symbol.iterator]()));
  }
}

/** Returns the own properties of an object; none for other values. */
function properties(of: unknown): readonly PropertyDescriptor[] {
  if ((typeof of !== 'object' && typeof of !== 'function') || of === null) return [];
  return Reflect.ownKeys(of).map(key => Object.getOwnPropertyDescriptor(of, key) ?? {});
}
