// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Binding, KeeperListener } from '../../src/host/binding.d.ts';

const binding = createRequire(import.meta.url)('../../build/Release/tsubo.node') as Binding;

/** Polls every 5 ms, for at most a minute. */
const soon = { timeout: 60_000, interval: 5 };

/** The descriptor of a socket: Node has it only inside. */
function descriptor(socket: Server | UdpSocket): number {
  const hidden = Object.getOwnPropertySymbols(socket).find(symbol => symbol.description === 'state symbol');
  const inside = socket as unknown as Record<symbol | string, { fd: number; handle: { fd: number } }>;
  return hidden === undefined ? (inside['_handle']?.fd ?? -1) : (inside[hidden]?.handle.fd ?? -1);
}

const port = (of: { address(): AddressInfo | string | null }): number => (of.address() as AddressInfo).port;

async function listening(server: Server, host: string, at = 0): Promise<Server> {
  server.listen({ port: at, host });
  await once(server, 'listening');
  return server;
}

async function bound(socket: UdpSocket, host: string): Promise<UdpSocket> {
  socket.bind(0, host);
  await once(socket, 'listening');
  return socket;
}

/** Everything that a connection receives until its end. */
async function received(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  socket.on('data', part => parts.push(part)).resume();
  await once(socket, 'end');
  return Buffer.concat(parts);
}

describe('the keeper of published ports', () => {
  let init: ChildProcess;
  let pidfd: number;
  const closing: (() => void)[] = [];
  beforeEach(async () => {
    init = spawn('sleep', ['1000'], { stdio: 'ignore' });
    await once(init, 'spawn');
    pidfd = binding.pidfdOpen(init.pid as number) as number;
  });
  afterEach(async () => {
    if (init.exitCode === null && init.signalCode === null) {
      init.kill('SIGKILL');
      await once(init, 'exit');
    }
    binding.close(pidfd);
    for (const close of closing.splice(0)) close();
  });

  /** Starts a keeper for a new socket of the host and closes this process's copy. */
  async function kept(
    to: { address: string; port: number },
    host = '127.0.0.1',
    protocol: KeeperListener['protocol'] = 'tcp',
  ): Promise<{ pid: number; port: number }> {
    const listener =
      protocol === 'tcp'
        ? await listening(createServer(), host)
        : await bound(createSocket(host.includes(':') ? 'udp6' : 'udp4'), host);
    const at = port(listener);
    const fd = descriptor(listener);
    const { pid } = binding.startKeeper({
      pidfd,
      listeners: [{ fd, protocol, ...to }],
      restore: [],
      end: [],
    });
    listener.close();
    await once(listener, 'close');
    return { pid, port: at };
  }

  /** A server in the place of the container's. */
  async function serving(
    work: (socket: Socket) => void,
    host = '127.0.0.1',
  ): Promise<{ address: string; port: number }> {
    const server = await listening(createServer({ allowHalfOpen: true }, work), host);
    closing.push(() => server.close());
    return { address: host, port: port(server) };
  }

  const gone = (pid: number) =>
    vi.waitFor(() => expect(() => readFileSync(`/proc/${pid}/comm`)).toThrow('ENOENT'), soon);

  it('passes on a connection with its end in both directions', async () => {
    const to = await serving(socket => {
      void received(socket).then(text => socket.end(`got ${text}`));
    });
    const { port } = await kept(to);
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    client.end('hello');
    expect(String(await received(client))).toBe('got hello');
  });

  it('passes on from IPv6 to IPv4, which the rules of the kernel cannot', async () => {
    const to = await serving(socket => socket.end('there'));
    const { port } = await kept(to, '::1');
    expect(String(await received(connect({ port, host: '::1' })))).toBe('there');
  });

  it('passes on more than its buffer holds, unchanged, to a reader that is slow', async () => {
    const sent = Buffer.alloc(30_000_000, Buffer.from(Array.from({ length: 251 }, (_, i) => i)));
    const served: Socket[] = [];
    const to = await serving(socket => {
      served.push(socket);
      socket.end(sent);
    });
    const { port } = await kept(to);
    const client = connect({ port, host: '127.0.0.1' });
    client.pause();
    // The server has data that the buffers on the way do not take.
    await vi.waitFor(() => expect(served[0]?.writableLength).toBeGreaterThan(0), soon);
    expect(Buffer.compare(await received(client), sent)).toBe(0);
  });

  it('resets the connection when nothing in the container listens', async () => {
    const server = await listening(createServer(), '127.0.0.1');
    const to = { address: '127.0.0.1', port: port(server) };
    server.close();
    await once(server, 'close');
    const client = connect({ port: (await kept(to)).port, host: '127.0.0.1' });
    const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
  });

  it('serves many connections at once', async () => {
    const to = await serving(socket => socket.pipe(socket));
    const { port } = await kept(to);
    const answers = Array.from({ length: 200 }, async (_, i) => {
      const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      client.end(`client ${i}`);
      return String(await received(client));
    });
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 200 }, (_, i) => `client ${i}`));
  });

  it.each(['127.0.0.1', '::1'])('passes on datagrams to %s and answers each client', async host => {
    const echo = await bound(createSocket('udp4'), '127.0.0.1');
    closing.push(() => echo.close());
    echo.on('message', (text, from) => echo.send(`got ${text}`, from.port, from.address));
    const { port: at } = await kept({ address: '127.0.0.1', port: port(echo) }, host, 'udp');
    const clients = [0, 1].map(() => createSocket(host.includes(':') ? 'udp6' : 'udp4'));
    const answers = clients.map(client => once(client, 'message'));
    clients.forEach((client, i) => {
      closing.push(() => client.close());
      client.send(`client ${i}`, at, host);
    });
    const heard = (await Promise.all(answers)) as [Buffer, { port: number }][];
    expect(heard.map(([text, from]) => [String(text), from.port])).toEqual([
      ['got client 0', at],
      ['got client 1', at],
    ]);
  });

  it('holds the port as long as the init runs, and no longer', async () => {
    const { pid, port: at } = await kept({ address: '127.0.0.1', port: 1 });
    const taken = createServer();
    taken.listen({ port: at, host: '127.0.0.1' });
    const [error] = (await once(taken, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('EADDRINUSE');
    init.kill('SIGKILL');
    await gone(pid);
    (await listening(createServer(), '127.0.0.1', at)).close();
  });

  it('is in its own session, holds no other descriptor of its caller, and is small', async () => {
    const { pid } = await kept({ address: '127.0.0.1', port: 1 });
    expect(readFileSync(`/proc/${pid}/comm`, 'utf8')).toBe('tsubo:[keeper]\n');
    expect(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[3]).toBe(String(pid));
    // Standard streams, the pidfd, the listener and the epoll set.
    expect(readdirSync(`/proc/${pid}/fd`)).toHaveLength(6);
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const kilobytes = (key: string) => Number(new RegExp(`${key}: +(\\d+) kB`).exec(rollup)?.[1]);
    expect(kilobytes('Private_Clean') + kilobytes('Private_Dirty')).toBeLessThan(300);
  });

  it('is not a child that its caller has to wait for', async () => {
    const { pid } = await kept({ address: '127.0.0.1', port: 1 });
    const parent = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1];
    expect(parent).not.toBe(String(process.pid));
  });
});
