// SPDX-License-Identifier: Apache-2.0
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import { deleteContainer } from '../../../src/lifecycle/delete.ts';
import { portHolder } from '../../../src/lifecycle/network/port-holder.ts';
import { parseAddress } from '../../../src/network/cidr.ts';
import { attribute, message, nest, readMessages } from '../../../src/network/netlink-bytes.ts';
import { parsePublished, portElements } from '../../../src/network/publish.ts';
import { type FakeMachine, machineForEachTest, refused, thrown } from '../../helpers/fake-machine.ts';
import { attach, defineNetwork, prepareNetworks, recordOf } from '../../helpers/network-containers.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
  prepareNetworks(machine);
  defineNetwork(machine, 'web');
  machine.procFiles.set('/proc/net/tcp', '');
  machine.procFiles.set('/proc/net/tcp6', '');
});

/** The element of a port of a container, as the model of the table shows it. */
function element(published: string, address: string): string {
  const ipv4 = parseAddress(address) ?? { family: 4 as const, value: 0n };
  const [made] = portElements([parsePublished(published)], { ipv4 });
  const hex = (bytes: readonly number[] = []) => Buffer.from(bytes).toString('hex');
  return `${hex(made?.key)}: ${hex(made?.data)}`;
}

/** A socket of a process in /proc. */
function listen(pid: number, name: string, port: number, state = '0A', file = 'tcp'): void {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  machine.procFiles.set(
    `/proc/net/${file}`,
    `  sl  local_address rem_address st\n   0: 00000000:${hex} 00000000:0000 ${state} 0:0 00:0 0 0 0 ${7000 + pid} 1\n`,
  );
  machine.procFiles.set(`/proc/${pid}/fd/3`, `socket:[${7000 + pid}]`);
  machine.procFiles.set(`/proc/${pid}/comm`, `${name}\n`);
}

function killKeeper(id: string): void {
  const { pid = -1 } = recordOf(machine, id).network?.keeper ?? {};
  machine.processes.delete(pid);
}

function stop(id: string): void {
  const process = machine.processes.get(recordOf(machine, id).init?.pid ?? -1);
  if (process !== undefined) machine.signal(process, 9);
}

