// SPDX-License-Identifier: Apache-2.0
import {
  ascii,
  attribute,
  type Bytes,
  joined,
  message,
  messageFlags,
  messageHeader,
  nest,
  u16be,
  u32be,
} from './netlink-bytes.ts';

/** Encodes the objects of nf_tables as messages. The rules themselves are in ruleset.ts. */

const subsystem = 10;
const inet = 1;
const batch = { begin: 16, end: 17 };
const messages = {
  newTable: 0,
  getTable: 1,
  deleteTable: 2,
  newChain: 3,
  getChain: 4,
  newRule: 6,
  getRule: 7,
  deleteRule: 8,
  newSet: 9,
  newElement: 12,
  getElement: 13,
  deleteElement: 14,
} as const;

export const setFlags = { interval: 4, map: 8, timeout: 0x10, concatenation: 0x80 } as const;

/** One message of a transaction. */
export interface Change {
  readonly type: number;
  readonly flags: number;
  readonly attributes: ArrayLike<number>;
}

export interface Chain {
  readonly name: string;
  /** Absent: the chain is reached by jumps only. */
  readonly hook?: {
    readonly type: 'filter' | 'nat';
    /** NF_INET_*: 0 prerouting, 2 forward, 3 output, 4 postrouting. */
    readonly number: number;
    readonly priority: number;
  };
}

export interface NftSet {
  readonly name: string;
  readonly flags: number;
  /** Types of the fields of a key, as nft(8) numbers them, with the length of each in bytes. */
  readonly key: readonly Field[];
  /** The same for the values of a map. */
  readonly data?: readonly Field[];
}

export interface Field {
  readonly type: number;
  readonly length: number;
}

export interface Element {
  readonly set: string;
  /** With all fields padded to 4 bytes. */
  readonly key: Bytes;
  /** Last key of an interval. */
  readonly keyEnd?: Bytes;
  readonly data?: Bytes;
}

const change = (type: number, flags: number, ...attributes: readonly Bytes[]): Change => ({
  type,
  flags,
  attributes: attributes.flat(),
});

export function newTable(table: string): Change {
  return change(messages.newTable, messageFlags.create, attribute(1, ascii(table)));
}

export function deleteTable(table: string): Change {
  return change(messages.deleteTable, 0, attribute(1, ascii(table)));
}

export function newChain(table: string, { name, hook }: Chain): Change {
  const hooked =
    hook === undefined
      ? []
      : [
          nest(4, attribute(1, u32be(hook.number)), attribute(2, u32be(hook.priority))),
          // Policy accept: the table restricts only its own networks.
          attribute(5, u32be(1)),
          attribute(7, ascii(hook.type)),
        ];
  return change(
    messages.newChain,
    messageFlags.create,
    attribute(1, ascii(table)),
    attribute(3, ascii(name)),
    ...hooked,
  );
}

const aligned = (length: number) => (length + 3) & ~3;
const keyType = (fields: readonly Field[]) => fields.reduce((type, field) => (type << 6) | field.type, 0);
const keyLength = (fields: readonly Field[]) =>
  fields.length === 1 && fields[0] !== undefined
    ? fields[0].length
    : fields.reduce((sum, { length }) => sum + aligned(length), 0);

/** @param id - number of the set in its transaction */
export function newSet(table: string, { name, flags, key, data }: NftSet, id: number): Change {
  const isConcatenatedInterval = key.length > 1 && (flags & setFlags.interval) !== 0;
  const allFlags = flags | (isConcatenatedInterval ? setFlags.concatenation : 0);
  const fields = key.map(({ length }) => nest(1, attribute(1, u32be(length))));
  return change(
    messages.newSet,
    messageFlags.create,
    attribute(1, ascii(table)),
    attribute(2, ascii(name)),
    attribute(3, u32be(allFlags)),
    attribute(4, u32be(keyType(key))),
    attribute(5, u32be(keyLength(key))),
    ...(data === undefined ? [] : [attribute(6, u32be(keyType(data))), attribute(7, u32be(keyLength(data)))]),
    ...(isConcatenatedInterval ? [nest(9, nest(2, ...fields))] : []),
    attribute(10, u32be(id)),
    // nft(8) shows the name of an interface only if the set contains the byte order of its key: that of the machine.
    ...(key.length === 1 ? [attribute(13, [0, 4, 1, 0, 0, 0])] : []),
  );
}

