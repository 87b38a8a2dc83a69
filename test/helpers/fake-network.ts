// SPDX-License-Identifier: Apache-2.0
import { errno } from '../../src/errors/errno.ts';
import type { Binding, LinkFacts, NetfilterAnswer, NetworkFacts } from '../../src/host/binding.d.ts';
import {
  ascii,
  attribute,
  message,
  nest,
  read32be,
  readAttributes,
  readList,
  readMessages,
  readText,
  u32be,
} from '../../src/network/netlink-bytes.ts';
import { refused } from './refused.ts';

type Route = NetworkFacts['routes'][number];
type OwnAddress = NetworkFacts['addresses'][number];

/** A chain of nf_tables. Rules are the bytes of their expressions. */
interface FakeChain {
  /** Number of the hook; absent for a chain that is only jumped to. */
  readonly hook?: number;
  readonly drops: boolean;
  readonly rules: Uint8Array[];
}

interface FakeTable {
  readonly chains: Map<string, FakeChain>;
  /** Elements by key; the value is empty in a set. Bytes are hexadecimal texts. */
  readonly sets: Map<string, Map<string, string>>;
}

const families = { inet: 1, ip: 2, ip6: 10 } as const;
const [exclusive, dump, append] = [0x200, 0x300, 0x800];
const newChainMessage = 0x0a03;
const newRuleMessage = 0x0a06;
const getElementMessage = 0x0a0d;

/** The bindings of the network, with a model of the links, the ports and the tables of one network namespace. */
export class FakeNetwork {
  readonly links: LinkFacts[] = [{ index: 1, name: 'lo', kind: '', mtu: 65_536, master: 0, up: true }];
  addresses: OwnAddress[] = [];
  readonly routes: Route[] = [];
  /** By family and name: `1 tsubo`. */
  tables = new Map<string, FakeTable>();
  /** Requests for veth pairs, in order. */
  readonly pairs: Parameters<Binding['makeVeth']>[0][] = [];
  /** Ports that a program of the host uses: `tcp 0.0.0.0 80`. */
  readonly busyPorts = new Set<string>();
  /** Ports that are held, by descriptor. */
  readonly held = new Map<number, string>();
  /** The answer to a dump of the tracked connections, and the messages that removed some. */
  connections: number[] = [];
  readonly forgotten: Uint8Array[] = [];
  /** Errors of the next transactions, before they change anything; 0 lets one through. */
  readonly refusals: number[] = [];
  #nextIndex = 2;
  #nextSocket = 2_300_000;

