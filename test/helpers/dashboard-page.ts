// SPDX-License-Identifier: Apache-2.0
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { expect } from 'vitest';
import WebSocket from 'ws';
import type { LiveMessage, Snapshot } from '../../src/node/dashboard/messages.ts';
import { until, watch } from './sandbox.ts';

/** Waits until a started `tsubo dashboard` prints its address. Its standard error must be empty. */
export async function addressOf(child: ChildProcess): Promise<string> {
  const running = watch(child);
  const address = () => /http:\S+/.exec(running.stdout())?.[0];
  await until('the address is printed', () => address() !== undefined || child.exitCode !== null);
  expect(running.stderr()).toBe('');
  return address() ?? '';
}

/** The last state that the server has sent. */
export function snapshot({ messages }: Connection): Snapshot | undefined {
  const last = messages.at(-1) as LiveMessage | undefined;
  return last?.kind === 'snapshot' ? last.snapshot : undefined;
}

export interface Answer {
  readonly status: number | undefined;
  readonly text: string;
}

/** A client of the dashboard that does what its page does, without a browser. */
export class DashboardPage {
  readonly port: number;
  #cookie = '';
  #key = '';

  private constructor(port: number) {
    this.port = port;
  }

  /** @param url - with the token */
  static async open(url: string): Promise<DashboardPage> {
    const page = new DashboardPage(Number(new URL(url).port));
    const answer = await fetch(url);
    page.#cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    page.#key = /name="tsubo-key" content="([^"]+)"/.exec(await answer.text())?.[1] ?? '';
    return page;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Requests an action. */
  post(path: string): Promise<Answer> {
    const headers = { Cookie: this.#cookie, 'X-Tsubo-Key': this.#key, Origin: this.origin };
    return new Promise((resolve, reject) => {
      const asked = request(`${this.origin}${path}`, { method: 'POST', headers, agent: false }, answer => {
        let text = '';
        answer.setEncoding('utf8').on('data', chunk => {
          text += chunk;
        });
        answer.on('end', () => resolve({ status: answer.statusCode, text }));
      });
      asked.on('error', reject).end();
    });
  }

  /** Opens a connection, and collects what it brings. */
  async connect(path: string): Promise<Connection> {
    const socket = new WebSocket(
      `${this.origin.replace('http', 'ws')}${path}`,
      ['tsubo', `key.${this.#key}`],
      {
        headers: { Cookie: this.#cookie, Origin: this.origin },
      },
    );
    const connection = new Connection(socket);
    await once(socket, 'open');
    return connection;
  }
}

export class Connection {
  readonly socket: WebSocket;
  readonly messages: Readonly<Record<string, unknown>>[] = [];
  /** Binary data as text. */
  data = '';
  isClosed = false;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data, isBinary) => {
      if (isBinary) this.data += String(data);
      else this.messages.push(JSON.parse(String(data)) as Record<string, unknown>);
    });
    socket.on('close', () => {
      this.isClosed = true;
    });
  }
}