/** Expressions of one rule, in order. */
export function newRule(table: string, chain: string, expressions: readonly Bytes[]): Change {
  return change(
    messages.newRule,
    messageFlags.create | 0x800,
    attribute(1, ascii(table)),
    attribute(2, ascii(chain)),
    nest(4, ...expressions),
  );
}

/** The same at the start of the chain. */
export function insertRule(table: string, chain: string, expressions: readonly Bytes[]): Change {
  return { ...newRule(table, chain, expressions), flags: messageFlags.create };
}

/** Removes all rules of a chain. */
export function flushChain(table: string, chain: string): Change {
  return change(messages.deleteRule, 0, attribute(1, ascii(table)), attribute(2, ascii(chain)));
}

/** @param options.exclusive - an existing element is an error (EEXIST) */
export function newElements(
  table: string,
  set: string,
  elements: readonly Omit<Element, 'set'>[],
  options: { readonly exclusive?: boolean } = {},
): Change {
  const exclusive = options.exclusive === true ? messageFlags.exclusive : 0;
  return change(messages.newElement, messageFlags.create | exclusive, ...elementList(table, set, elements));
}

export function deleteElements(
  table: string,
  set: string,
  elements: readonly Omit<Element, 'set'>[],
): Change {
  const keys = elements.map(({ key, keyEnd }) => ({ key, ...(keyEnd !== undefined && { keyEnd }) }));
  return change(messages.deleteElement, 0, ...elementList(table, set, keys));
}

function elementList(table: string, set: string, elements: readonly Omit<Element, 'set'>[]): number[][] {
  const value = (type: number, bytes: Bytes) => nest(type, attribute(1, bytes));
  return [
    attribute(1, ascii(table)),
    attribute(2, ascii(set)),
    // Without a list the message means all elements.
    ...(elements.length === 0
      ? []
      : [
          nest(
            3,
            ...elements.map(({ key, keyEnd, data }) =>
              nest(
                1,
                value(1, key),
                ...(data === undefined ? [] : [value(2, data)]),
                ...(keyEnd === undefined ? [] : [value(10, keyEnd)]),
              ),
            ),
          ),
        ]),
  ];
}

/** A message, or several, for the binding's `netfilter`. */
export interface Encoded {
  readonly messages: Uint8Array;
  readonly last: number;
}

const fixed = (family: number, resource: number) => [family, 0, ...u16be(resource)];

/**
 * A transaction: all changes or none. The index of the change that failed is the answer's sequence number minus 2.
 */
export function transaction(changes: readonly Change[], family: number = inet): Encoded {
  let sequence = 1;
  const parts: ArrayLike<number>[] = [message(batch.begin, 0, sequence, fixed(0, subsystem))];
  const start = fixed(family, 0);
  for (const [index, { type, flags, attributes }] of changes.entries()) {
    sequence++;
    const ack = index === changes.length - 1 ? messageFlags.ack : 0;
    const length = start.length + attributes.length;
    parts.push(messageHeader((subsystem << 8) | type, flags | ack, sequence, length), start, attributes);
  }
  parts.push(message(batch.end, 0, sequence + 1, fixed(0, subsystem)));
  return { messages: joined(parts), last: sequence };
}

/** Requests one table; the answer is ENOENT if it does not exist. */
export function getTable(table: string): Encoded {
  return request(messages.getTable, messageFlags.ack, inet, attribute(1, ascii(table)));
}

export function dumpElements(table: string, set: string): Encoded {
  return request(messages.getElement, messageFlags.dump, inet, [
    ...attribute(1, ascii(table)),
    ...attribute(2, ascii(set)),
  ]);
}

/** Requests one element; the answer is ENOENT if it or its table does not exist. */
export function getElement(table: string, { set, key, keyEnd }: Element): Encoded {
  const wanted = { key, ...(keyEnd !== undefined && { keyEnd }) };
  return request(messages.getElement, messageFlags.ack, inet, elementList(table, set, [wanted]).flat());
}

/** Requests the rules of a table of another program. */
export function dumpRules(family: number, table: string): Encoded {
  return request(messages.getRule, messageFlags.dump, family, attribute(1, ascii(table)));
}

