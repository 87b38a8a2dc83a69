// SPDX-License-Identifier: Apache-2.0
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { type Asset, keyPlace } from '../../../../src/node/dashboard/assets.ts';
import { type Dashboard, startServer } from '../../../../src/node/dashboard/server.ts';

const id = 'ab'.repeat(32);
const page = `<head>${keyPlace}</head>`;
const asset = (type: string, content: string): Asset => ({ type, content: Buffer.from(content) });
const assets = new Map([
  ['/', asset('text/html', page)],
  ['/page.js', asset('text/javascript', 'script')],
]);

let dashboard: Dashboard;
let address: string;
let port: number;
let token: string;
let calls: string[];

beforeEach(async () => {
  calls = [];
  dashboard = await startServer(0, {
    assets,
    act: async (action, of) => {
      calls.push(`${action} ${of}`);
      return action === 'stop' ? { code: 'direct.not-running', message: 'no', details: [] } : undefined;
    },
    live: socket => socket.close(1000, 'live'),
    logs: (socket, of) => socket.close(1000, `logs ${of.length}`),
    shell: (socket, of) => socket.close(1000, `shell ${of.length}`),
  });
  const url = new URL(dashboard.url);
  address = url.host;
  port = Number(url.port);
  token = url.searchParams.get('token') ?? '';
});
afterEach(() => dashboard.close());

interface Answer {
  readonly status: number | undefined;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
}

function ask(path: string, method = 'GET', headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, answer => {
      let text = '';
      answer.setEncoding('utf8').on('data', chunk => {
        text += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode, text, headers: answer.headers }));
    });
    asked.on('error', reject).end();
  });
}

interface Browser {
  readonly cookie: string;
  readonly key: string;
}

/** Opens the page as a browser. */
async function open(): Promise<Browser> {
  const { status, text, headers } = await ask(`/?token=${token}`);
  expect(status).toBe(200);
  const cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? '';
  const key = /name="tsubo-key" content="([^"]+)"/.exec(text)?.[1] ?? '';
  return { cookie, key };
}

/** The headers of a request of the page. */
function own({ cookie, key }: Browser): Record<string, string> {
  return { Cookie: cookie, 'X-Tsubo-Key': key, Origin: `http://${address}` };
}

const start = `/api/containers/${id}/start`;

describe('the token', () => {
  test('is exchanged once for a cookie and the key of the page', async () => {
    const first = await ask(`/?token=${token}`);
    expect(first.status).toBe(200);
    expect(first.headers['set-cookie']).toEqual([
      expect.stringMatching(new RegExp(`^tsubo-${port}=[\\w-]{43}; Path=/; HttpOnly; SameSite=Strict$`)),
    ]);
    expect(first.text).toMatch(/^<head><meta name="tsubo-key" content="[\w-]{43}" \/><\/head>$/);
    const second = await ask(`/?token=${token}`);
    expect(second).toMatchObject({ status: 403, text: expect.stringContaining('was used before') });
    expect(second.headers['set-cookie']).toBeUndefined();
  });

  test('is not used up by a wrong one, a preview of the link, or a request to another name', async () => {
    expect((await ask(`/?token=${token.slice(1)}`)).status).toBe(403);
    expect((await ask('/?token=')).status).toBe(403);
    expect((await ask(`/?token=${token}`, 'HEAD')).status).toBe(403);
    expect((await ask(`/?token=${token}`, 'GET', { Host: 'evil.example' })).status).toBe(403);
    expect((await ask(`/page.js?token=${token}`)).status).toBe(403);
    await open();
  });
});

describe('a request is answered with 403', () => {
  test('without a cookie, for every path and method', async () => {
    for (const path of ['/', '/page.js', '/nothing', start, '/api/live']) {
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']) {
        const answer = await ask(path, method, { Origin: `http://${address}` });
        expect({ path, method, status: answer.status }).toEqual({ path, method, status: 403 });
      }
    }
    expect(calls).toEqual([]);
  });

  test('for another name of the server, also with cookie and key', async () => {
    const headers = own(await open());
    for (const Host of ['evil.example', `evil.example:${port}`, `localhost:${port}`, '127.0.0.1']) {
      expect((await ask('/', 'GET', { ...headers, Host })).status).toBe(403);
      expect((await ask(start, 'POST', { ...headers, Host })).status).toBe(403);
    }
    expect(calls).toEqual([]);
    expect((await ask('/', 'GET', { ...headers, Host: address })).status).toBe(200);
  });

  test('for another page, also on another port of this machine', async () => {
    const headers = own(await open());
    for (const Origin of ['http://evil.example', 'http://127.0.0.1:8800', 'null', `https://${address}`]) {
      expect((await ask('/', 'GET', { ...headers, Origin })).status).toBe(403);
      expect((await ask(start, 'POST', { ...headers, Origin })).status).toBe(403);
    }
    const { Origin: _, ...without } = headers;
    expect((await ask(start, 'POST', without)).status).toBe(403);
    expect(calls).toEqual([]);
  });

  test('with a wrong cookie, or the cookie without the key', async () => {
    const browser = await open();
    const headers = own(browser);
    const [name = '', value = ''] = browser.cookie.split('=');
    const wrong = [`${name}=${value.slice(1)}`, `${name}=`, `x${browser.cookie}`];
    for (const Cookie of wrong) expect((await ask(start, 'POST', { ...headers, Cookie })).status).toBe(403);
    for (const key of ['', value, browser.key.slice(1)])
      expect((await ask(start, 'POST', { ...headers, 'X-Tsubo-Key': key })).status).toBe(403);
    expect(calls).toEqual([]);
    const several = { ...headers, Cookie: `other=1; ${name}=x; ${browser.cookie}` };
    expect((await ask(start, 'POST', several)).status).toBe(200);
  });
});

