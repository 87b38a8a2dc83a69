// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import { deleteContainer } from '../../../src/lifecycle/delete.ts';
import { ownerAt } from '../../../src/lifecycle/network/owners.ts';
import { reconcile } from '../../../src/lifecycle/network/reconcile.ts';
import { locked, networkStore } from '../../../src/network/store.ts';
import { decodePlan } from '../../helpers/decode-plan.ts';
import { type FakeMachine, machineForEachTest, refused, thrown } from '../../helpers/fake-machine.ts';
import {
  attach,
  defineNetwork,
  networkFile,
  prepareNetworks,
  recordOf,
  writeNetworkFile,
} from '../../helpers/network-containers.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
  prepareNetworks(machine);
});

const file = (name: string) => networkFile(machine, name);
const taken = (network: string) => {
  const directory = file(`state/${network}/addresses`);
  return existsSync(directory) ? readdirSync(directory).sort() : [];
};
const ipv6 = { ipv6: { subnet: 'fd00:9::/64', gateway: 'fd00:9::1' } };

function stop(id: string): void {
  const process = machine.processes.get(recordOf(machine, id).init?.pid ?? -1);
  if (process !== undefined) machine.signal(process, 9);
}

const hosts = (id: string) => readFileSync(join(machine.root, id, 'hosts'), 'utf8');
/** The lines of the hosts file that are those of other containers. */
const others = (id: string) =>
  hosts(id)
    .split('\n')
    .filter(line => line.includes('# network '));

