// SPDX-License-Identifier: Apache-2.0
// Attacks of a container with CAP_NET_ADMIN and CAP_NET_RAW in its own network namespace. network.test.ts,
// network-ports.test.ts and network-command.test.ts try further ones.
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { helperProgram } from '../helpers/inside.ts';
import { addressesOf, machine, neighbour, networkMachine } from '../helpers/network.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { watch } from '../helpers/sandbox.ts';

const skipped = !isTsubo || requires('root', 'busybox', 'ip', 'ping', 'nc', 'nft', 'ps', 'g++');

describe.skipIf(skipped)('a hostile container in a network', () => {
  const lan = networkMachine();
  const attached = (network: string) => lan.running(['--network', network]);
  const addressOf = (pid: number) => addressesOf(lan.link(pid, 'eth0'))[0]?.split('/')[0] ?? '';
  /** The answer of a server to a client with this source address. */
  const askAs = (from: number, source: string, address: string, port: number) => {
    const done = lan.try(from, 'nc', '-s', source, '-w', '2', '-d', address, String(port));
    return done.status === 0 && done.stdout !== '' ? done.stdout.trim() : undefined;
  };

  test('leaves under the address of the host, whatever source address it writes into its packets', async () => {
    const { pid } = attached('default');
    await lan.serve(lan.neighbour, 90);
    for (const source of ['203.0.113.7', '10.64.0.9', addressOf(pid)]) {
      if (source !== addressOf(pid)) lan.ip(`address add ${source}/32 dev eth0`, pid);
      // The host routes the answers to the false address back to the container, as a neighbour on the way would.
      if (source !== addressOf(pid)) lan.ip(`route add ${source}/32 dev tsubo0`);
      expect(askAs(pid, source, neighbour.ipv4, 90)).toBe(machine.ipv4);
    }
  });

  test('reaches no container of another network with an address of that network', async () => {
    lan.must('network', 'create', 'other');
    const { pid } = attached('default');
    const target = attached('other');
    const friend = attached('other');
    await lan.serve(target.pid, 80);
    const address = addressOf(target.pid);
    const stolen = address.replace(/\d+$/, '77');
    lan.ip(`address add ${stolen}/32 dev eth0`, pid);
    lan.ip(`route add ${stolen}/32 dev tsubo0`);
    expect(askAs(pid, stolen, address, 80)).toBeUndefined();
    expect(askAs(pid, addressOf(pid), address, 80)).toBeUndefined();
    // The server answers a container of its own network.
    expect(lan.ask(friend.pid, address, 80)).toBe(addressOf(friend.pid));
  });

  test('takes no packet of the host to an address of 127.0.0.0/8', async () => {
    const { pid } = attached('default');
    await lan.serve(lan.pid, 7777, 'host ');
    lan.in(lan.pid, 'sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1');
    lan.in(pid, 'sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1');
    lan.ip('route add 127.0.0.1/32 via 10.63.0.1 table 99', pid);
    lan.in(pid, 'ip', 'rule', 'add', 'pref', '0', 'to', '127.0.0.1', 'lookup', '99');
    lan.in(pid, 'ip', 'rule', 'add', 'pref', '1', 'lookup', 'local');
    lan.in(pid, 'ip', 'rule', 'del', 'pref', '0', 'lookup', 'local');
    // Even where the administrator has set route_localnet for the whole machine.
    expect(lan.ask(pid, '127.0.0.1', 7777)).toBeUndefined();
    expect(lan.ask(lan.pid, '127.0.0.1', 7777)).toBe('host 127.0.0.1');
  });

  test.each([
    ['of another network', 'two', 'one', 0],
    ['broadcast in its isolated network', 'one', 'one', 0],
    ['broadcast in its network, where all may hear it', 'two', 'two', 1],
  ])('hears traffic %s only where it belongs', async (_, heard, spoken, expected) => {
    lan.must('network', 'create', '--isolated', 'one');
    lan.must('network', 'create', 'two');
    const listener = attached(heard);
    const speaker = attached(spoken);
    const [text, last] = [`secret-${lan.box.name}`, `last-${lan.box.name}`];
    const program = [helperProgram('sniffer'), text, last];
    const sniffer = watch(lan.box.view.spawn(lan.within(listener.pid, ...program)));
    if (sniffer.child.stdout !== null) await once(sniffer.child.stdout, 'data');
    const send = (from: number, what: string, to: string) =>
      lan.in(from, process.execPath, '-e', script, what, to);
    const script = `
      const s = require('dgram').createSocket('udp4');
      const [, what, to] = process.argv;
      s.bind(() => { s.setBroadcast(true); s.send(what, 9, to, () => s.close()); });`;
    send(speaker.pid, text, '255.255.255.255');
    send(lan.pid, last, addressOf(listener.pid));
    await sniffer.ended;
    expect(sniffer.stdout()).toBe(`ready\n${expected}\n`);
  });
});