describe('a page that has been opened', () => {
  test('gets its files, without the key, and no other file', async () => {
    const headers = own(await open());
    expect(await ask('/', 'GET', headers)).toMatchObject({ status: 200, text: page });
    expect(await ask('/page.js', 'HEAD', headers)).toMatchObject({ status: 200, text: '' });
    for (const path of [
      '/../package.json',
      '/%2e%2e/package.json',
      '//etc/passwd',
      '/page.js/../../dashboard.cjs',
      '/page.js%00',
      '/index.html',
      `http://${address}/page.js`,
    ]) {
      expect({ path, status: (await ask(path, 'GET', headers)).status }).toEqual({ path, status: 404 });
    }
  });

  test('starts actions with POST only, for known words and whole ids', async () => {
    const headers = own(await open());
    expect(await ask(start, 'POST', headers)).toMatchObject({ status: 200, text: '{}' });
    expect(await ask(`/api/containers/${id}/stop`, 'POST', headers)).toMatchObject({
      status: 409,
      text: '{"error":{"code":"direct.not-running","message":"no","details":[]}}',
    });
    expect(calls).toEqual([`start ${id}`, `stop ${id}`]);
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']) {
      const answer = await ask(start, method, headers);
      expect(answer).toMatchObject({ status: 405, headers: { allow: 'POST' } });
    }
    expect(await ask('/', 'POST', headers)).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    for (const path of [
      `/api/containers/${id}/exec`,
      '/api/containers/web/start',
      '/api/containers/--all/start',
      `/api/containers/${id}/start/x`,
      `/api/containers/../${id}/start`,
    ]) {
      expect((await ask(path, 'POST', headers)).status).toBe(404);
    }
    expect(calls).toHaveLength(2);
  });

  test('runs no inline script, is in no frame, and is not stored', async () => {
    const { headers } = await ask('/', 'GET', own(await open()));
    const policy = String(headers['content-security-policy']).split('; ');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
  });
});

describe('a WebSocket', () => {
  interface Wanted {
    readonly path: string;
    readonly protocols?: readonly string[];
    readonly headers: Readonly<Record<string, string>>;
  }

  /** Its end: the reason of the server, or the status of the refusal. */
  function end({ path, protocols, headers }: Wanted): Promise<string | number | undefined> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols ? [...protocols] : [], {
        headers,
      });
      socket.on('close', (_code, reason) => resolve(String(reason)));
      socket.on('unexpected-response', (_request, { statusCode }) => resolve(statusCode));
      socket.on('error', reject);
    });
  }

  test('is opened for a page with cookie, key and its own origin, and for no other', async () => {
    const { cookie, key } = await open();
    const protocols = ['tsubo', `key.${key}`];
    const headers = { Cookie: cookie, Origin: `http://${address}` };
    expect(await end({ path: '/api/live', protocols, headers })).toBe('live');
    expect(await end({ path: `/api/logs/${id}`, protocols, headers })).toBe('logs 64');
    expect(await end({ path: `/api/shell/${id}`, protocols, headers })).toBe('shell 64');
    for (const path of ['/api/live', `/api/shell/${id}`]) {
      const refused: Wanted[] = [
        { path, headers },
        { path, headers, protocols: ['tsubo', 'key.x'] },
        { path, protocols, headers: { Cookie: cookie } },
        { path, protocols, headers: { Origin: headers.Origin } },
        { path, protocols, headers: { ...headers, Origin: 'http://127.0.0.1:8800' } },
        { path, protocols, headers: { ...headers, Host: `evil.example:${port}` } },
      ];
      for (const wanted of refused) expect(await end(wanted)).toBe(403);
    }
    expect(await end({ path: '/api/shell/web', protocols, headers })).toBe(404);
    expect(await end({ path: '/', protocols, headers })).toBe(404);
  });
});

test('the server listens on the loopback address only, and a taken port is named', async () => {
  const error = await startServer(port, { assets } as never).then(
    () => undefined,
    (refused: unknown) => refused,
  );
  expect(error).toMatchObject({
    code: 'dashboard.port',
    message: `unable to listen on 127.0.0.1:${port}: another program has the port`,
    errnoName: 'EADDRINUSE',
  });
  // Another loopback address reaches a server that listens on all addresses.
  const reached = await new Promise(resolve => {
    const socket = connect({ host: '127.0.0.2', port });
    socket.on('connect', () => resolve('connected'));
    socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code));
  });
  expect(reached).toBe('ECONNREFUSED');
});

test('a refused WebSocket whose client has gone leaves the server running', async () => {
  for (let times = 0; times < 20; times++) {
    await new Promise<void>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write('GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n', () => {
          socket.resetAndDestroy();
          resolve();
        });
      });
      socket.on('error', reject);
    });
  }
  expect((await ask('/', 'GET', { Host: address })).status).toBe(403);
});
