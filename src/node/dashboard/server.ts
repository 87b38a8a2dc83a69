// SPDX-License-Identifier: Apache-2.0
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { RuntimeError } from '../../errors/error.ts';
import { type Asset, headersFor, withKey } from './assets.ts';
import { type Asking, foreignness, refusal } from './guard.ts';
import { type ActionWord, actionWords, type ShownError } from './messages.ts';
import { Session } from './session.ts';

/** The work of the requests that pass the checks. */
export interface Services {
  readonly assets: ReadonlyMap<string, Asset>;
  /** Returns the failure; undefined if the action has succeeded. */
  act(action: ActionWord, id: string): Promise<ShownError | undefined>;
  live(socket: WebSocket): void;
  logs(socket: WebSocket, id: string): void;
  shell(socket: WebSocket, id: string): void;
}

export interface Dashboard {
  /** Contains the token. */
  readonly url: string;
  close(): Promise<void>;
}

const loopback = '127.0.0.1';
/** Most bytes of a message from the page, such as typed keys or a pasted text. */
const longestMessage = 1 << 20;
const idPattern = '([0-9a-f]{64})';
const actionPath = new RegExp(`^/api/containers/${idPattern}/([a-z]+)$`);
const streamPath = new RegExp(`^/api/(?:(live)|(logs|shell)/${idPattern})$`);

/**
 * Starts the server.
 *
 * @throws RuntimeError `dashboard.port`
 */
export async function startServer(port: number, services: Services): Promise<Dashboard> {
  const server = createServer({ maxHeaderSize: 16_384, requestTimeout: 30_000 });
  await listen(server, port);
  const routes = new Routes((server.address() as AddressInfo).port, services);
  server.on('request', (request, response) => void routes.request(request, response));
  server.on('upgrade', (request, socket, head) => routes.upgrade(request, socket, head));
  return {
    url: routes.url,
    close: () => {
      routes.close();
      server.closeAllConnections();
      return new Promise(resolve => server.close(() => resolve()));
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      reject(
        new RuntimeError({
          code: 'dashboard.port',
          message: `unable to listen on ${loopback}:${port}: ${taken ? 'another program has the port' : error.message}`,
          syscall: error.syscall,
          errno: error.errno === undefined ? undefined : -error.errno,
          errnoName: error.code,
          value: String(port),
          hint: 'choose another port with --port, or leave it out for a free one',
        }),
      );
    });
    server.listen({ host: loopback, port, exclusive: true }, resolve);
  });
}

class Routes {
  readonly #address: string;
  readonly #session: Session;
  readonly #services: Services;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: longestMessage,
    perMessageDeflate: false,
    // The page offers two protocols; the second one is its key.
    handleProtocols: () => 'tsubo',
  });

  constructor(port: number, services: Services) {
    this.#address = `${loopback}:${port}`;
    this.#session = new Session(port);
    this.#services = services;
    this.#headers = headersFor(this.#address);
  }

  get url(): string {
    return `http://${this.#address}/?token=${this.#session.token}`;
  }

  close(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
  }

  async request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Drop the body: no request needs one.
    request.resume();
    const { status, content, type = 'text/plain; charset=utf-8', headers } = await this.#answer(request);
    response.writeHead(status, { ...this.#headers, 'Content-Type': type, ...headers });
    response.end(request.method === 'HEAD' ? '' : content);
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const asking = askingOf(request, false);
    const token = tokenIn(request.url ?? '');
    const why =
      token === undefined
        ? refusal(asking, this.#session, this.#address)
        : foreignness(asking, this.#address);
    if (why !== undefined) return refused(why);
    if (token !== undefined) return this.#open(asking.method, token);
    const [, id, word] = actionPath.exec(asking.path) ?? [];
    if (id !== undefined) return this.#act(asking.method, word ?? '', id);
    const asset = this.#services.assets.get(asking.path);
    if (asset === undefined) return { status: 404, content: 'there is no such page\n' };
    if (asking.method !== 'GET' && asking.method !== 'HEAD') return wrongMethod('GET, HEAD');
    return { status: 200, ...asset };
  }

  /** The answer to the token: the page, the cookie, and the key of the page. */
  #open(method: string, token: string): Answer {
    const index = this.#services.assets.get('/');
    // Programs that show previews of links send HEAD, which must not use up the token.
    if (method !== 'GET' || index === undefined) return refused('a token needs GET');
    const exchanged = this.#session.exchange(token);
    if (exchanged === undefined) return refused('the token is wrong or was used before');
    const { cookie, key } = exchanged;
    const { type } = index;
    return { status: 200, content: withKey(index.content, key), type, headers: { 'Set-Cookie': cookie } };
  }

  async #act(method: string, word: string, id: string): Promise<Answer> {
    const action = actionWords.find(known => known === word);
    if (action === undefined) return { status: 404, content: 'there is no such action\n' };
    if (method !== 'POST') return wrongMethod('POST');
    const error = await this.#services.act(action, id);
    const status = error === undefined ? 200 : 409;
    return { status, content: JSON.stringify({ error }), type: 'application/json' };
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // An error of a disconnected client must not end the server.
    socket.on('error', () => {});
    const asking = askingOf(request, true);
    const why = refusal(asking, this.#session, this.#address);
    const stream = streamPath.exec(asking.path);
    if (why !== undefined || stream === null) {
      const status = why === undefined ? 404 : 403;
      socket.end(
        `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
        () => socket.destroy(),
      );
      return;
    }
    const [, live, kind, id = ''] = stream;
    this.#sockets.handleUpgrade(request, socket, head, connection => {
      // A faulty frame: ws closes the connection.
      connection.on('error', () => {});
      if (live !== undefined) this.#services.live(connection);
      else if (kind === 'logs') this.#services.logs(connection, id);
      else this.#services.shell(connection, id);
    });
  }
}

interface Answer {
  readonly status: number;
  readonly content: string | Buffer;
  /** Default: plain text. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function refused(why: string): Answer {
  const cure = 'Open the address that tsubo dashboard prints; it works once.';
  return { status: 403, content: `403 Forbidden: ${why}.\n${cure}\n` };
}

function wrongMethod(allowed: string): Answer {
  return { status: 405, content: `use ${allowed}\n`, headers: { Allow: allowed } };
}

function askingOf({ method = '', url = '', headers }: IncomingMessage, upgrade: boolean): Asking {
  return { method, path: url.split('?', 1)[0] ?? '', headers, upgrade };
}

/** Returns the token of the address `/?token=TOKEN`; undefined for any other address. */
function tokenIn(url: string): string | undefined {
  return /^\/\?token=(.*)$/s.exec(url)?.[1];
}
