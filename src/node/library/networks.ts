// SPDX-License-Identifier: Apache-2.0
import type { NetworkView } from '../../lifecycle/network/manage.ts';
import { type CommandOptions, linesOf, optionWords, readCommand, runCommand } from './command.ts';
import { splitOptions } from './option-names.ts';

/** Options of {@link create}. */
export interface CreateNetworkOptions extends CommandOptions {
  /** Letters, digits and `_ . -`. */
  readonly name: string;
  /** Such as `10.20.0.0/24`: one of IPv4 and one of IPv6. Default: a free private one. */
  readonly subnet?: readonly string[];
  /** Addresses of the bridge. Default: the first of each subnet. */
  readonly gateway?: readonly string[];
  /** Without IPv6. Default false. */
  readonly noIpv6?: boolean;
  /** Bytes. Default: that of the default route. */
  readonly mtu?: number;
  /** The name of the bridge. Default: `tsubo1`, `tsubo2` and so on. */
  readonly bridge?: string;
  /** No traffic leaves the network. Default false. */
  readonly internal?: boolean;
  /** Its containers do not reach each other. Default false. */
  readonly isolated?: boolean;
}

/**
 * Defines a network and makes its bridge.
 *
 * @throws RuntimeError `network.exists`, `network.overlap`, `network.conflict`, `usage.bad-value`, `host.*`
 */
export async function create(options: CreateNetworkOptions): Promise<NetworkView> {
  const { common, own, rest } = splitOptions('networks.create', options, ['name']);
  await runCommand(common, ['network', 'create', ...optionWords(rest), '--', own.name]);
  return inspect(own.name, common);
}

/** @throws RuntimeError `network.unknown` */
export async function inspect(name: string, options: CommandOptions = {}): Promise<NetworkView> {
  const { common } = splitOptions('networks.inspect', options, []);
  const [found] = await readCommand<[NetworkView]>(common, ['network', 'inspect', '--', name]);
  return found;
}

/** The networks of this machine. A definition that cannot be read rejects the call. */
export async function list(options: CommandOptions = {}): Promise<readonly NetworkView[]> {
  const { common } = splitOptions('networks.list', options, []);
  return readCommand(common, ['network', 'ls', '--format=json']);
}

/**
 * Removes a network without containers.
 *
 * @throws RuntimeError `network.unknown`, `network.in-use`
 */
export async function remove(name: string, options: CommandOptions = {}): Promise<void> {
  const { common } = splitOptions('networks.remove', options, []);
  await runCommand(common, ['network', 'rm', '--', name]);
}

/** Removes all networks without containers, except the default one, and returns their names. */
export async function prune(options: CommandOptions = {}): Promise<readonly string[]> {
  const { common } = splitOptions('networks.prune', options, []);
  return linesOf(await runCommand(common, ['network', 'prune']));
}

/** Restores bridges and firewall rules that another program has removed. */
export async function reload(options: CommandOptions = {}): Promise<void> {
  const { common } = splitOptions('networks.reload', options, []);
  await runCommand(common, ['network', 'reload']);
}

/**
 * Adds rules to firewall chains of other programs that drop the packets of networks.
 *
 * @returns a line for each chain
 */
export async function allowForward(options: CommandOptions = {}): Promise<readonly string[]> {
  const { common } = splitOptions('networks.allowForward', options, []);
  return linesOf(await runCommand(common, ['network', 'allow-forward']));
}
