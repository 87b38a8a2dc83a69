// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { type Address, formatAddress, parseAddress } from './cidr.ts';
import { defaultNetwork, isInterfaceName, isNetworkName, parseMac } from './names.ts';

/** A network that a container requests. */
export interface NetworkRequest {
  readonly name: string;
  /** Addresses to use; a family without one gets the next free address. */
  readonly addresses: readonly Address[];
  /** Hardware address. Default: the kernel chooses one. */
  readonly mac?: readonly number[];
  /** Name of the interface in the container. Default: `eth0`, `eth1`, ... */
  readonly interface?: string;
  /** Other names of the container in the hosts files of the network. */
  readonly aliases: readonly string[];
  /** The option or the pointer that requested it. */
  readonly origin: string;
}

/** Equal to kMostLinks of native/core/links.cc. */
export const mostNetworks = 32;

/** Name of the option, as the document of an error. */
export const networkFlag = '--network';

/** Returns the request of a container with published ports and no `--network`. */
export function defaultRequest(origin: string): NetworkRequest {
  return { name: defaultNetwork, addresses: [], aliases: [], origin };
}

/**
 * Parses the values of `--network`: `NAME[:ip=ADDRESS,mac=ADDRESS,interface=NAME,alias=NAME]`.
 *
 * @throws RuntimeError `usage.network`
 */
export function parseNetworkFlags(values: readonly string[]): NetworkRequest[] {
  const requests = values.map(parseNetworkFlag);
  if (requests.length > mostNetworks) {
    throw bad(undefined, `${requests.length} networks: at most ${mostNetworks} are supported`, 'give fewer');
  }
  const names = new Set<string>();
  for (const { name, interface: device } of requests) {
    if (names.has(name)) throw bad(name, `the network ${name} is given twice`, 'give its keys in one option');
    names.add(name);
    if (requests.filter(other => device !== undefined && other.interface === device).length > 1) {
      throw bad(device, `two networks have the interface ${device}`, 'give each its own');
    }
  }
  return requests;
}

function parseNetworkFlag(value: string): NetworkRequest {
  const colon = value.indexOf(':');
  const name = colon < 0 ? value : value.slice(0, colon);
  if (!isNetworkName(name)) {
    throw bad(value, `invalid network name ${JSON.stringify(name)}`, 'use letters, digits and _ . -');
  }
  const addresses: Address[] = [];
  const aliases: string[] = [];
  let mac: readonly number[] | undefined;
  let device: string | undefined;
  for (const pair of colon < 0 ? [] : value.slice(colon + 1).split(',')) {
    const equals = pair.indexOf('=');
    const key = equals < 0 ? pair : pair.slice(0, equals);
    const text = equals < 0 ? '' : pair.slice(equals + 1);
    switch (key) {
      case 'ip': {
        const address = parseAddress(text);
        if (address === undefined) throw bad(value, `invalid address ${JSON.stringify(text)}`);
        if (addresses.some(({ family }) => family === address.family)) {
          throw bad(value, `two IPv${address.family} addresses: ${formatAddress(address)} is the second`);
        }
        addresses.push(address);
        break;
      }
      case 'mac':
        mac = parseMac(text);
        if (mac === undefined) {
          throw bad(value, `invalid hardware address ${JSON.stringify(text)}`, 'write 02:11:22:33:44:55');
        }
        break;
      case 'interface':
        if (!isInterfaceName(text)) {
          throw bad(
            value,
            `invalid interface name ${JSON.stringify(text)}`,
            'use at most 15 letters, digits and _ . -',
          );
        }
        device = text;
        break;
      case 'alias':
        if (!isNetworkName(text)) throw bad(value, `invalid alias ${JSON.stringify(text)}`);
        aliases.push(text);
        break;
      default:
        throw bad(
          value,
          `unknown key ${JSON.stringify(key)} of a network`,
          'the keys are ip, mac, interface and alias',
        );
    }
  }
  return {
    name,
    addresses,
    aliases,
    origin: networkFlag,
    ...(mac !== undefined && { mac }),
    ...(device !== undefined && { interface: device }),
  };
}

function bad(value: string | undefined, message: string, hint?: string): RuntimeError {
  return new RuntimeError({
    code: 'usage.network',
    document: networkFlag,
    message,
    value,
    hint: hint ?? 'write NAME, or NAME:ip=10.63.0.9,mac=02:11:22:33:44:55',
  });
}