describe('a published port', () => {
  it('is held by a keeper, leads to the container, and is in its record', () => {
    machine.procFiles.set('/proc/sys/net/ipv6/conf/default/disable_ipv6', '0\n');
    attach(machine, 'c1', ['web'], { publish: ['8800-8801:80-81'] });
    const [keeper] = machine.keepers;
    expect(keeper?.listeners.map(({ protocol, address, port }) => [protocol, address, port])).toEqual([
      ['tcp', '10.20.0.2', 80],
      ['tcp', '10.20.0.2', 81],
      ['tcp', '10.20.0.2', 80],
      ['tcp', '10.20.0.2', 81],
    ]);
    expect(machine.calls.filter(call => call.startsWith('holdPorts'))).toEqual([
      'holdPorts tcp 0.0.0.0 8800',
      'holdPorts tcp :: 8800',
    ]);
    expect(machine.network.elements('ports')).toEqual([
      element('8800:80', '10.20.0.2'),
      element('8801:81', '10.20.0.2'),
    ]);
    expect(machine.network.pairs[0]?.hairpin).toBe(true);
    const network = recordOf(machine, 'c1').network;
    expect(network?.ports).toEqual(['8800-8801:80-81/tcp']);
    expect(machine.processes.has(network?.keeper?.pid ?? -1)).toBe(true);
    // The keeper has copies.
    expect(machine.network.held.size).toBe(0);
  });

  it('is removed by the messages that its keeper has, and restored by them after a flush', () => {
    attach(machine, 'c1', ['web'], { publish: ['8800:80'] });
    const [keeper] = machine.keepers;
    const before = machine.network.elements('ports');
    const send = (messages: Uint8Array) => machine.network.binding.netfilter({ messages, last: 1 }).errno;
    expect(keeper?.end.map(send)).toEqual([0]);
    expect(machine.network.elements('ports')).toEqual([]);
    machine.network.tables.clear();
    expect(keeper?.restore.map(send)).toEqual([0, 0, 0]);
    expect(machine.network.elements('ports')).toEqual(before);
    expect(machine.network.elements('nets')).toHaveLength(1);
  });

  it('makes the default network if the container requests none', () => {
    attach(machine, 'c1', [], { publish: ['127.0.0.1:8800:80'] });
    expect(recordOf(machine, 'c1').network?.attachments[0]?.name).toBe('default');
    expect(machine.calls).toContain('holdPorts tcp 127.0.0.1 8800');
    expect(machine.network.elements('ports_at')).toEqual(
      [element('127.0.0.1:8800:80', '10.20.0.2')].map(text => text.replace('0a140002', '0a3f0002')),
    );
  });

  it('that another container has is refused with the name of that container', () => {
    attach(machine, 'c1', ['web'], { publish: ['8800-8809:8800-8809'] });
    machine.network.busyPorts.add('tcp 0.0.0.0 8805');
    expect(thrown(() => attach(machine, 'c2', ['web'], { publish: ['8805:80'] }))).toMatchObject({
      code: 'network.port-taken',
      document: '--publish',
      value: '8805/tcp',
      message: 'port 8805/tcp of 0.0.0.0 is in use by container c1',
      hint: expect.stringContaining('tsubo delete --force c1'),
    });
  });

  it('that a program of the host has is refused with the name of the program', () => {
    machine.network.busyPorts.add('tcp 0.0.0.0 8801');
    listen(77, 'httpd', 8801);
    const error = thrown(() => attach(machine, 'c1', ['web'], { publish: ['8800-8802:80-82'] }));
    expect(error).toMatchObject({
      code: 'network.port-taken',
      value: '8801/tcp',
      message: 'port 8801/tcp of 0.0.0.0 is in use by process 77 (httpd)',
      hint: 'publish another port, or end that program',
    });
    expect(machine.network.held.size).toBe(0);
    expect(machine.spawned).toEqual([]);
  });

  it('is tried again after a keeper has ended, and 500 times if no process is found that has it', () => {
    machine.network.busyPorts.add('tcp 0.0.0.0 8800');
    listen(78, 'tsubo:[keeper]', 8800);
    const { pidfdOpen, pidfdWait } = machine.binding;
    const waits: number[] = [];
    machine.binding.pidfdOpen = pid => (pid === 78 ? 7800 : pidfdOpen(pid));
    machine.binding.pidfdWait = (pidfd, timeoutMs) => {
      if (pidfd !== 7800) return pidfdWait(pidfd, timeoutMs);
      waits.push(timeoutMs);
      machine.network.busyPorts.clear();
      return true;
    };
    const { close } = machine.binding;
    const closed: number[] = [];
    machine.binding.close = fd => (fd === 7800 ? void closed.push(fd) : close(fd));
    let pauses = 0;
    machine.binding.sleepMs = () => void pauses++;
    attach(machine, 'c1', ['web'], { publish: ['8800:80'] });
    expect([waits, closed, pauses]).toEqual([[10_000], [7800], 0]);
    machine.network.busyPorts.add('tcp 0.0.0.0 8900');
    expect(thrown(() => attach(machine, 'c2', ['web'], { publish: ['8900:80'] }))).toMatchObject({
      message: 'port 8900/tcp of 0.0.0.0 is in use by a socket of the host',
    });
    expect(pauses).toBe(500);
  });

  it('is refused if the keeper of an ended container does not end', () => {
    machine.network.busyPorts.add('tcp 0.0.0.0 8800');
    listen(78, 'tsubo:[keeper]', 8800);
    machine.binding.pidfdOpen = () => 7800;
    machine.binding.pidfdWait = () => false;
    machine.binding.close = () => {};
    expect(thrown(() => attach(machine, 'c1', ['web'], { publish: ['8800:80'] }))).toMatchObject({
      code: 'network.port-taken',
      message: 'port 8800/tcp of 0.0.0.0 is in use by process 78 (tsubo:[keeper])',
    });
  });

  it.each([
    [errno.EADDRNOTAVAIL, 'the host has no such address: ip address lists them'],
    [
      errno.EACCES,
      expect.stringMatching(/^ports below \d+ belong to root: .* net\.ipv4\.ip_unprivileged_port_start=80$/),
    ],
    [errno.EMFILE, expect.stringContaining('ulimit -Hn')],
  ])('that cannot be held because of error %i is reported with a hint', (error, hint) => {
    machine.trouble.set('holdPorts', () => {
      throw refused('bind', error, '80');
    });
    expect(thrown(() => attach(machine, 'c1', ['web'], { publish: ['192.0.2.1:80:80'] }))).toMatchObject({
      code: 'host.syscall',
      document: '--publish',
      value: '192.0.2.1 port 80',
      errno: error,
      hint,
    });
  });

  it('replaces what a container has left whose keeper was killed', () => {
    attach(machine, 'c1', ['web'], { publish: ['8800:80'] });
    attach(machine, 'c2', ['web'], { publish: ['8900:80'] });
    stop('c1');
    killKeeper('c1');
    attach(machine, 'c3', ['web'], { publish: ['8800:80'] });
    expect(machine.network.elements('ports').sort()).toEqual(
      [element('8800:80', '10.20.0.4'), element('8900:80', '10.20.0.3')].sort(),
    );
  });

  it('makes a missing table again', () => {
    machine.trouble.set('makeVeth', () => machine.network.tables.clear());
    attach(machine, 'c1', ['web'], { publish: ['8800:80'] });
    expect(machine.network.elements('ports')).toEqual([element('8800:80', '10.20.0.2')]);
    expect(machine.network.elements('nets')).toHaveLength(1);
  });

  it('that the kernel refuses in its maps is reported, and the container is undone', () => {
    machine.trouble.set('makeVeth', () =>
      machine.network.refusals.push(errno.ENOMEM, 0, errno.ENOMEM, errno.ENOMEM),
    );
    expect(thrown(() => attach(machine, 'c1', ['web'], { publish: ['8800:80'] }))).toMatchObject({
      code: 'host.syscall',
      syscall: 'NFT_MSG_NEWSETELEM',
      errnoName: 'ENOMEM',
      document: '--publish',
      value: '8800:80/tcp',
    });
    expect(machine.processes.size).toBe(0);
    expect(machine.keepers).toEqual([]);
  });

  it('of a deleted container leaves the maps, also if its keeper was killed', () => {
    attach(machine, 'c1', ['web'], { publish: ['8800:80'] });
    attach(machine, 'c2', ['web'], { publish: ['8900:80'] });
    stop('c1');
    // The keeper still runs, and removes the elements itself.
    deleteContainer(machine.runtime, 'c1');
    expect(machine.network.elements('ports')).toHaveLength(2);
    stop('c2');
    killKeeper('c2');
    deleteContainer(machine.runtime, 'c2');
    expect(machine.network.elements('ports')).toEqual([]);
  });

  it('of a deleted container whose keeper has removed them need no netlink', () => {
    attach(machine, 'c1', ['web'], { publish: ['8800:80'] });
    stop('c1');
    killKeeper('c1');
    writeFileSync(join(machine.root, 'c1/ports-removed'), '1');
    machine.binding.netfilter = () => {
      throw refused('socket', errno.EPERM);
    };
    deleteContainer(machine.runtime, 'c1');
    expect(existsSync(join(machine.root, 'c1'))).toBe(false);
  });

  it('of a deleted container that are gone although its keeper was killed need no transaction', () => {
    attach(machine, 'c1', ['web'], { publish: ['8800:80'] });
    stop('c1');
    killKeeper('c1');
    machine.network.tables.get('1 tsubo')?.sets.get('ports')?.clear();
    // A transaction would fail.
    machine.network.refusals.push(errno.EPERM);
    deleteContainer(machine.runtime, 'c1');
    expect(machine.network.refusals).toEqual([errno.EPERM]);
  });

  it('of a container whose table is gone does not keep it from being deleted', () => {
    attach(machine, 'c1', ['web'], { publish: ['8800:80'] });
    stop('c1');
    killKeeper('c1');
    machine.network.tables.clear();
    deleteContainer(machine.runtime, 'c1');
    attach(machine, 'c2', ['web'], { publish: ['8800:80'] });
    stop('c2');
    killKeeper('c2');
    machine.network.refusals.push(errno.EPERM);
    expect(thrown(() => deleteContainer(machine.runtime, 'c2'))).toMatchObject({
      syscall: 'NFT_MSG_NEWSETELEM',
      errnoName: 'EPERM',
    });
  });

  it('of UDP forgets the connections that used it before', () => {
    const tracked = (protocol: number, port: number) =>
      message(0x0100, 0, 1, [
        ...[2, 0, 0, 0],
        ...nest(1, nest(2, attribute(1, [protocol]), attribute(3, [port >> 8, port & 255]))),
      ]);
    machine.network.connections = [
      ...tracked(17, 5353),
      ...tracked(6, 5353),
      ...tracked(17, 5354),
      ...tracked(17, 5355),
      ...message(0x0100, 0, 1, [2, 0, 0, 0]),
    ];
    attach(machine, 'c1', ['web'], { publish: ['5353-5354:53-54/udp', '5355:55'] });
    const removed = machine.network.forgotten.flatMap(bytes => readMessages(bytes));
    expect(removed.map(({ type, body }) => [type, [...body]])).toEqual(
      [5353, 5354].map(port => {
        const [sent] = readMessages(Uint8Array.from(tracked(17, port)));
        return [0x102, [...(sent?.body ?? [])]];
      }),
    );
  });
});

describe('the process that has a port', () => {
  it('is found by its socket, of TCP only if that listens', () => {
    listen(77, 'httpd', 8801);
    expect(portHolder(machine.binding, 'tcp', 8801)).toEqual({ pid: 77, name: 'httpd' });
    expect(portHolder(machine.binding, 'tcp', 8802)).toBeUndefined();
    listen(77, 'httpd', 8801, '01');
    expect(portHolder(machine.binding, 'tcp', 8801)).toBeUndefined();
  });

  it('is found for UDP in any state, and for IPv6', () => {
    machine.procFiles.set('/proc/net/udp', '');
    listen(78, 'named', 53, '07', 'udp6');
    // Entries that are not processes, and processes without readable descriptors, are skipped.
    machine.procFiles.set('/proc/12/stat', '');
    expect(portHolder(machine.binding, 'udp', 53)).toEqual({ pid: 78, name: 'named' });
    machine.procFiles.set('/proc/78/fd/3', 'pipe:[1]');
    expect(portHolder(machine.binding, 'udp', 53)).toBeUndefined();
  });
});
