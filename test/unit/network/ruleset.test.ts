// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import {
  attribute,
  message,
  nest,
  readAttributes,
  readMessages,
  readText,
} from '../../../src/network/netlink-bytes.ts';
import { transaction } from '../../../src/network/nftables.ts';
import {
  addChanges,
  networkElements,
  removeIfPresent,
  table,
  tableChanges,
  tableTransaction,
} from '../../../src/network/ruleset.ts';

const network = {
  version: 1,
  name: 'web',
  bridge: 'tsubo1',
  ipv4: { subnet: '10.63.4.0/22', gateway: '10.63.4.1' },
  internal: false,
  isolated: false,
} as const;

describe('a netlink message', () => {
  it('has its length, type, flags and sequence number in front, and attributes at multiples of four', () => {
    expect([...attribute(3, [1, 2, 3, 4, 5])]).toEqual([9, 0, 3, 0, 1, 2, 3, 4, 5, 0, 0, 0]);
    expect([...nest(1, attribute(2, [7]))]).toEqual([12, 0, 1, 0x80, 5, 0, 2, 0, 7, 0, 0, 0]);
    expect([...message(0x0a01, 4, 7, [9])]).toEqual([17, 0, 0, 0, 1, 10, 5, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9]);
  });

  it('is read back, and a cut one is left out', () => {
    const bytes = Uint8Array.from([
      ...message(16, 0, 1, []),
      ...message(17, 0, 2, [...attribute(1, [65, 0])]),
      0,
      0,
    ]);
    const [first, second] = readMessages(bytes);
    expect([first?.type, second?.type]).toEqual([16, 17]);
    expect(readText(readAttributes(second?.body ?? new Uint8Array()).get(1))).toBe('A');
    expect(readMessages(bytes.subarray(0, 20))).toHaveLength(1);
  });
});

describe('the table', () => {
  it('is one transaction, in which only the last change requests an answer', () => {
    const changes = tableChanges();
    const { messages, last } = transaction(changes);
    const sent = readMessages(messages);
    expect(last).toBe(changes.length + 1);
    expect(tableTransaction()).toEqual(messages);
    expect(sent.map(({ type }) => type)).toEqual([16, ...changes.map(({ type }) => 0x0a00 | type), 17]);
    expect(readText(readAttributes(sent[1]?.body.subarray(4) ?? new Uint8Array()).get(1))).toBe(table);
  });

  it('never empties the chain of the administrator', () => {
    const deleteRule = 8;
    const emptied = tableChanges()
      .filter(({ type }) => type === deleteRule)
      .map(({ attributes }) => readText(readAttributes(Uint8Array.from(attributes)).get(2)));
    expect(emptied).toEqual(['publish', 'guard', 'prerouting', 'output', 'postrouting', 'forward']);
  });
});

describe('the elements of a network', () => {
  const sets = (change: object) => networkElements({ ...network, ...change }).map(({ set }) => set);

  it('let its traffic out and its containers reach each other, unless it is internal or isolated', () => {
    expect(sets({})).toEqual(['nets', 'outgoing', 'same', 'local']);
    expect(sets({ internal: true })).toEqual(['nets', 'same', 'local']);
    expect(sets({ isolated: true })).toEqual(['nets', 'outgoing', 'local']);
    const ipv6 = { subnet: 'fd00:1::/64', gateway: 'fd00:1::1' };
    expect(sets({ ipv6 })).toContain('local6');
  });

  it('contain the subnet from its first to its last address', () => {
    const local = networkElements(network).find(({ set }) => set === 'local');
    expect(local?.key.slice(-4)).toEqual([10, 63, 4, 0]);
    expect(local?.keyEnd?.slice(-4)).toEqual([10, 63, 7, 255]);
    expect(local?.key.slice(0, 16)).toEqual(
      [...'tsubo1\0\0\0\0\0\0\0\0\0\0'].map(letter => letter.charCodeAt(0)),
    );
  });

  it('are in one message for each set, and in several if there are many', () => {
    const elements = Array.from({ length: 1000 }, (_, index) => ({
      set: 'ports',
      key: [6, 0, 0, 0, index >> 8, index & 255, 0, 0],
      data: [10, 63, 0, 5, 0, 80, 0, 0],
    }));
    expect(addChanges(elements)).toHaveLength(3);
    expect(Math.max(...addChanges(elements).map(({ attributes }) => attributes.length))).toBeLessThan(65_536);
  });

  it('are removed by the messages that add them, with another type', () => {
    const added = addChanges(networkElements(network));
    const changes = removeIfPresent(added);
    expect(changes.slice(0, added.length)).toEqual(added);
    const deleteElement = 14;
    expect(changes.slice(added.length)).toEqual(
      added.map(({ attributes }) => ({ type: deleteElement, flags: 0, attributes })),
    );
  });
});