  addLink(fields: Partial<LinkFacts> & { readonly name: string }): LinkFacts {
    const made = { index: this.#nextIndex++, kind: '', mtu: 1500, master: 0, up: true, ...fields };
    this.links.push(made);
    return made;
  }

  /** Adds a chain of another program; it hooks into `forward`, or into `hook`, if `drops` is given. */
  addChain(family: keyof typeof families, table: string, name: string, drops?: boolean, hook = 2): FakeChain {
    const made: FakeChain = { ...(drops !== undefined && { hook }), drops: drops === true, rules: [] };
    const key = `${families[family]} ${table}`;
    const there = this.tables.get(key) ?? { chains: new Map(), sets: new Map() };
    this.tables.set(key, there);
    there.chains.set(name, made);
    return made;
  }

  /** Elements of a set of the runtime's table, `key` or `key: value`. */
  elements(set: string): string[] {
    const found = this.tables.get('1 tsubo')?.sets.get(set) ?? new Map<string, string>();
    return [...found].map(([key, value]) => (value === '' ? key : `${key}: ${value}`));
  }

  /** Rules of a chain, as printable text of their bytes. */
  rules(family: keyof typeof families, table: string, chain: string): string[] {
    const rules = this.tables.get(`${families[family]} ${table}`)?.chains.get(chain)?.rules ?? [];
    return rules.map(bytes => Buffer.from(bytes).toString('latin1'));
  }

  close(fd: number): void {
    this.held.delete(fd);
  }

  readonly binding = {
    networkFacts: () => ({ links: this.links, addresses: this.addresses, routes: this.routes }),
    findLink: name => this.links.find(link => link.name === name),
    makeBridge: ({ name, mtu, addresses }) => {
      if (this.binding.findLink(name) !== undefined) throw refused('RTM_NEWLINK', errno.EEXIST);
      const { index } = this.addLink({ name, mtu, kind: 'bridge' });
      this.addresses.push(...addresses.map(one => ({ ...one, link: index })));
    },
    removeLink: name => {
      const at = this.links.findIndex(link => link.name === name);
      if (at < 0) throw refused('RTM_DELLINK', errno.ENODEV);
      const [removed] = this.links.splice(at, 1);
      this.addresses = this.addresses.filter(({ link }) => link !== removed?.index);
    },
    makeVeth: request => {
      const bridge = this.#linkNamed(request.bridge);
      if (bridge.kind !== 'bridge') throw refused('RTM_NEWLINK', 124);
      let name = request.name;
      while (this.binding.findLink(name) !== undefined) name += 'x';
      this.addLink({ name, kind: 'veth', mtu: bridge.mtu, master: bridge.index });
      this.pairs.push(request);
      return name;
    },
    enslave: (name, bridge) => {
      const link = this.#linkNamed(name);
      this.links[this.links.indexOf(link)] = { ...link, master: this.#linkNamed(bridge).index };
    },
    holdPorts: ({ protocol, address, first, count }) => {
      const fds: number[] = [];
      const used = new Set([...this.busyPorts, ...this.held.values()]);
      for (let port = first; port < first + count; port++) {
        const key = `${protocol} ${address} ${port}`;
        if (used.has(key)) {
          for (const fd of fds) this.held.delete(fd);
          throw refused('bind', errno.EADDRINUSE, String(port));
        }
        this.held.set(this.#nextSocket, key);
        fds.push(this.#nextSocket++);
      }
      return fds;
    },
    netfilter: ({ messages }) => this.#netfilter(messages),
  } satisfies Partial<Binding>;

  #linkNamed(name: string): LinkFacts {
    const found = this.binding.findLink(name);
    if (found === undefined) throw refused('RTM_NEWLINK', errno.ENODEV);
    return found;
  }

  #netfilter(bytes: Uint8Array): NetfilterAnswer {
    const answer = (answers: readonly number[]) => ({
      errno: 0,
      sequence: 0,
      answers: Uint8Array.from(answers),
    });
    const [first] = readMessages(bytes);
    switch (first?.type) {
      case 0x101:
        return answer(this.connections);
      case 0x102:
        this.forgotten.push(bytes);
        return answer([]);
      case newChainMessage + 1:
        return answer(this.#dumpChains());
      case newRuleMessage + 1:
        return answer(this.#dumpRules(first.body));
      case getElementMessage:
        return { ...answer([]), errno: this.#findElement(first.body) };
      default:
        return this.#transaction(bytes);
    }
  }

  #dumpChains(): number[] {
    return [...this.tables].flatMap(([key, { chains }]) => {
      const [family = '', table = ''] = key.split(' ');
      return [...chains].flatMap(([name, { hook, drops }]) => [
        ...message(newChainMessage, 0, 1, [
          ...[Number(family), 0, 0, 0],
          ...attribute(1, ascii(table)),
          ...attribute(3, ascii(name)),
          ...(hook === undefined
            ? []
            : [...nest(4, attribute(1, u32be(hook))), ...attribute(5, u32be(drops ? 0 : 1))]),
        ]),
      ]);
    });
  }

  #dumpRules(body: Uint8Array): number[] {
    const table = readText(readAttributes(body.subarray(4)).get(1));
    const chains = this.tables.get(`${body[0]} ${table}`)?.chains ?? new Map<string, FakeChain>();
    return [...chains.values()].flatMap(({ rules }) =>
      rules.flatMap(rule => [...message(newRuleMessage, 0, 1, [body[0] ?? 0, 0, 0, 0], nest(4, rule))]),
    );
  }

  #findElement(body: Uint8Array): number {
    const found = readAttributes(body.subarray(4));
    const set = this.tables.get(`${body[0]} ${readText(found.get(1))}`)?.sets.get(readText(found.get(2)));
    return elementsOf(found.get(3)).every(([key]) => set?.has(key) === true) ? 0 : errno.ENOENT;
  }

  /** All changes or none. */
  #transaction(bytes: Uint8Array): NetfilterAnswer {
    const refusal = this.refusals.shift() ?? 0;
    const before = structuredClone(this.tables);
    const changes = readMessages(bytes).slice(1, -1);
    for (const [index, { type, body }] of changes.entries()) {
      const flags = flagsOf(bytes, index + 1);
      const error = refusal === 0 ? this.#change(type & 0xff, flags, body) : refusal;
      if (error === 0) continue;
      this.tables = before;
      return { errno: error, sequence: index + 2, answers: new Uint8Array() };
    }
    return { errno: 0, sequence: 0, answers: new Uint8Array() };
  }

  #change(type: number, flags: number, body: Uint8Array): number {
    if ((flags & dump) === dump) throw new Error('a dump inside of a transaction');
    const found = readAttributes(body.subarray(4));
    const text = (number: number) => readText(found.get(number));
    const key = `${body[0]} ${text(1)}`;
    const [newTable, newChain, newRule, deleteRule, newSet, newElement, deleteElement] = [
      0, 3, 6, 8, 9, 12, 14,
    ];
    if (type === newTable) {
      if (!this.tables.has(key)) this.tables.set(key, { chains: new Map(), sets: new Map() });
      return 0;
    }
    const table = this.tables.get(key);
    if (table === undefined) return errno.ENOENT;
    switch (type) {
      case newChain: {
        const hook = found.get(4);
        const made: FakeChain = {
          ...(hook !== undefined && { hook: read32be(readAttributes(hook).get(1)) }),
          drops: false,
          rules: [],
        };
        if (!table.chains.has(text(3))) table.chains.set(text(3), made);
        return 0;
      }
      case newRule: {
        const rules = table.chains.get(text(2))?.rules;
        const expressions = found.get(4);
        if (rules === undefined || expressions === undefined) return errno.ENOENT;
        if ((flags & append) === 0) rules.unshift(expressions.slice());
        else rules.push(expressions.slice());
        return 0;
      }
      case deleteRule: {
        const rules = table.chains.get(text(2))?.rules;
        if (rules === undefined) return errno.ENOENT;
        rules.length = 0;
        return 0;
      }
      case newSet:
        if (!table.sets.has(text(2))) table.sets.set(text(2), new Map());
        return 0;
      case newElement:
      case deleteElement: {
        const set = table.sets.get(text(2));
        if (set === undefined) return errno.ENOENT;
        const list = found.get(3);
        return type === newElement ? add(set, list, (flags & exclusive) !== 0) : remove(set, list);
      }
      default:
        throw new Error(`message ${type} of nf_tables has no model`);
    }
  }
}