describe('the names of the containers in a network', () => {
  beforeEach(() => defineNetwork(machine, 'web', ipv6));

  it('are in the hosts files of all others, the older container first', () => {
    attach(machine, 'c1', ['web:ip=10.20.0.10'], {
      change: config => {
        config.linux.namespaces.push({ type: 'uts' });
        config['hostname'] = 'one';
      },
    });
    attach(machine, 'c2', ['web:ip=10.20.0.9,alias=www,alias=w3']);
    attach(machine, 'c3', ['web']);
    expect(others('c1')).toEqual([
      '10.20.0.9\tc2 www w3\t# network web',
      'fd00:9::9\tc2 www w3\t# network web',
      '10.20.0.2\tc3\t# network web',
      'fd00:9::2\tc3\t# network web',
    ]);
    expect(others('c3')).toContain('10.20.0.10\tone c1\t# network web');
    expect(hosts('c1').split('\n')[2]).toBe('10.20.0.10\tone c1');
    expect(others('c1').some(line => line.includes('one'))).toBe(false);
  });

  it('are written to each other file once for a create, and no record is read', () => {
    const counted = (id: string) => {
      machine.calls.length = 0;
      const { readText } = machine.binding;
      let records = 0;
      machine.binding.readText = (path, ...rest) => {
        if (path.startsWith(machine.root)) records++;
        return readText(path, ...rest);
      };
      attach(machine, id, ['web']);
      machine.binding.readText = readText;
      return [machine.calls.filter(call => call.startsWith('changeLines')).length, records];
    };
    for (let other = 1; other <= 5; other++) expect(counted(`c${other}`)).toEqual([other - 1, 0]);
  });

  it('stay if the address belongs to another container meanwhile', () => {
    for (const id of ['c1', 'c2']) attach(machine, id, ['web']);
    stop('c2');
    writeFileSync(file('state/web/addresses/10.20.0.3'), `${join(machine.root, 'c3')}\nc3`);
    writeFileSync(join(machine.root, 'c1', 'hosts'), '10.20.0.3\tc3\t# network web\n');
    deleteContainer(machine.runtime, 'c2');
    expect(others('c1')).toEqual(['10.20.0.3\tc3\t# network web']);
  });

  it('are removed when a container is deleted, and when a command frees the address of an ended one', () => {
    for (const id of ['c1', 'c2', 'c3']) attach(machine, id, ['web']);
    deleteContainer(machine.runtime, 'c2', { force: true });
    expect(others('c1')).toEqual(['10.20.0.4\tc3\t# network web', 'fd00:9::4\tc3\t# network web']);
    stop('c3');
    const store = networkStore(machine.binding);
    locked(store, () => reconcile(machine.runtime, store, 'web'));
    expect(others('c1')).toEqual([]);
  });

  it.each(['10.20.0.2', 'fd00:9::2'])('are not kept when the disk is full at %s', address => {
    const { writeText } = machine.binding;
    machine.binding.writeText = (path, ...rest) => {
      writeText(path, ...rest);
      if (path.endsWith(`/addresses/${address}`)) throw refused('write', errno.ENOSPC, path);
    };
    const error = thrown(() => attach(machine, 'c1', ['web']));
    machine.binding.writeText = writeText;
    expect([error['errno'], taken('web')]).toEqual([errno.ENOSPC, []]);
  });

  it('are removed when the create fails later', () => {
    attach(machine, 'c1', ['web']);
    machine.binding.makeVeth = () => {
      throw refused('RTM_NEWLINK', errno.ENOMEM);
    };
    thrown(() => attach(machine, 'c2', ['web']));
    expect([others('c1'), taken('web')]).toEqual([[], ['10.20.0.2', 'fd00:9::2']]);
  });

  it('leave the lines of a container itself', () => {
    attach(machine, 'c1', ['web']);
    const changed = `${hosts('c1')}192.0.2.7\tfär\n`;
    writeFileSync(join(machine.root, 'c1', 'hosts'), changed);
    attach(machine, 'c2', ['web']);
    deleteContainer(machine.runtime, 'c2', { force: true });
    expect(hosts('c1')).toBe(changed);
    attach(machine, 'c2', ['web']);
    expect(hosts('c1')).toContain('192.0.2.7\tfär\n10.20.0.4\tc2\t# network web\n');
  });

  it('are those of each network alone, and none in the default network', () => {
    defineNetwork(machine, 'lab', { ipv4: { subnet: '10.21.0.0/24', gateway: '10.21.0.1' } });
    attach(machine, 'c1', ['web', 'default']);
    attach(machine, 'c2', ['web', 'lab:alias=only-lab']);
    attach(machine, 'c3', ['lab', 'default']);
    attach(machine, 'c4', ['default']);
    deleteContainer(machine.runtime, 'c4', { force: true });
    expect(others('c1').map(line => line.split('\t')[1])).toEqual(['c2', 'c2']);
    expect(others('c2').map(line => line.split('\t')[1])).toEqual(['c1', 'c1', 'c3']);
    expect(others('c3')).toEqual(['10.21.0.2\tc2 only-lab\t# network lab']);
  });

  it('add no line to the files of others, and do not replace localhost', () => {
    attach(machine, 'c1', ['web']);
    attach(machine, 'c2', ['web:alias=localhost'], {
      change: config => {
        config.linux.namespaces.push({ type: 'uts' });
        config['hostname'] = 'a\n192.0.2.66 bank';
      },
    });
    expect(others('c1')[0]).toBe('10.20.0.3\tc2\t# network web');
    expect(hosts('c1')).not.toContain('bank');
  });

  it('do not stop another container if a file was removed, filled or cannot be written', () => {
    for (const id of ['c1', 'c2', 'c3']) attach(machine, id, ['web']);
    rmSync(join(machine.root, 'c1', 'hosts'));
    const filled = Buffer.alloc((1 << 20) + 1, 'x');
    writeFileSync(join(machine.root, 'c2', 'hosts'), filled);
    const { changeLines } = machine.binding;
    machine.binding.changeLines = request => {
      if (request.path.endsWith('/c3/hosts')) throw refused('openat', errno.EPERM);
      changeLines(request);
    };
    attach(machine, 'c4', ['web']);
    expect(existsSync(join(machine.root, 'c1', 'hosts'))).toBe(false);
    expect(readFileSync(join(machine.root, 'c2', 'hosts')).equals(filled)).toBe(true);
    expect(machine.warnings).toContainEqual(
      expect.stringMatching(
        /^unable to update the names of network web in \S+c3\/hosts: openat: operation not/,
      ),
    );
  });
});

