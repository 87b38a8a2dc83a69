// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { iptablesSetting } from '../tools.mjs';
import type { Bundle } from './bundle.ts';
import { type LogRecord, type Sandbox, sandbox } from './sandbox.ts';
import { path, type Result } from './view.ts';

/** Addresses of the machine and of the neighbour in the network between them. */
export const machine = { ipv4: '192.0.2.1', ipv6: '2001:db8::1' };
export const neighbour = { ipv4: '192.0.2.9', ipv6: '2001:db8::9' };

export interface Options {
  readonly mtu?: number;
  readonly ipv6?: boolean;
}

export interface Refused {
  readonly status: number | null;
  readonly record: LogRecord;
}

/**
 * A machine of its own for the networks of containers: network namespaces for it and for a neighbour, a link with
 * default routes between them, and files of networks that no other test sees.
 */
export class NetworkMachine {
  readonly box: Sandbox;
  #holders: ChildProcess[] = [];
  #servers: ChildProcess[] = [];
  #machine = 0;
  #neighbour = 0;
  #bundles: Bundle[] = [];
  #directory = '';

  constructor(box: Sandbox) {
    this.box = box;
  }

  async open({ mtu = 1500, ipv6 = true }: Options = {}): Promise<void> {
    this.#directory = this.box.mkdir('networks');
    this.#machine = await this.namespace();
    this.#neighbour = await this.namespace();
    this.ip(`link add uplink mtu ${mtu} type veth peer name uplink mtu ${mtu} netns ${this.#neighbour}`);
    const ends = [
      [this.#machine, machine, neighbour],
      [this.#neighbour, neighbour, machine],
    ] as const;
    for (const [pid, own, other] of ends) {
      const ip = (words: string) => this.in(pid, 'ip', ...words.split(' '));
      ip('link set lo up');
      if (!ipv6)
        this.in(
          pid,
          'sysctl',
          '-qw',
          'net.ipv6.conf.all.disable_ipv6=1',
          'net.ipv6.conf.default.disable_ipv6=1',
        );
      ip('link set uplink up');
      ip(`address add ${own.ipv4}/24 dev uplink`);
      ip(`route add default via ${other.ipv4}`);
      if (!ipv6) continue;
      ip(`address add ${own.ipv6}/64 dev uplink nodad`);
      ip(`route add default via ${other.ipv6}`);
    }
  }

  close(): void {
    for (const { id } of this.#bundles.splice(0)) this.oci('delete', '--force', id);
    for (const child of [...this.#servers.splice(0), ...this.#holders.splice(0)]) child.kill('SIGKILL');
  }

  /** A network namespace, held open until the end of the test. */
  async namespace(): Promise<number> {
    const holder = this.box.view.spawn(['unshare', '-n', 'sh', '-c', 'echo ready; exec cat']);
    this.#holders.push(holder);
    if (holder.stdout !== null) await once(holder.stdout, 'data');
    return holder.pid as number;
  }

  get pid(): number {
    return this.#machine;
  }

  get neighbour(): number {
    return this.#neighbour;
  }

  get env(): Readonly<Record<string, string>> {
    return { PATH: path, TSUBO_NETWORKS: this.#directory, ...iptablesSetting() };
  }

  /** A file of the networks. */
  file(name: string): string {
    return join(this.#directory, name);
  }

  /** The command that runs `words` in the network namespace of a process. */
  within(pid: number, ...words: readonly string[]): string[] {
    return ['/usr/bin/nsenter', `--net=/proc/${pid}/ns/net`, '--', ...words];
  }

  /** Runs a program of the host in the network namespace of a process; it must succeed. */
  in(pid: number, ...words: readonly string[]): string {
    const done = this.try(pid, ...words);
    if (done.status !== 0) throw new Error(`${words.join(' ')}: ${done.status} ${done.stderr}${done.stdout}`);
    return done.stdout;
  }

  try(pid: number, ...words: readonly string[]): Result {
    return this.box.view.exec(this.within(pid, ...words), { env: this.env });
  }

  ip(words: string, pid: number = this.pid): string {
    return this.in(pid, 'ip', ...words.split(' '));
  }

  /** The fields of an interface, with its addresses. */
  link(pid: number, name: string): Link {
    return (JSON.parse(this.ip(`-j address show ${name}`, pid)) as Link[])[0] as Link;
  }

  /** Runs the runtime on the machine. Its output goes to files, which containers keep open. */
  oci(...args: readonly string[]): Result & { readonly log: readonly LogRecord[] } {
    return this.ociBy([], ...args);
  }

  /** The same under another program, such as strace. */
  ociBy(
    wrapper: readonly string[],
    ...args: readonly string[]
  ): Result & { readonly log: readonly LogRecord[] } {
    const log = this.box.fresh('log');
    const words = [...wrapper, ...this.box.command('--log', log, '--log-format', 'json', '--debug', ...args)];
    const done = this.box.view.exec(
      ['sh', '-c', 'exec "$@" >"$0.out" 2>"$0.err"', log, ...this.within(this.pid, ...words)],
      { env: this.env },
    );
    const read = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : '');
    const lines = read(log)
      .split('\n')
      .filter(line => line !== '');
    return {
      ...done,
      stdout: read(`${log}.out`),
      stderr: read(`${log}.err`),
      log: lines.map(line => JSON.parse(line) as LogRecord),
    };
  }

  must(...args: readonly string[]): string {
    const done = this.oci(...args);
    if (done.status !== 0) throw new Error(`${args.join(' ')}: ${done.status} ${done.stderr}`);
    return done.stdout;
  }

  bundle(modify?: (bundle: Bundle) => void): Bundle {
    const bundle = this.box.bundle(made => {
      made.config.process.args = ['/bin/sleep', '1000'];
      modify?.(made);
    });
    this.#bundles.push(bundle);
    return bundle;
  }

  /** A running container with these options. */
  running(flags: readonly string[], modify?: (bundle: Bundle) => void): Running {
    const bundle = this.bundle(modify);
    this.must('run', '--detach', '--bundle', bundle.dir, ...flags, bundle.id);
    return { id: bundle.id, pid: this.box.state(bundle.id).pid, bundle };
  }

  /** `create` must fail, and leave the machine as it was. */
  refuses(flags: readonly string[], modify?: (bundle: Bundle) => void): Refused {
    const bundle = this.bundle(modify);
    // The kernel removes the interfaces of a container a little after its namespaces, also those of an earlier one.
    const links = (): string[] =>
      this.ip('-o link')
        .split('\n')
        .map(line => line.split(':')[1] ?? '');
    // The kernel marks the route of a bridge whose last interface ends, a little later.
    const routes = (): string => this.ip('route').replaceAll(' linkdown', '');
    const before = { links: links(), routes: routes() };
    const done = this.oci('create', '--bundle', bundle.dir, ...flags, bundle.id);
    expect(done.status).toBe(1);
    expect(existsSync(join(this.box.root, bundle.id))).toBe(false);
    const deadline = Date.now() + 60_000;
    while (links().some(name => !before.links.includes(name)) && Date.now() < deadline);
    expect(before.links).toEqual(expect.arrayContaining(links()));
    expect(routes()).toBe(before.routes);
    return { status: done.status, record: done.log.find(({ level }) => level === 'error') as LogRecord };
  }

  recordOf(id: string): Record<string, unknown> {
    return JSON.parse(readFileSync(join(this.box.root, id, 'state.json'), 'utf8')) as Record<string, unknown>;
  }

  /**
   * A server in the network namespace of a process. It answers each connection and each datagram with the address of
   * the client.
   */
  async serve(pid: number, port: number, name = ''): Promise<void> {
    const script = `
      const answer = address => '${name}' + address.replace(/^::ffff:/, '') + '\\n';
      const net = require('net').createServer(s => { s.on('error', () => {}); s.end(answer(s.remoteAddress)); });
      const udp = require('dgram').createSocket({ type: 'udp6' });
      udp.on('message', (_, from) => udp.send(answer(from.address), from.port, from.address));
      net.listen(${port}, '::', () => udp.bind(${port}, '::', () => console.log('ready')));`;
    const child = spawn(
      '/usr/bin/nsenter',
      [`--net=/proc/${pid}/ns/net`, '--', process.execPath, '-e', script],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    this.#servers.push(child);
    await once(child.stdout, 'data');
  }

  /** The answer of a server over TCP; undefined without one. */
  ask(from: number, address: string, port: number): string | undefined {
    const done = this.try(from, 'nc', '-w', '2', '-d', address, String(port));
    return done.status === 0 && done.stdout !== '' ? done.stdout.trim() : undefined;
  }

  askUdp(from: number, address: string, port: number): string | undefined {
    const script = `echo hello | nc -u -w 1 ${address} ${port}`;
    const done = this.try(from, 'sh', '-c', script);
    return done.stdout === '' ? undefined : done.stdout.trim();
  }

  /** True if one echo request is answered. */
  pings(from: number, address: string): boolean {
    return this.try(from, 'ping', '-c', '1', '-W', '2', address).status === 0;
  }

  rules(): string {
    return this.in(this.pid, 'nft', 'list', 'ruleset');
  }

  /** Taken addresses of a network. */
  taken(network = 'default'): string[] {
    const done = this.box.view.exec(['sh', '-c', 'ls "$0"', this.file(`state/${network}/addresses`)]);
    return done.stdout.split('\n').filter(Boolean);
  }
}

export interface Running {
  readonly id: string;
  readonly pid: number;
  readonly bundle: Bundle;
}

export interface Link {
  readonly ifname: string;
  readonly mtu: number;
  readonly address: string;
  readonly flags: readonly string[];
  readonly addr_info: readonly {
    readonly local: string;
    readonly prefixlen: number;
    readonly scope: string;
  }[];
}

/** A new machine for each test. */
export function networkMachine(options: Options = {}, box: Sandbox = sandbox()): NetworkMachine {
  const made = new NetworkMachine(box);
  beforeEach(() => made.open(options));
  afterEach(() => made.close());
  return made;
}

/** Addresses of global scope, `10.63.0.2/22`. */
export function addressesOf({ addr_info }: Link): string[] {
  return addr_info
    .filter(({ scope }) => scope === 'global')
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}
