// SPDX-License-Identifier: Apache-2.0
import { formatPointer } from '../bundle/pointer.ts';
import type { ErrorFields } from '../errors/error.ts';
import type { Attachment } from '../network/attachment.ts';
import { type Address, formatAddress, parseAddress } from '../network/cidr.ts';
import { isInterfaceName, isNetworkName, parseMac } from '../network/names.ts';
import { mostPorts, type PublishedPorts } from '../network/publish.ts';
import { mostNetworks, type NetworkRequest } from '../network/request.ts';
import type { DnsSettings } from '../network/resolv-conf.ts';
import { attachmentShape } from './attachment-shape.ts';
import { checkShape } from './check-shape.ts';
import { isFull, keepProblem, stopAtLimit } from './findings.ts';

export interface CheckedAttachment {
  /** Undefined if there are problems. */
  readonly attachment: Attachment | undefined;
  readonly problems: readonly ErrorFields[];
  readonly warnings: readonly ErrorFields[];
}

interface Document {
  readonly networks?: readonly {
    readonly name: string;
    readonly interface?: string;
    readonly addresses?: readonly string[];
    readonly mac?: string;
    readonly aliases?: readonly string[];
  }[];
  readonly ports?: readonly {
    readonly protocol?: 'tcp' | 'udp';
    readonly hostAddress?: string;
    readonly hostPort: number;
    readonly containerPort: number;
    readonly count?: number;
  }[];
  readonly dns?: { readonly [Key in keyof DnsSettings]?: readonly string[] };
}

/**
 * Checks the document of an attachment and reports all problems: the types first, then the values. Pointers refer to
 * the document.
 *
 * @param origin - makes the origin of a network or a port from its pointer
 */
export function checkAttachment(document: unknown, origin: (pointer: string) => string): CheckedAttachment {
  const { value, problems, warnings } = checkShape(attachmentShape, document, '', 'the network config');
  const plain = (fields: ErrorFields): ErrorFields => ({ ...fields, spec: undefined });
  const isUnknown = ({ code }: ErrorFields) => code === 'config.unknown-property';
  const found: ErrorFields[] = [...problems, ...warnings.filter(isUnknown).map(unknownProperty)].map(plain);
  // A value of the wrong type is absent, and the checks would report it as missing.
  const attachment = found.length > 0 ? undefined : read(value as Document, found, origin);
  return {
    attachment: found.length === 0 ? attachment : undefined,
    problems: found,
    warnings: warnings.filter(warning => !isUnknown(warning)).map(plain),
  };
}

/** A problem, not a warning as in config.json: with a misspelled hostAddress, a port would be open on all addresses. */
function unknownProperty(fields: ErrorFields): ErrorFields {
  return { ...fields, code: 'config.attachment', message: `${fields.pointer} is not a known property` };
}

type Report = (
  place: readonly (string | number)[],
  message: string,
  value: string | undefined,
  hint: string,
) => void;

function read(
  { networks = [], ports = [], dns }: Document,
  problems: ErrorFields[],
  origin: (pointer: string) => string,
): Attachment | undefined {
  const report: Report = (place, message, value, hint) => {
    if (isFull(problems)) return;
    keepProblem(problems, { code: 'config.attachment', message, pointer: formatPointer(place), value, hint });
  };
  return stopAtLimit(() => {
    const read: Attachment = {
      networks: networks.map((network, index) => readNetwork(network, index, report, origin)),
      ports: ports.map((published, index) => readPorts(published, index, report, origin)),
      ...(dns !== undefined && { dns: readDns(dns, report) }),
    };
    checkTogether(read, report);
    return read;
  });
}

function readNetwork(
  { name, interface: device, addresses = [], mac, aliases = [] }: NonNullable<Document['networks']>[number],
  index: number,
  report: Report,
  origin: (pointer: string) => string,
): NetworkRequest {
  const at = ['networks', index] as const;
  const words = 'use letters, digits and _ . -';
  if (!isNetworkName(name)) {
    report([...at, 'name'], `invalid network name ${JSON.stringify(name)}`, name, words);
  }
  if (device !== undefined && !isInterfaceName(device)) {
    const hint = 'use at most 15 letters, digits and _ . -';
    report([...at, 'interface'], `invalid interface name ${JSON.stringify(device)}`, device, hint);
  }
  const bytes = mac === undefined ? undefined : parseMac(mac);
  if (mac !== undefined && bytes === undefined) {
    const hint = 'write 02:11:22:33:44:55';
    report([...at, 'mac'], `invalid hardware address ${JSON.stringify(mac)}`, mac, hint);
  }
  for (const [position, alias] of aliases.entries()) {
    if (isNetworkName(alias)) continue;
    report([...at, 'aliases', position], `invalid alias ${JSON.stringify(alias)}`, alias, words);
  }
  return {
    name,
    addresses: readAddresses(addresses, [...at, 'addresses'], report),
    aliases,
    origin: origin(formatPointer(at)),
    ...(bytes !== undefined && { mac: bytes }),
    ...(device !== undefined && { interface: device }),
  };
}