function add(set: Map<string, string>, list: Uint8Array | undefined, isNew: boolean): number {
  for (const [key, value] of elementsOf(list)) {
    if (set.has(key) && (isNew || set.get(key) !== value)) return errno.EEXIST;
    set.set(key, value);
  }
  return 0;
}

/** Without a list the message means all elements. */
function remove(set: Map<string, string>, list: Uint8Array | undefined): number {
  if (list === undefined) set.clear();
  for (const [key] of elementsOf(list)) if (!set.delete(key)) return errno.ENOENT;
  return 0;
}

/** Keys, with a dash before the last key of an interval, and values. */
function elementsOf(list: Uint8Array | undefined): [key: string, value: string][] {
  return readList(list ?? new Uint8Array()).map(([, element]) => {
    const found = readAttributes(element);
    const bytes = (number: number) => {
      const value = found.get(number);
      return value === undefined ? '' : Buffer.from(readAttributes(value).get(1) ?? []).toString('hex');
    };
    return [found.has(10) ? `${bytes(1)}-${bytes(10)}` : bytes(1), bytes(2)];
  });
}

/** Flags of the nth message. */
function flagsOf(bytes: Uint8Array, index: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  for (let number = 0; number < index; number++) at += (view.getUint32(at, true) + 3) & ~3;
  return view.getUint16(at + 6, true);
}
