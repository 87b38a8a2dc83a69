// SPDX-License-Identifier: Apache-2.0
import { NF, NFNL, NFPROTO, NFT, NFT_MSG, NFTA, NFTA_EXPRESSION } from '../kernel/netfilter.ts';
import {
  aligned,
  ascii,
  attribute,
  type Bytes,
  joined,
  message,
  messageFlags,
  nest,
  type Part,
  u16be,
  u32be,
} from './netlink-bytes.ts';

/** Encodes the objects of nf_tables as messages. The rules themselves are in ruleset.ts. */

/** Adds a rule after the others of its chain. */
const append = 0x800;

/** One message of a transaction. */
export interface Change {
  readonly type: number;
  readonly flags: number;
  readonly attributes: Uint8Array;
}

export interface Chain {
  readonly name: string;
  /** Absent: the chain is reached by jumps only. */
  readonly hook?: {
    readonly type: 'filter' | 'nat';
    /** NF_INET_*. */
    readonly number: number;
    readonly priority: number;
  };
}

export interface NftSet {
  readonly name: string;
  /** NFT_SET_*. */
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

const change = (type: number, flags: number, ...attributes: readonly Part[]): Change => ({
  type,
  flags,
  attributes: joined(attributes),
});

export function newTable(table: string): Change {
  return change(NFT_MSG.NFT_MSG_NEWTABLE, messageFlags.create, attribute(NFTA.NFTA_TABLE_NAME, ascii(table)));
}

export function newChain(table: string, { name, hook }: Chain): Change {
  const hooked =
    hook === undefined
      ? []
      : [
          nest(
            NFTA.NFTA_CHAIN_HOOK,
            attribute(NFTA.NFTA_HOOK_HOOKNUM, u32be(hook.number)),
            attribute(NFTA.NFTA_HOOK_PRIORITY, u32be(hook.priority)),
          ),
          // The table restricts only its own networks.
          attribute(NFTA.NFTA_CHAIN_POLICY, u32be(NF.NF_ACCEPT)),
          attribute(NFTA.NFTA_CHAIN_TYPE, ascii(hook.type)),
        ];
  return change(
    NFT_MSG.NFT_MSG_NEWCHAIN,
    messageFlags.create,
    attribute(NFTA.NFTA_CHAIN_TABLE, ascii(table)),
    attribute(NFTA.NFTA_CHAIN_NAME, ascii(name)),
    ...hooked,
  );
}

const keyType = (fields: readonly Field[]) => fields.reduce((type, field) => (type << 6) | field.type, 0);
const keyLength = (fields: readonly Field[]) =>
  fields.length === 1 && fields[0] !== undefined
    ? fields[0].length
    : fields.reduce((sum, { length }) => sum + aligned(length), 0);

/** @param id - number of the set in its transaction */
export function newSet(table: string, { name, flags, key, data }: NftSet, id: number): Change {
  const isConcatenatedInterval = key.length > 1 && (flags & NFT.NFT_SET_INTERVAL) !== 0;
  const allFlags = flags | (isConcatenatedInterval ? NFT.NFT_SET_CONCAT : 0);
  const fields = key.map(({ length }) =>
    nest(NFTA.NFTA_LIST_ELEM, attribute(NFTA.NFTA_SET_FIELD_LEN, u32be(length))),
  );
  return change(
    NFT_MSG.NFT_MSG_NEWSET,
    messageFlags.create,
    attribute(NFTA.NFTA_SET_TABLE, ascii(table)),
    attribute(NFTA.NFTA_SET_NAME, ascii(name)),
    attribute(NFTA.NFTA_SET_FLAGS, u32be(allFlags)),
    attribute(NFTA.NFTA_SET_KEY_TYPE, u32be(keyType(key))),
    attribute(NFTA.NFTA_SET_KEY_LEN, u32be(keyLength(key))),
    ...(data === undefined
      ? []
      : [
          attribute(NFTA.NFTA_SET_DATA_TYPE, u32be(keyType(data))),
          attribute(NFTA.NFTA_SET_DATA_LEN, u32be(keyLength(data))),
        ]),
    ...(isConcatenatedInterval ? [nest(NFTA.NFTA_SET_DESC, nest(NFTA.NFTA_SET_DESC_CONCAT, ...fields))] : []),
    attribute(NFTA.NFTA_SET_ID, u32be(id)),
    // nft(8) shows the name of an interface only if the set contains the byte order of its key: that of the machine.
    ...(key.length === 1 ? [attribute(NFTA.NFTA_SET_USERDATA, [0, 4, 1, 0, 0, 0])] : []),
  );
}

/** Expressions of one rule, in order. */
export function newRule(table: string, chain: string, expressions: readonly Part[]): Change {
  return change(
    NFT_MSG.NFT_MSG_NEWRULE,
    messageFlags.create | append,
    attribute(NFTA.NFTA_RULE_TABLE, ascii(table)),
    attribute(NFTA.NFTA_RULE_CHAIN, ascii(chain)),
    nest(NFTA.NFTA_RULE_EXPRESSIONS, ...expressions),
  );
}

/** The same at the start of the chain. */
export function insertRule(table: string, chain: string, expressions: readonly Part[]): Change {
  return { ...newRule(table, chain, expressions), flags: messageFlags.create };
}

/** Removes all rules of a chain. */
export function flushChain(table: string, chain: string): Change {
  return change(
    NFT_MSG.NFT_MSG_DELRULE,
    0,
    attribute(NFTA.NFTA_RULE_TABLE, ascii(table)),
    attribute(NFTA.NFTA_RULE_CHAIN, ascii(chain)),
  );
}

/** @param options.exclusive - an existing element is an error (EEXIST) */
export function newElements(
  table: string,
  set: string,
  elements: readonly Omit<Element, 'set'>[],
  options: { readonly exclusive?: boolean } = {},
): Change {
  const exclusive = options.exclusive === true ? messageFlags.exclusive : 0;
  return change(
    NFT_MSG.NFT_MSG_NEWSETELEM,
    messageFlags.create | exclusive,
    ...elementList(table, set, elements),
  );
}

/** Removes the elements that a change adds. The kernel reads only their keys. */
export function removal({ attributes }: Change): Change {
  return { type: NFT_MSG.NFT_MSG_DELSETELEM, flags: 0, attributes };
}

/** Removes all elements of a set. */
export function emptySet(table: string, set: string): Change {
  return change(NFT_MSG.NFT_MSG_DELSETELEM, 0, ...elementList(table, set, []));
}

function elementList(table: string, set: string, elements: readonly Omit<Element, 'set'>[]): Uint8Array[] {
  const value = (type: number, bytes: Bytes) => nest(type, attribute(NFTA.NFTA_DATA_VALUE, bytes));
  return [
    attribute(NFTA.NFTA_SET_ELEM_LIST_TABLE, ascii(table)),
    attribute(NFTA.NFTA_SET_ELEM_LIST_SET, ascii(set)),
    // Without a list the message means all elements.
    ...(elements.length === 0
      ? []
      : [
          nest(
            NFTA.NFTA_SET_ELEM_LIST_ELEMENTS,
            ...elements.map(({ key, keyEnd, data }) =>
              nest(
                NFTA.NFTA_LIST_ELEM,
                value(NFTA.NFTA_SET_ELEM_KEY, key),
                ...(data === undefined ? [] : [value(NFTA.NFTA_SET_ELEM_DATA, data)]),
                ...(keyEnd === undefined ? [] : [value(NFTA.NFTA_SET_ELEM_KEY_END, keyEnd)]),
              ),
            ),
          ),
        ]),
  ];
}

const subsystem = NFNL.NFNL_SUBSYS_NFTABLES;

/** A message, or several, for the binding's `netfilter`. */
export interface Encoded {
  readonly messages: Uint8Array;
  readonly last: number;
}

const fixed = (family: number, resource: number) => [family, 0, ...u16be(resource)];

/**
 * Returns a transaction: all changes or none. The index of the change that failed is the answer's sequence number minus
 * 2.
 */
export function transaction(changes: readonly Change[], family: number = NFPROTO.NFPROTO_INET): Encoded {
  let sequence = 1;
  const parts = [message(NFNL.NFNL_MSG_BATCH_BEGIN, 0, sequence, fixed(0, subsystem))];
  const start = fixed(family, 0);
  for (const [index, { type, flags, attributes }] of changes.entries()) {
    sequence++;
    const ack = index === changes.length - 1 ? messageFlags.ack : 0;
    parts.push(message((subsystem << 8) | type, flags | ack, sequence, start, attributes));
  }
  parts.push(message(NFNL.NFNL_MSG_BATCH_END, 0, sequence + 1, fixed(0, subsystem)));
  return { messages: joined(parts), last: sequence };
}

/** Requests one element; the answer is ENOENT if it or its table does not exist. */
export function getElement(table: string, { set, key, keyEnd }: Element): Encoded {
  const wanted = { key, ...(keyEnd !== undefined && { keyEnd }) };
  return request(
    NFT_MSG.NFT_MSG_GETSETELEM,
    messageFlags.ack,
    NFPROTO.NFPROTO_INET,
    ...elementList(table, set, [wanted]),
  );
}

/** Requests the rules of a table of another program. */
export function dumpRules(family: number, table: string): Encoded {
  return request(
    NFT_MSG.NFT_MSG_GETRULE,
    messageFlags.dump,
    family,
    attribute(NFTA.NFTA_RULE_TABLE, ascii(table)),
  );
}

/** Requests all chains of all families. */
export function dumpChains(): Encoded {
  return request(NFT_MSG.NFT_MSG_GETCHAIN, messageFlags.dump, 0);
}

function request(type: number, flags: number, family: number, ...attributes: readonly Part[]): Encoded {
  return { messages: message((subsystem << 8) | type, flags, 1, fixed(family, 0), ...attributes), last: 1 };
}

// ---- expressions of rules. Registers: 1 and 2 hold 16 bytes each; 8 to 15 are 4 bytes each of the same memory. -----

const expression = (name: string, ...attributes: readonly Part[]): Uint8Array =>
  nest(
    NFTA.NFTA_LIST_ELEM,
    attribute(NFTA_EXPRESSION.NFTA_EXPR_NAME, ascii(name)),
    nest(NFTA_EXPRESSION.NFTA_EXPR_DATA, ...attributes),
  );

/** @param key - NFT_META_* */
export function loadMeta(key: number, register = 1): Uint8Array {
  return expression(
    'meta',
    attribute(NFTA_EXPRESSION.NFTA_META_DREG, u32be(register)),
    attribute(NFTA_EXPRESSION.NFTA_META_KEY, u32be(key)),
  );
}

/** @param base - NFT_PAYLOAD_* */
export function loadPayload(base: number, offset: number, length: number, register = 1): Uint8Array {
  return expression(
    'payload',
    attribute(NFTA_EXPRESSION.NFTA_PAYLOAD_DREG, u32be(register)),
    attribute(NFTA_EXPRESSION.NFTA_PAYLOAD_BASE, u32be(base)),
    attribute(NFTA_EXPRESSION.NFTA_PAYLOAD_OFFSET, u32be(offset)),
    attribute(NFTA_EXPRESSION.NFTA_PAYLOAD_LEN, u32be(length)),
  );
}

/** Type of the destination address in the routing table: 2 is local. */
export function loadDestinationType(): Uint8Array {
  return expression(
    'fib',
    attribute(NFTA_EXPRESSION.NFTA_FIB_DREG, u32be(1)),
    attribute(NFTA_EXPRESSION.NFTA_FIB_RESULT, u32be(NFT.NFT_FIB_RESULT_ADDRTYPE)),
    attribute(NFTA_EXPRESSION.NFTA_FIB_FLAGS, u32be(NFT.NFTA_FIB_F_DADDR)),
  );
}

/** @param key - NFT_CT_* */
export function loadConnection(key: number): Uint8Array {
  return expression(
    'ct',
    attribute(NFTA_EXPRESSION.NFTA_CT_DREG, u32be(1)),
    attribute(NFTA_EXPRESSION.NFTA_CT_KEY, u32be(key)),
  );
}

/** register 1 = register 1 & mask, both in the byte order of the machine. */
export function mask(bits: Bytes): Uint8Array {
  return expression(
    'bitwise',
    attribute(NFTA_EXPRESSION.NFTA_BITWISE_SREG, u32be(1)),
    attribute(NFTA_EXPRESSION.NFTA_BITWISE_DREG, u32be(1)),
    attribute(NFTA_EXPRESSION.NFTA_BITWISE_LEN, u32be(bits.length)),
    nest(NFTA_EXPRESSION.NFTA_BITWISE_MASK, attribute(NFTA.NFTA_DATA_VALUE, bits)),
    nest(NFTA_EXPRESSION.NFTA_BITWISE_XOR, attribute(NFTA.NFTA_DATA_VALUE, new Uint8Array(bits.length))),
  );
}

/** The rule continues if register 1 is (not) this value. */
export function compare(operator: 'equal' | 'other', value: Bytes): Uint8Array {
  const code = operator === 'equal' ? NFT.NFT_CMP_EQ : NFT.NFT_CMP_NEQ;
  return expression(
    'cmp',
    attribute(NFTA_EXPRESSION.NFTA_CMP_SREG, u32be(1)),
    attribute(NFTA_EXPRESSION.NFTA_CMP_OP, u32be(code)),
    nest(NFTA_EXPRESSION.NFTA_CMP_DATA, attribute(NFTA.NFTA_DATA_VALUE, value)),
  );
}

/** The rule continues if the set contains the key in register 1; of a map, register 1 gets the value. */
export function lookUp(
  set: string,
  options: { readonly map?: boolean; readonly absent?: boolean } = {},
): Uint8Array {
  return expression(
    'lookup',
    attribute(NFTA_EXPRESSION.NFTA_LOOKUP_SET, ascii(set)),
    attribute(NFTA_EXPRESSION.NFTA_LOOKUP_SREG, u32be(1)),
    ...(options.map === true ? [attribute(NFTA_EXPRESSION.NFTA_LOOKUP_DREG, u32be(1))] : []),
    ...(options.absent === true
      ? [attribute(NFTA_EXPRESSION.NFTA_LOOKUP_FLAGS, u32be(NFT.NFT_LOOKUP_F_INV))]
      : []),
  );
}

const verdicts = {
  drop: NF.NF_DROP,
  accept: NF.NF_ACCEPT,
  jump: NF.NFT_JUMP,
  return: NF.NFT_RETURN,
} as const;

export function verdict(name: keyof typeof verdicts, chain?: string): Uint8Array {
  const code = attribute(NFTA.NFTA_VERDICT_CODE, u32be(verdicts[name]));
  const target = chain === undefined ? [] : [attribute(NFTA.NFTA_VERDICT_CHAIN, ascii(chain))];
  return expression(
    'immediate',
    attribute(NFTA_EXPRESSION.NFTA_IMMEDIATE_DREG, u32be(NFT.NFT_REG_VERDICT)),
    nest(NFTA_EXPRESSION.NFTA_IMMEDIATE_DATA, nest(NFTA.NFTA_DATA_VERDICT, code, ...target)),
  );
}

/** Replaces the destination by the address in register 1, and the port if `portRegister` is given. */
export function translateDestination(family: 4 | 6, portRegister?: number): Uint8Array {
  return expression(
    'nat',
    attribute(NFTA_EXPRESSION.NFTA_NAT_TYPE, u32be(NFT.NFT_NAT_DNAT)),
    attribute(
      NFTA_EXPRESSION.NFTA_NAT_FAMILY,
      u32be(family === 4 ? NFPROTO.NFPROTO_IPV4 : NFPROTO.NFPROTO_IPV6),
    ),
    attribute(NFTA_EXPRESSION.NFTA_NAT_REG_ADDR_MIN, u32be(1)),
    ...(portRegister === undefined
      ? []
      : [attribute(NFTA_EXPRESSION.NFTA_NAT_REG_PROTO_MIN, u32be(portRegister))]),
  );
}

/** Returns a counter, as iptables has one in each rule. */
export function countPackets(): Uint8Array {
  const zero = new Uint8Array(8);
  return expression(
    'counter',
    attribute(NFTA_EXPRESSION.NFTA_COUNTER_BYTES, zero),
    attribute(NFTA_EXPRESSION.NFTA_COUNTER_PACKETS, zero),
  );
}

export function masquerade(): Uint8Array {
  return expression('masq');
}

/** Name of an interface as a key: 16 bytes. */
export function interfaceKey(name: string): number[] {
  return [...ascii(name), ...Array<number>(16).fill(0)].slice(0, 16);
}