describe('a container with a network', () => {
  it('gets the next free addresses and one end of a pair, which its record names', () => {
    defineNetwork(machine, 'web', ipv6);
    attach(machine, 'c1', ['web']);
    const { init } = attach(machine, 'c2', ['web:mac=02:11:22:33:44:55']);
    expect(recordOf(machine, 'c2').network).toEqual({
      attachments: [
        {
          name: 'web',
          bridge: 'br-web',
          interface: 'eth0',
          addresses: ['10.20.0.3', 'fd00:9::3'],
          link: `ts${init.pid}e0`,
        },
      ],
    });
    expect(taken('web')).toEqual(['10.20.0.2', '10.20.0.3', 'fd00:9::2', 'fd00:9::3']);
    expect(readFileSync(file('state/web/addresses/10.20.0.3'), 'utf8')).toBe(
      `${join(machine.root, 'c2')}\nc2`,
    );
    expect(machine.network.pairs[1]).toEqual({
      bridge: 'br-web',
      known: expect.objectContaining({ name: 'br-web', index: 2, mtu: 1500 }),
      name: `ts${init.pid}e0`,
      pid: init.pid,
      peer: 'eth0',
      mac: Uint8Array.of(2, 0x11, 0x22, 0x33, 0x44, 0x55),
      hairpin: false,
      isolated: false,
    });
    const bridge = machine.network.binding.findLink('br-web');
    expect(machine.network.binding.findLink(`ts${init.pid}e0`)?.master).toBe(bridge?.index);
  });

  it('configures its interfaces itself, with a default route where one leads out', () => {
    defineNetwork(machine, 'lab', { internal: true });
    defineNetwork(machine, 'web', {
      ipv4: { subnet: '10.21.0.0/16', gateway: '10.21.0.9' },
      isolated: true,
      ...ipv6,
    });
    attach(machine, 'c1', ['lab', 'web:interface=eth0']);
    const plan = decodePlan(machine.spawned[0]?.plan ?? new Uint8Array());
    const upper = 0xfd00_0009_0000_0000n;
    expect(plan.find(({ op }) => op === 'configureLinks')).toMatchObject({
      names: ['eth1', 'eth0'],
      addresses: [
        ...[0n, 4n, 24n, 0n, 0x0a140002n],
        ...[1n, 4n, 16n, 0n, 0x0a150001n],
        ...[1n, 6n, 64n, upper, 1n],
      ],
      routes: [...[1n, 4n, 0n, 0x0a150009n], ...[1n, 6n, upper, 1n]],
    });
    expect(machine.network.pairs.map(({ peer, isolated }) => [peer, isolated])).toEqual([
      ['eth1', false],
      ['eth0', true],
    ]);
  });

  it('makes the default network at its first use', () => {
    attach(machine, 'c1', ['default']);
    expect(JSON.parse(readFileSync(file('definitions/default.json'), 'utf8'))).toMatchObject({
      bridge: 'tsubo0',
      ipv4: { subnet: '10.63.0.0/22', gateway: '10.63.0.1' },
    });
    expect(recordOf(machine, 'c1').network?.attachments[0]?.addresses).toEqual(['10.63.0.2']);
  });

  it('is refused if another first use has made the network differently at the same time', () => {
    let looks = 0;
    const { readTextIfThere } = machine.binding;
    machine.binding.readTextIfThere = (path, trusted) => {
      if (path.endsWith('/default.json') && ++looks === 3) {
        defineNetwork(machine, 'default', { bridge: 'tsubo0' });
      }
      return readTextIfThere(path, trusted);
    };
    expect(thrown(() => attach(machine, 'c1', ['default']))).toMatchObject({
      code: 'network.conflict',
      value: 'default',
      hint: 'try again',
    });
    expect(machine.network.links).toHaveLength(1);
  });

  it('has the addresses that it requests, and the IPv6 address at the same distance', () => {
    defineNetwork(machine, 'web', ipv6);
    attach(machine, 'c1', ['web:ip=10.20.0.77']);
    attach(machine, 'c2', ['web:ip=fd00:9::beef']);
    const addresses = (id: string) => recordOf(machine, id).network?.attachments[0]?.addresses;
    expect(addresses('c1')).toEqual(['10.20.0.77', 'fd00:9::4d']);
    expect(addresses('c2')).toEqual(['10.20.0.2', 'fd00:9::beef']);
    expect(thrown(() => attach(machine, 'c3', ['web:ip=10.20.0.77']))).toMatchObject({
      code: 'network.address',
      document: '--network',
      value: '10.20.0.77',
      message: 'the address 10.20.0.77 of network web belongs to container c1',
    });
    expect(thrown(() => attach(machine, 'c4', ['web:ip=fd00:9::beef']))).toMatchObject({
      code: 'network.address',
      value: 'fd00:9::beef',
    });
    // Nothing of a refused container is left: the IPv4 address that went with it is free.
    expect(taken('web')).toHaveLength(4);
  });

  it('gets another address than planned if that was taken in the meantime', () => {
    defineNetwork(machine, 'web');
    machine.trouble.set('makeBridge', () =>
      writeNetworkFile(machine, 'state/web/addresses/10.20.0.2', join(machine.root, 'other')),
    );
    attach(machine, 'c1', ['web']);
    expect(recordOf(machine, 'c1').network?.attachments[0]?.addresses).toEqual(['10.20.0.3']);
    const plan = decodePlan(machine.spawned[0]?.plan ?? new Uint8Array());
    expect(plan.find(({ op }) => op === 'configureLinks')?.['addresses']).toEqual([
      0n,
      4n,
      24n,
      0n,
      0x0a140003n,
    ]);
  });

  it('gets an address of a container that has ended before the network counts as full', () => {
    defineNetwork(machine, 'web', { ipv4: { subnet: '10.20.0.0/29', gateway: '10.20.0.1' } });
    for (const id of ['c1', 'c2', 'c3', 'c4', 'c5']) attach(machine, id, ['web']);
    expect(thrown(() => attach(machine, 'c6', ['web']))).toMatchObject({
      code: 'network.full',
      document: '--network',
      value: 'web',
      message: 'network web (10.20.0.0/29) has no free address',
    });
    stop('c4');
    attach(machine, 'c7', ['web']);
    expect(recordOf(machine, 'c7').network?.attachments[0]?.addresses).toEqual(['10.20.0.5']);
    expect(taken('web')).toHaveLength(5);
  });

  it.each<[string[], object]>([
    [['wep'], { code: 'network.unknown', value: 'wep', hint: expect.stringContaining('web') }],
    [['absent'], { code: 'network.unknown', hint: 'make it: tsubo network create absent' }],
    [
      ['web:ip=10.20.0.1'],
      { code: 'network.address', value: '10.20.0.1', message: '10.20.0.1 is the gateway of network web' },
    ],
    [
      ['web:ip=10.20.0.255'],
      {
        code: 'network.address',
        value: '10.20.0.255',
        message: '10.20.0.255 is not a host address of network web (10.20.0.0/24)',
      },
    ],
    [
      ['web:ip=fd00:9::2'],
      {
        code: 'network.address',
        value: 'fd00:9::2',
        message: 'network web has no IPv6, and fd00:9::2 is requested',
      },
    ],
  ])('is refused for %j before anything is made', (networks, fields) => {
    defineNetwork(machine, 'web');
    expect(thrown(() => attach(machine, 'c1', networks))).toMatchObject({ document: '--network', ...fields });
    expect(machine.calls).toEqual([]);
  });

  it('has only the default network without root', () => {
    defineNetwork(machine, 'web');
    machine.euid = 1000;
    const change = (config: { linux: object }) =>
      Object.assign(config.linux, {
        uidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
        gidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
        namespaces: ['user', 'mount', 'pid', 'network'].map(type => ({ type })),
      });
    expect(thrown(() => attach(machine, 'c1', ['web'], { change }))).toMatchObject({
      code: 'host.unsupported',
      document: '--network',
      message: 'network web needs root: only root can make bridges and rules of the host',
      hint: 'the network of a user is default',
    });
  });

  it.each<[string, string | undefined, object]>([
    [
      'that of the host',
      undefined,
      { pointer: '/linux/namespaces', hint: 'add {"type": "network"} to linux.namespaces' },
    ],
    [
      'one that exists',
      '/proc/self/ns/net',
      { pointer: '/linux/namespaces/2/path', value: '/proc/self/ns/net' },
    ],
  ])('needs its own network namespace, not %s', (_, path, fields) => {
    defineNetwork(machine, 'web');
    const change = ({ linux: { namespaces } }: { linux: { namespaces: object[] } }) => {
      namespaces.pop();
      if (path !== undefined) namespaces.push({ type: 'network', path });
    };
    expect(thrown(() => attach(machine, 'c1', ['web'], { change }))).toMatchObject({
      code: 'config.network',
      ...fields,
    });
  });

  it('is undone with its addresses if its init fails', () => {
    defineNetwork(machine, 'web', ipv6);
    machine.trouble.set('makeVeth', errno.EADDRNOTAVAIL);
    expect(thrown(() => attach(machine, 'c1', ['web']))).toMatchObject({
      code: 'host.syscall',
      document: '--network',
      value: 'eth0',
      errnoName: 'EADDRNOTAVAIL',
      hint: 'the kernel refuses this hardware address',
    });
    expect(taken('web')).toEqual([]);
    expect(readdirSync(machine.root)).toEqual([]);
  });

  it.each([
    [54, { code: 'network.full', value: 'br-web', errnoName: 'EXFULL' }],
    [errno.ENODEV, { code: 'host.syscall', hint: expect.stringContaining('tsubo network reload') }],
    [errno.EPERM, { code: 'host.syscall', hint: expect.stringContaining('CAP_NET_ADMIN') }],
    [errno.EOPNOTSUPP, { code: 'host.syscall', hint: expect.stringContaining('CONFIG_VETH') }],
  ])('reports error %i of its pair', (error, fields) => {
    defineNetwork(machine, 'web');
    machine.trouble.set('makeVeth', () => {
      throw refused('RTM_NEWLINK', error);
    });
    expect(thrown(() => attach(machine, 'c1', ['web']))).toMatchObject({ syscall: 'RTM_NEWLINK', ...fields });
  });

  it('repairs a table that was removed, and writes no setting of the kernel again', () => {
    defineNetwork(machine, 'web');
    attach(machine, 'c1', ['web']);
    machine.network.tables.clear();
    attach(machine, 'c2', ['web']);
    expect(machine.network.elements('nets')).toHaveLength(1);
    machine.procWrites.length = 0;
    attach(machine, 'c3', ['web']);
    expect(machine.procWrites.filter(([path]) => path.startsWith('/proc/sys/net'))).toEqual([]);
  });
});