/** At most one address of each family. */
function readAddresses(
  texts: readonly string[],
  place: readonly (string | number)[],
  report: Report,
): Address[] {
  const read: Address[] = [];
  for (const [position, text] of texts.entries()) {
    const address = parseAddress(text);
    const at = [...place, position];
    if (address === undefined) {
      report(
        at,
        `invalid address ${JSON.stringify(text)}`,
        text,
        'write 10.63.0.9 or fd00::9, without a prefix',
      );
    } else if (read.some(({ family }) => family === address.family)) {
      const message = `two IPv${address.family} addresses: ${formatAddress(address)} is the second`;
      report(at, message, text, 'an interface has one address of each family');
    } else read.push(address);
  }
  return read;
}

const highestPort = 65_535;

function readPorts(
  {
    protocol = 'tcp',
    hostAddress,
    hostPort,
    containerPort,
    count = 1,
  }: NonNullable<Document['ports']>[number],
  index: number,
  report: Report,
  origin: (pointer: string) => string,
): PublishedPorts {
  const at = ['ports', index] as const;
  const address = hostAddress === undefined ? undefined : parseAddress(hostAddress);
  if (hostAddress !== undefined && address === undefined) {
    const hint = 'write 127.0.0.1 or ::1; without it, all addresses of the host are used';
    report([...at, 'hostAddress'], `invalid address ${JSON.stringify(hostAddress)}`, hostAddress, hint);
  }
  for (const [name, first] of [
    ['hostPort', hostPort],
    ['containerPort', containerPort],
  ] as const) {
    const last = first + count - 1;
    if (last <= highestPort) continue;
    const message = `${count} ports from ${first} on end at ${last}, not at most at ${highestPort}`;
    report([...at, 'count'], message, String(count), `lower count or ${name}`);
  }
  return {
    protocol,
    hostPort,
    containerPort,
    count,
    ...(address !== undefined && { address }),
    origin: origin(formatPointer(at)),
  };
}

/** A resolv.conf has one word in each of these places. */
const word = /^[^\s#;]+$/;

function readDns(dns: NonNullable<Document['dns']>, report: Report): DnsSettings {
  const { servers, search, options } = dns;
  for (const [position, text] of (servers ?? []).entries()) {
    if (parseAddress(text) !== undefined) continue;
    const hint = 'a name server is given by its address';
    report(['dns', 'servers', position], `invalid address ${JSON.stringify(text)}`, text, hint);
  }
  for (const [name, texts = []] of [
    ['search', search],
    ['options', options],
  ] as const) {
    for (const [position, text] of texts.entries()) {
      if (word.test(text)) continue;
      report(
        ['dns', name, position],
        `invalid word ${JSON.stringify(text)} for resolv.conf`,
        text,
        'remove blanks',
      );
    }
  }
  return {
    ...(servers !== undefined && { servers }),
    ...(search !== undefined && { search }),
    ...(options !== undefined && { options }),
  };
}

/** Rules about several values. */
function checkTogether({ networks, ports, dns }: Attachment, report: Report): void {
  if (networks.length > mostNetworks) {
    const message = `${networks.length} networks: at most ${mostNetworks} are supported`;
    report(['networks'], message, String(networks.length), 'list fewer');
  }
  const names = new Map<string, number>();
  const devices = new Map<string, number>();
  for (const [index, { name, interface: device }] of networks.entries()) {
    if (names.has(name)) {
      report(['networks', index, 'name'], `the network ${name} is listed twice`, name, 'list it once');
    }
    names.set(name, index);
    if (device === undefined) continue;
    if (devices.has(device)) {
      const place = ['networks', index, 'interface'];
      report(place, `two networks have the interface ${device}`, device, 'give each its own');
    }
    devices.set(device, index);
  }
  const total = ports.reduce((sum, { count }) => sum + count, 0);
  if (total > mostPorts) {
    report(['ports'], `${total} ports: at most ${mostPorts} are supported`, String(total), 'publish fewer');
  }
  if (dns !== undefined && networks.length === 0 && ports.length === 0) {
    report(['dns'], 'dns is given without a network', undefined, 'add networks: [{"name": "default"}]');
  }
}