/** Requests all chains of all families. */
export function dumpChains(): Encoded {
  return request(messages.getChain, messageFlags.dump, 0, []);
}

function request(type: number, flags: number, family: number, attributes: Bytes): Encoded {
  const bytes = message((subsystem << 8) | type, flags, 1, [...fixed(family, 0), ...attributes]);
  return { messages: Uint8Array.from(bytes), last: 1 };
}

// ---- expressions of rules. Registers: 1 and 2 hold 16 bytes each; 8 to 15 are 4 bytes each of the same memory. -----

const expression = (name: string, ...attributes: readonly Bytes[]): number[] =>
  nest(1, attribute(1, ascii(name)), nest(2, ...attributes));

/** Keys of `meta`. */
export const meta = { inputName: 6, outputName: 7, family: 15, protocol: 16 } as const;

export function loadMeta(key: number, register = 1): number[] {
  return expression('meta', attribute(1, u32be(register)), attribute(2, u32be(key)));
}

/** @param base - 1: network header, 2: transport header */
export function loadPayload(base: 1 | 2, offset: number, length: number, register = 1): number[] {
  const numbers = [register, base, offset, length];
  return expression('payload', ...numbers.map((number, index) => attribute(index + 1, u32be(number))));
}

/** Type of the destination address in the routing table: 2 is local. */
export function loadDestinationType(): number[] {
  const destination = 2;
  const addressType = 3;
  return expression(
    'fib',
    attribute(1, u32be(1)),
    attribute(2, u32be(addressType)),
    attribute(3, u32be(destination)),
  );
}

/** Keys of `ct`. */
export const connection = { state: 0, status: 2 } as const;

export function loadConnection(key: number): number[] {
  return expression('ct', attribute(1, u32be(1)), attribute(2, u32be(key)));
}

/** register 1 = register 1 & mask, both in the byte order of the machine. */
export function mask(bits: Bytes): number[] {
  return expression(
    'bitwise',
    ...[attribute(1, u32be(1)), attribute(2, u32be(1)), attribute(3, u32be(bits.length))],
    ...[
      nest(4, attribute(1, bits)),
      nest(
        5,
        attribute(
          1,
          bits.map(() => 0),
        ),
      ),
    ],
  );
}

/** The rule continues if register 1 is (not) this value. */
export function compare(operator: 'equal' | 'other', value: Bytes): number[] {
  const code = operator === 'equal' ? 0 : 1;
  return expression('cmp', attribute(1, u32be(1)), attribute(2, u32be(code)), nest(3, attribute(1, value)));
}

/** The rule continues if the set contains the key in register 1; of a map, register 1 gets the value. */
export function lookUp(
  set: string,
  options: { readonly map?: boolean; readonly absent?: boolean } = {},
): number[] {
  return expression(
    'lookup',
    ...[attribute(1, ascii(set)), attribute(2, u32be(1))],
    ...(options.map === true ? [attribute(3, u32be(1))] : []),
    ...(options.absent === true ? [attribute(5, u32be(1))] : []),
  );
}

const verdicts = { drop: 0, accept: 1, jump: -3, return: -5 } as const;

export function verdict(name: keyof typeof verdicts, chain?: string): number[] {
  const code = attribute(1, u32be(verdicts[name]));
  const target = chain === undefined ? [] : attribute(2, ascii(chain));
  return expression('immediate', attribute(1, u32be(0)), nest(2, nest(2, code, target)));
}

/** Replaces the destination by the address in register 1, and the port if `portRegister` is given. */
export function translateDestination(family: 4 | 6, portRegister?: number): number[] {
  const port = portRegister === undefined ? [] : [attribute(5, u32be(portRegister))];
  return expression(
    'nat',
    ...[attribute(1, u32be(1)), attribute(2, u32be(family === 4 ? 2 : 10)), attribute(3, u32be(1))],
    ...port,
  );
}

/** A counter, as iptables has one in each rule. */
export function countPackets(): number[] {
  const zero = Array<number>(8).fill(0);
  return expression('counter', attribute(1, zero), attribute(2, zero));
}

export function masquerade(): number[] {
  return expression('masq');
}

/** Name of an interface as a key: 16 bytes. */
export function interfaceKey(name: string): number[] {
  return [...ascii(name), ...Array<number>(16).fill(0)].slice(0, 16);
}
