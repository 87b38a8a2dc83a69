// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { addressesOf, machine, neighbour, networkMachine } from '../helpers/network.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { until } from '../helpers/sandbox.ts';

const skipped = !isTsubo || requires('root', 'busybox', 'ip', 'ping', 'nc', 'nft', 'strace', 'ps', 'curl');

describe.skipIf(skipped)('a published port', () => {
  const lan = networkMachine();
  const listeners: ChildProcess[] = [];
  afterEach(() => {
    for (const child of listeners.splice(0)) child.kill('SIGKILL');
  });

  const web = async (...flags: string[]) => {
    const container = lan.running(flags);
    await lan.serve(container.pid, 80, `${flags.join(' ')} `);
    return container;
  };
  /** A program of the machine with a listening socket. */
  const listen = async (script: string) => {
    const words = lan.within(
      lan.pid,
      process.execPath,
      '-e',
      `${script}.listen(...args, () => console.log('ready'))`,
    );
    const child = spawn(words[0] as string, words.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
    listeners.push(child);
    await once(child.stdout, 'data');
    return child.pid as number;
  };
  const listenOn = (address: string, port: number) =>
    listen(`const args = [${port}, '${address}']; require('net').createServer()`);
  const keeperOf = (id: string) => (lan.recordOf(id)['network'] as { keeper: { pid: number } }).keeper.pid;
  const answer = (flags: string, client: string) => `${flags} ${client}`;

  test('answers on every address of the host, and keeps the address of a client from outside', async () => {
    const flags = '--publish 8800:80';
    const { pid } = await web('--publish', '8800:80');
    expect(lan.ask(lan.pid, '127.0.0.1', 8800)).toBe(answer(flags, '10.63.0.1'));
    expect(lan.ask(lan.pid, machine.ipv4, 8800)).toBe(answer(flags, machine.ipv4));
    // Through the keeper, which connects over the bridge.
    expect(lan.ask(lan.pid, '::1', 8800)).toBe(answer(flags, '10.63.0.1'));
    expect(lan.ask(lan.pid, machine.ipv6, 8800)).toBe(answer(flags, machine.ipv6));
    expect(lan.ask(lan.neighbour, machine.ipv4, 8800)).toBe(answer(flags, neighbour.ipv4));
    expect(lan.ask(lan.neighbour, machine.ipv6, 8800)).toBe(answer(flags, neighbour.ipv6));
    expect(addressesOf(lan.link(pid, 'eth0'))[0]).toBe('10.63.0.2/22');
  });

  test('serves a web server of the container to curl', () => {
    const { id } = lan.running(['-p', '8800:80'], bundle => {
      bundle.file('/www/index.html', 'a jar\n');
      bundle.config.process.args = ['/bin/busybox', 'httpd', '-f', '-p', '80', '-h', '/www'];
    });
    const get = (from: number, url: string) =>
      lan.in(
        from,
        'curl',
        '-sS',
        '--retry',
        '20',
        '--retry-connrefused',
        '--retry-delay',
        '1',
        '-m',
        '20',
        url,
      );
    expect(get(lan.neighbour, `http://${machine.ipv4}:8800/`)).toBe('a jar\n');
    expect(get(lan.pid, 'http://127.0.0.1:8800/')).toBe('a jar\n');
    expect(get(lan.pid, 'http://[::1]:8800/')).toBe('a jar\n');
    expect(lan.recordOf(id)['network']).toMatchObject({ ports: ['8800:80/tcp'], keeper: {} });
  });

  test('refuses a port of another container before anything is made, and names it', async () => {
    const { id } = await web('--publish', '8800:80');
    await web('--publish', '8801:80');
    const out = lan.box.fresh('trace');
    const bundle = lan.bundle();
    const done = lan.ociBy(
      ['strace', '-f', '-qq', '-e', 'trace=mkdir,clone3,clone,unshare', '-o', out],
      ...['create', '--bundle', bundle.dir, '--publish', '8800:81', bundle.id],
    );
    expect(done.status).toBe(1);
    expect(done.log.find(({ level }) => level === 'error')).toMatchObject({
      code: 'network.port-taken',
      document: '--publish',
      value: '8800/tcp',
      hint: `publish another port, or delete that container: tsubo delete --force ${id}`,
    });
    const calls = readFileSync(out, 'utf8').split('\n');
    expect(calls.filter(line => line.includes(lan.box.root) || line.includes('cgroup'))).toEqual([]);
    expect(existsSync(join(lan.box.root, bundle.id))).toBe(false);
    expect(lan.taken()).toHaveLength(4);
  });

  test.each([
    ['0.0.0.0', '8800:80'],
    ['127.0.0.1', '8800:80'],
    ['::', '8800:80'],
    ['127.0.0.1', '127.0.0.1:8800:80'],
  ])('is refused while a program listens on %s, which is named', async (address, ports) => {
    const pid = await listenOn(address, 8800);
    const { record } = lan.refuses(['--publish', ports]);
    expect(record).toMatchObject({ code: 'network.port-taken', value: '8800/tcp' });
    expect(record.msg).toContain(`in use by process ${pid} (node)`);
    expect(lan.taken()).toEqual([]);
  });

  test.each([
    ['tcp', 'SOCK_STREAM', '8800:80'],
    ['udp', 'SOCK_DGRAM', '8800:80/udp'],
  ])(
    'is refused while a program shares the port over %s with SO_REUSEPORT',
    async (protocol, kind, ports) => {
      const script = `
import socket, time
s = socket.socket(socket.AF_INET, socket.${kind})
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('0.0.0.0', 8800))
if '${protocol}' == 'tcp': s.listen()
print('ready', flush=True)
time.sleep(1000)`;
      const words = lan.within(lan.pid, 'python3', '-c', script);
      const child = spawn(words[0] as string, words.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
      listeners.push(child);
      await once(child.stdout, 'data');
      const { record } = lan.refuses(['--publish', ports]);
      expect(record).toMatchObject({ code: 'network.port-taken', value: `8800/${protocol}` });
      expect(record.msg).toContain(`in use by process ${child.pid} (python3`);
    },
  );

  test('is allowed while only ended connections have the port', async () => {
    const script = `
      const net = require('net');
      const server = net.createServer(s => s.end()).listen(8800, '127.0.0.1', () => {
        const client = net.connect(8800, '127.0.0.1', () => {}).resume();
        client.on('close', () => server.close(() => console.log('done')));
      });`;
    expect(lan.in(lan.pid, process.execPath, '-e', script)).toBe('done\n');
    expect(readFileSync(`/proc/${lan.pid}/net/tcp`, 'utf8')).toMatch(/:2260 [0-9A-F]+:[0-9A-F]+ 06 /);
    await web('--publish', '127.0.0.1:8800:80');
    expect(lan.ask(lan.pid, '127.0.0.1', 8800)).toBe(answer('--publish 127.0.0.1:8800:80', '10.63.0.1'));
  });

  test('is held, so no program of the host can bind it, and free after the delete', async () => {
    const { id } = await web('--publish', '8800:80', '--publish', '8801:80/udp');
    const bind = (words: string) => lan.try(lan.pid, 'sh', '-c', `timeout 1 nc ${words} </dev/null`);
    expect(bind('-l 0.0.0.0 8800').stderr).toContain('Address already in use');
    expect(bind('-l 127.0.0.1 8800').stderr).toContain('Address already in use');
    expect(bind('-u -l 0.0.0.0 8801').stderr).toContain('Address already in use');
    lan.must('delete', '--force', id);
    await until('the port is free', () => !bind('-l 0.0.0.0 8800').stderr.includes('in use'));
    await until('the elements have gone', () => !lan.rules().includes('8800'));
  });

  test('belongs to the one address that it is published on', async () => {
    await web('--publish', '127.0.0.1:8800:80');
    await web('--publish', `${machine.ipv4}:8800:80`);
    expect(lan.ask(lan.pid, '127.0.0.1', 8800)).toContain('127.0.0.1:8800:80');
    expect(lan.ask(lan.pid, machine.ipv4, 8800)).toContain(`${machine.ipv4}:8800:80`);
    expect(lan.ask(lan.neighbour, machine.ipv4, 8800)).toContain(`${machine.ipv4}:8800:80`);
    expect(lan.refuses(['--publish', '0.0.0.0:8800:80']).record.code).toBe('network.port-taken');
    expect(lan.refuses(['--publish', '8800:80']).record.code).toBe('network.port-taken');
    expect(lan.refuses(['--publish', '198.51.100.1:8800:80']).record).toMatchObject({
      code: 'host.syscall',
      errnoName: 'EADDRNOTAVAIL',
      document: '--publish',
    });
  });

  test('of TCP and of UDP are two', async () => {
    const container = lan.running(['--publish', '5353:53', '--publish', '5353:53/udp']);
    await lan.serve(container.pid, 53);
    expect(lan.ask(lan.neighbour, machine.ipv4, 5353)).toBe(neighbour.ipv4);
    expect(lan.askUdp(lan.neighbour, machine.ipv4, 5353)).toBe(neighbour.ipv4);
    expect(lan.askUdp(lan.neighbour, machine.ipv6, 5353)).toBe(neighbour.ipv6);
    expect(lan.askUdp(lan.pid, '127.0.0.1', 5353)).toBe('10.63.0.1');
    expect(lan.askUdp(lan.pid, '::1', 5353)).toBe('10.63.0.1');
  });

  test('of a range is one element, and of a shifted range one for each port', async () => {
    const container = lan.running(['-p', '9000-9999:9000-9999', '-p', '7000-7999:6000-6999']);
    await lan.serve(container.pid, 9500, 'range ');
    await lan.serve(container.pid, 6999, 'shifted ');
    // By number: a machine without /etc/protocols has no names of protocols.
    const elements = (map: string) => lan.in(lan.pid, 'nft', '-p', 'list', 'map', 'inet', 'tsubo', map);
    expect(elements('ranges').match(/6 \. /g)).toHaveLength(1);
    expect(elements('ports').match(/6 \. /g)).toHaveLength(1000);
    expect(lan.ask(lan.neighbour, machine.ipv4, 9500)).toBe(`range ${neighbour.ipv4}`);
    expect(lan.ask(lan.neighbour, machine.ipv4, 7999)).toBe(`shifted ${neighbour.ipv4}`);
    expect(lan.ask(lan.pid, '::1', 7999)).toBe('shifted 10.63.0.1');
    expect(lan.refuses(['-p', '9999:80']).record).toMatchObject({
      code: 'network.port-taken',
      value: '9999/tcp',
    });
  });

  test.each(['0', '1'])('is reached by its own container with br_netfilter %s', async value => {
    const { pid } = await web('--publish', '8800:80');
    const other = lan.running(['--network', 'default']);
    lan.in(lan.pid, 'sysctl', '-qw', `net.bridge.bridge-nf-call-iptables=${value}`);
    for (const from of [pid, other.pid]) {
      expect(lan.ask(from, machine.ipv4, 8800)).toContain('--publish 8800:80 10.63.0.');
      expect(lan.ask(from, '10.63.0.1', 8800)).toContain('--publish 8800:80 10.63.0.');
      expect(lan.ask(from, machine.ipv6, 8800)).toContain('--publish 8800:80 fd');
    }
  });

  test('on 127.0.0.1 is not reached from the neighbour, and no container reaches the loopback of the host', async () => {
    const { pid } = await web('--publish', '127.0.0.1:8800:80');
    await lan.serve(lan.pid, 7777, 'host ');
    lan.ip(`route add 127.0.0.1/32 via ${machine.ipv4} table 99`, lan.neighbour);
    lan.in(lan.neighbour, 'ip', 'rule', 'add', 'pref', '0', 'to', '127.0.0.1', 'lookup', '99');
    lan.in(lan.neighbour, 'ip', 'rule', 'add', 'pref', '1', 'lookup', 'local');
    lan.in(lan.neighbour, 'ip', 'rule', 'del', 'pref', '0', 'lookup', 'local');
    lan.in(lan.neighbour, 'sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1');
    for (const port of [8800, 7777]) expect(lan.ask(lan.neighbour, '127.0.0.1', port)).toBeUndefined();
    expect(lan.ask(lan.neighbour, machine.ipv4, 8800)).toBeUndefined();
    expect(lan.in(lan.pid, 'sysctl', '-n', 'net.ipv4.conf.all.route_localnet').trim()).toBe('0');
    // The bridge accepts such addresses, the guard does not.
    lan.ip('route add 127.0.0.1/32 via 10.63.0.1 table 99', pid);
    lan.in(pid, 'ip', 'rule', 'add', 'pref', '0', 'to', '127.0.0.1', 'lookup', '99');
    lan.in(pid, 'ip', 'rule', 'add', 'pref', '1', 'lookup', 'local');
    lan.in(pid, 'ip', 'rule', 'del', 'pref', '0', 'lookup', 'local');
    lan.in(pid, 'sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1');
    expect(lan.ask(pid, '127.0.0.1', 7777)).toBeUndefined();
  });

  test('is reached from a container of another network', async () => {
    await web('--publish', '8800:80');
    lan.must('network', 'create', 'other');
    const { pid } = lan.running(['--network', 'other']);
    expect(lan.ask(pid, '10.63.0.2', 80)).toBeUndefined();
    expect(lan.ask(pid, machine.ipv4, 8800)).toContain('--publish 8800:80');
  });

  test('takes over the UDP client of its predecessor at once', async () => {
    const first = lan.running(['--publish', '5353:53/udp']);
    await lan.serve(first.pid, 53, 'first ');
    // One client socket for both, and a datagram each time that it gets a line.
    const script = `
      const s = require('dgram').createSocket('udp4');
      s.on('message', m => process.stdout.write(m));
      process.stdin.on('data', () => s.send('x', 5353, '${machine.ipv4}'));
      s.bind(40000, () => console.log('ready'));`;
    const words = lan.within(lan.neighbour, process.execPath, '-e', script);
    const client = spawn(words[0] as string, words.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
    listeners.push(client);
    let heard = '';
    client.stdout.setEncoding('utf8').on('data', (text: string) => {
      heard += text;
    });
    await until('the client is ready', () => heard.includes('ready'));
    client.stdin.write('1');
    await until('the first answers', () => heard.includes('first'));
    lan.must('delete', '--force', first.id);
    const second = lan.running(['--publish', '5353:53/udp']);
    await lan.serve(second.pid, 53, 'second ');
    heard = '';
    client.stdin.write('2');
    await until('the second answers', () => heard.includes(`second ${neighbour.ipv4}`));
  });

  test('is back within a second after nft flush ruleset', async () => {
    await web('--publish', '8800:80');
    lan.in(lan.pid, 'nft', 'flush', 'ruleset');
    await until(
      'the port answers with its rules',
      () => lan.ask(lan.neighbour, machine.ipv4, 8800)?.endsWith(neighbour.ipv4) === true,
    );
    expect(lan.rules()).toContain('chain user');
  });

  test('is back after a long transaction that ends with the deletion of its table', async () => {
    await web('--publish', '8800:80');
    const ports = Array.from({ length: 40 }, (_, index) => 1000 + index);
    const script = lan.box.fresh('nft');
    const add = (port: number) => `add element inet other ports { ${port} }`;
    const lines = ['add table inet other', 'add set inet other ports { type inet_service; }'];
    writeFileSync(script, [...lines, ...ports.map(add), 'delete table inet tsubo', ''].join('\n'));
    lan.in(lan.pid, 'nft', '-f', script);
    await until(
      'the port answers with its rules',
      () => lan.ask(lan.neighbour, machine.ipv4, 8800)?.endsWith(neighbour.ipv4) === true,
    );
  });

  test('has a keeper that other containers do not wake, only the deletion of a table', async () => {
    const { id } = lan.running(['--publish', '8800:80']);
    const { keeper } = lan.recordOf(id)['network'] as { keeper: { pid: number } };
    const blocked = () => /^\d/.test(readFileSync(`/proc/${keeper.pid}/syscall`, 'utf8'));
    await until('the keeper waits', blocked);
    const wakes = () =>
      /^voluntary_ctxt_switches:\t(\d+)$/m.exec(readFileSync(`/proc/${keeper.pid}/status`, 'utf8'))?.[1];
    const before = wakes();
    for (const port of ['8801:80', '8802-8806:80-84', '8807:80/udp']) {
      lan.must('delete', '--force', lan.running(['--publish', port]).id);
    }
    expect([wakes(), before]).toEqual([before, expect.any(String)]);
    lan.in(lan.pid, 'nft', 'add', 'table', 'inet', 'other');
    lan.in(lan.pid, 'nft', 'delete', 'table', 'inet', 'other');
    await until('the keeper has looked at the event', () => wakes() !== before);
  });

  // npm run test:load has the larger number.
  const rivals = process.env['TSUBO_LOAD'] === '1' ? 100 : 20;
  test(`is given to exactly one of ${rivals} containers that request it at the same time`, () => {
    lan.must('delete', '--force', lan.running(['--network', 'default']).id);
    const bundles = Array.from({ length: rivals }, () => lan.bundle());
    const words = lan.box
      .command('create', '-p', '8800:80')
      .map(word => `'${word}'`)
      .join(' ');
    const script = bundles.map(
      ({ dir, id }) => `${words} --bundle ${dir} ${id} >/dev/null 2>${dir}/err </dev/null &`,
    );
    lan.in(lan.pid, 'sh', '-c', `${script.join('\n')}\nwait`);
    const errors = bundles.map(({ dir }) => readFileSync(`${dir}/err`, 'utf8'));
    expect(errors.filter(text => text === '')).toHaveLength(1);
    expect(errors.filter(text => text.includes('port 8800/tcp of 0.0.0.0 is in use by'))).toHaveLength(
      rivals - 1,
    );
    expect(lan.taken()).toHaveLength(2);
  });

  test('leaves nothing after its keeper was killed, which the commands report', async () => {
    const { id } = await web('--publish', '8800:80');
    const keeper = keeperOf(id);
    const warnings = (...args: string[]) =>
      lan.oci(...args).log.flatMap(({ level, msg }) => (level === 'warning' ? [msg] : []));
    const inspected = () =>
      (JSON.parse(lan.must('network', 'inspect', 'default')) as { containers: object[] }[])[0]?.containers;
    expect(warnings('ps', id)).toEqual([]);
    expect(inspected()).toMatchObject([{ id, ports: ['8800:80/tcp'], keeper: 'running' }]);
    lan.in(lan.pid, 'sh', '-c', `kill -9 ${keeper}`);
    await until('the keeper has ended', () => !lan.box.lives(keeper));
    const warning = `the keeper of container ${id} (process ${keeper}) was killed: its published ports are not held, delete and create the container again`;
    expect(warnings('ps', id)).toEqual([warning]);
    expect(warnings('state', id)).toEqual([warning]);
    expect(inspected()).toMatchObject([{ id, ports: ['8800:80/tcp'], keeper: 'killed' }]);
    lan.must('delete', '--force', id);
    expect(lan.rules()).not.toContain('8800');
    await web('--publish', '8800:80');
    expect(lan.ask(lan.neighbour, machine.ipv4, 8800)).toContain(neighbour.ipv4);
  });

  test('is free again after its create was killed at any step, and nothing is left', async () => {
    lan.must('delete', '--force', lan.running(['--network', 'default']).id);
    for (const call of ['bind', 'flock', 'sendto', 'rename', 'write']) {
      for (let when = 1; when < 100; when++) {
        const bundle = lan.bundle();
        const wrapper = ['strace', '-qq', '-o', '/dev/null', '-e', `inject=${call}:signal=KILL:when=${when}`];
        const done = lan.ociBy(wrapper, 'create', '--bundle', bundle.dir, '-p', '8800:80', bundle.id);
        // Killed after the init was resumed, the runtime leaves a container that is complete.
        const there = lan.box.oci(['state', bundle.id]);
        if (done.status === 0 || there.stdout.includes('"status": "created"')) {
          lan.must('delete', '--force', bundle.id);
          break;
        }
        // The next container does not wait for the delete of the killed one.
        const { id } = lan.running(['-p', '8800:80']);
        lan.must('delete', '--force', bundle.id);
        lan.must('delete', '--force', id);
        await until('the elements have gone', () => !lan.rules().includes('8800'));
        lan.must('network', 'ls');
        expect([call, when, lan.taken()]).toEqual([call, when, []]);
      }
    }
  });

  test.skipIf(requires('host:standalone'))('leaves nothing if its keeper cannot start', () => {
    const bundle = lan.bundle();
    const before = lan.rules().includes('8800');
    // Only the keeper makes this call.
    const strace = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'inject=epoll_create1:error=EMFILE'];
    const done = lan.ociBy(strace, 'create', '--bundle', bundle.dir, '-p', '8800:80', bundle.id);
    expect(done.status).toBe(1);
    expect(done.stderr).toContain('unable to start the keeper of the published ports: too many open files');
    // The rules are there, the element is not.
    expect([before, lan.rules().includes('table inet tsubo'), lan.rules().includes('8800')]).toEqual([
      false,
      true,
      false,
    ]);
    expect(lan.taken()).toEqual([]);
  });

  test('is deleted without a socket of netlink, whose close would wait for the kernel', async () => {
    const { id } = await web('--publish', '8800:80');
    const keeper = keeperOf(id);
    lan.must('kill', id, 'KILL');
    await until('the keeper has ended', () => !lan.box.lives(keeper));
    const out = lan.box.fresh('trace');
    const wrapper = ['strace', '-f', '-qq', '-e', 'trace=socket,unlinkat', '-o', out];
    expect(lan.ociBy(wrapper, 'delete', '--force', id)).toMatchObject({ status: 0 });
    const calls = readFileSync(out, 'utf8');
    expect(calls).toContain('state.json');
    expect(calls).not.toContain('AF_NETLINK');
    expect(lan.rules()).not.toContain('8800');
  });

  test('costs its sockets and a place in messages that are sent for one port too', () => {
    lan.must('network', 'create', 'default');
    /** The calls of a run by name, with those of its keeper. */
    const callsFor = (ports: string) => {
      const { dir, id } = lan.bundle(made => void made.shell('true'));
      const out = lan.box.fresh('trace');
      const wrapper = ['strace', '-f', '-qq', '-o', out];
      expect(lan.ociBy(wrapper, 'run', '--bundle', dir, '-p', ports, id)).toMatchObject({ status: 0 });
      const calls = new Map<string, number>();
      for (const [, name = ''] of readFileSync(out, 'utf8').matchAll(/^\d+ +(\w+)\(/gm)) {
        calls.set(name, (calls.get(name) ?? 0) + 1);
      }
      return calls;
    };
    const one = callsFor('8800:80');
    const twenty = callsFor('8900-8919:80-99');
    const more = (name: string) => (twenty.get(name) ?? 0) - (one.get(name) ?? 0);
    // Of IPv4 and of IPv6.
    const sockets = 2 * 19;
    expect([more('bind'), more('listen')]).toEqual([sockets, sockets]);
    // The bridge and its element, the pair, its options, the elements of the ports, and their removal by the keeper.
    expect(one.get('sendto')).toBe(6);
    for (const name of ['sendto', 'recvfrom', 'flock', 'rename', 'clone3', 'execveat', 'unlink']) {
      expect([name, more(name)]).toEqual([name, 0]);
    }
  });

  test('has a keeper with at most 300 KiB of its own memory', async () => {
    const { id } = await web('--publish', '9000-9099:8000-8099');
    const rollup = readFileSync(`/proc/${keeperOf(id)}/smaps_rollup`, 'utf8');
    const kibibytes = [...rollup.matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB/gm)].map(([, text]) =>
      Number(text),
    );
    expect(kibibytes).toHaveLength(2);
    expect(kibibytes.reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(300);
  });

  test('is in its plan, with the default network', () => {
    const bundle = lan.bundle();
    const plan = lan.must('plan', '-p', '127.0.0.1:8800:80', bundle.dir).split('\n');
    const named = plan
      .filter(line => line.endsWith(' --publish'))
      .map(line => line.trim().replace(/^\d+ +/, ''));
    const words = named.map(line => line.replace(/ +--publish$/, ''));
    expect(words[0]).toBe('reservePorts 127.0.0.1:8800:80/tcp');
    expect(words.at(-1)).toBe('publishPorts 127.0.0.1:8800:80/tcp');
    expect(words.find(line => line.startsWith('makeVeth'))).toBe('makeVeth bridge=tsubo0 name=eth0 hairpin');
  });
});