describe('the files of a container with a network', () => {
  /** Steps of the first init as texts. */
  const steps = () =>
    decodePlan(machine.spawned[0]?.plan ?? new Uint8Array()).map(step =>
      JSON.stringify(step, (_, value) => (typeof value === 'bigint' ? Number(value) : value)),
    );
  const mounted = () =>
    steps()
      .filter(text => text.includes('/etc/'))
      .join('\n');

  it('name it beside its addresses, and have the name servers of the host', () => {
    defineNetwork(machine, 'web', ipv6);
    attach(machine, 'c1', ['web:alias=www'], {
      change: config => {
        config.linux.namespaces.push({ type: 'uts' });
        Object.assign(config, { hostname: 'box' });
      },
    });
    expect(readFileSync(join(machine.root, 'c1/hosts'), 'utf8').split('\n').slice(2)).toEqual([
      '10.20.0.2\tbox c1 www',
      'fd00:9::2\tbox c1 www',
      '',
    ]);
    expect(readFileSync(join(machine.root, 'c1/resolv.conf'), 'utf8')).toBe('nameserver 192.0.2.53\n');
    expect(mounted()).toContain('/etc/hosts');
    expect(mounted()).toContain('/etc/resolv.conf');
    expect(machine.warnings).toEqual([]);
  });

  it('have the servers behind systemd-resolved, or a comment that there is none', () => {
    defineNetwork(machine, 'web');
    machine.procFiles.set('/etc/resolv.conf', 'nameserver 127.0.0.53\n');
    machine.procFiles.set('/run/systemd/resolve/resolv.conf', 'nameserver 192.0.2.7\n');
    attach(machine, 'c1', ['web']);
    machine.procFiles.set('/run/systemd/resolve/resolv.conf', '');
    attach(machine, 'c2', ['web']);
    expect(['c1', 'c2'].map(id => readFileSync(join(machine.root, id, 'resolv.conf'), 'utf8'))).toEqual([
      'nameserver 192.0.2.7\n',
      '# no name server of the host can be reached from here\n',
    ]);
    expect(machine.warnings).toEqual([expect.stringContaining('no name server of the host can be reached')]);
  });

  it('are not bound where the config has mounts of its own', () => {
    defineNetwork(machine, 'web');
    const source = join(machine.directory, 'own-hosts');
    writeFileSync(source, '');
    const mount = { destination: '/etc/hosts', type: 'bind', source, options: ['bind'] };
    attach(machine, 'c1', ['web'], { change: config => Object.assign(config, { mounts: [mount] }) });
    expect(mounted()).toContain('/etc/resolv.conf');
    expect(mounted()).not.toContain(join(machine.root, 'c1/hosts'));
  });

  it('report the option of a mount that fails', () => {
    defineNetwork(machine, 'web');
    const { awaitReport } = machine.binding;
    machine.binding.awaitReport = channel => {
      const step = steps().findIndex(text => text.includes('/etc/hosts'));
      machine.reports = [{ kind: 'failed', step, syscall: 'mount', errno: errno.EACCES }];
      return awaitReport(channel);
    };
    const error = thrown(() => attach(machine, 'c1', ['web']));
    expect(error).toMatchObject({ errnoName: 'EACCES' });
    expect(JSON.stringify(error)).toContain('--network /etc/hosts');
  });
});

describe('the end of a container with a network', () => {
  it('frees its own addresses and no others', () => {
    defineNetwork(machine, 'web', ipv6);
    attach(machine, 'c1', ['web']);
    attach(machine, 'c2', ['web']);
    stop('c1');
    // The address got another owner after c1 had ended.
    writeFileSync(file('state/web/addresses/10.20.0.2'), join(machine.root, 'other'));
    deleteContainer(machine.runtime, 'c1');
    expect(taken('web')).toEqual(['10.20.0.2', '10.20.0.3', 'fd00:9::3']);
    deleteContainer(machine.runtime, 'c2', { force: true });
    expect(taken('web')).toEqual(['10.20.0.2']);
  });

  it('frees the addresses of a create that was killed before it wrote its record', () => {
    defineNetwork(machine, 'web');
    attach(machine, 'c1', ['web']);
    mkdirSync(join(machine.root, 'cut'));
    writeNetworkFile(machine, 'state/web/addresses/10.20.0.9', join(machine.root, 'cut'));
    writeNetworkFile(machine, 'state/lab/addresses/10.30.0.9', join(machine.root, 'cut'));
    deleteContainer(machine.runtime, 'cut', { force: true });
    expect([taken('web'), taken('lab')]).toEqual([['10.20.0.2'], []]);
  });
});

describe('the owner of an address', () => {
  const owner = (id: string) => ownerAt(machine.runtime, join(machine.root, id));

  it('is active while its container runs, or while a command makes it', () => {
    defineNetwork(machine, 'web');
    attach(machine, 'c1', ['web']);
    expect(owner('c1')).toMatchObject({ id: 'c1', isActive: true, record: { id: 'c1' } });
    stop('c1');
    expect(owner('c1').isActive).toBe(false);
    expect(owner('absent')).toEqual({ id: 'absent', isActive: false });
    mkdirSync(join(machine.root, 'new'));
    const fd = machine.binding.open(join(machine.root, 'new'), 0, 0);
    machine.binding.lock(fd, 0);
    expect(owner('new')).toEqual({ id: 'new', isActive: true });
    machine.binding.close(fd);
  });

  it('may be active if its record is damaged, and is not with an id that no container has', () => {
    mkdirSync(join(machine.root, 'torn'), { recursive: true });
    writeFileSync(join(machine.root, 'torn/state.json'), '{');
    expect(owner('torn')).toEqual({ id: 'torn', isActive: true });
    expect(owner('a b')).toEqual({ id: 'a b', isActive: false });
  });
});
