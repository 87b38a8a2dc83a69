// SPDX-License-Identifier: Apache-2.0
import {
  type ClientRequest,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import { BlockList, isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { type SecureContext, connect as tlsConnect } from 'node:tls';
import { RuntimeError } from '../../errors/error.ts';
import { type Environment, secureContextFor } from './trust.ts';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The rest of the answer; the caller reads or destroys it. */
  readonly body: IncomingMessage;
  /** The address that answered, after redirects. */
  readonly url: URL;
}

export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Called for the body when the request is sent; the headers contain its length. */
  readonly stream?: () => Readable;
}

/** Milliseconds without received data after which a request fails. */
const silence = 60_000;
const mostRedirects = 10;

/**
 * Sends a request and follows redirects of GET and HEAD. A redirect to another server does not get the header
 * Authorization.
 *
 * @throws RuntimeError `registry.unreachable`, `registry.answer`
 */
export async function send(url: URL, sent: Sent = {}): Promise<Reply> {
  let at = url;
  let headers: Record<string, string> = { 'user-agent': 'tsubo', ...sent.headers };
  const { method = 'GET' } = sent;
  for (let redirects = 0; ; redirects++) {
    const reply = await sendOnce(at, { ...sent, headers });
    const { location } = reply.headers;
    const isRedirect = [301, 302, 303, 307, 308].includes(reply.status) && location !== undefined;
    if (!isRedirect || (method !== 'GET' && method !== 'HEAD')) return reply;
    reply.body.destroy();
    const next = redirected(location, at);
    if (redirects === mostRedirects) throw badAnswer(url, `it redirects more than ${mostRedirects} times`);
    if (next.origin !== at.origin) {
      const { authorization: _, ...others } = headers;
      headers = others;
    }
    at = next;
  }
}

function redirected(location: string, from: URL): URL {
  let next: URL | undefined;
  try {
    next = new URL(location, from);
  } catch {
    // The error below contains the text.
  }
  if (next !== undefined && (next.protocol === 'https:' || next.protocol === 'http:')) return next;
  throw badAnswer(from, `it redirects to ${JSON.stringify(location)}`);
}

export function badAnswer(url: URL, problem: string): RuntimeError {
  return new RuntimeError({
    code: 'registry.answer',
    message: `unexpected answer of ${url.host}: ${problem}`,
    value: withoutQuery(url),
    hint: 'check that the address is that of a registry',
  });
}

/** The query of a redirect contains a signature, which must not get into logs. */
function withoutQuery(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

function sendOnce(url: URL, { method = 'GET', headers = {}, body, stream }: Sent): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error) => reject(error instanceof RuntimeError ? error : unreachable(url, error));
    open(url, { method, headers: { ...headers } })
      .then(request => {
        request.on('error', refuse);
        request.setTimeout(silence, () =>
          request.destroy(Object.assign(new Error(`no data for ${silence / 1000} s`), { code: 'ETIMEDOUT' })),
        );
        request.on('response', response =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: response, url }),
        );
        if (stream === undefined) request.end(body);
        else {
          const data = stream();
          data.on('error', error => request.destroy(error));
          // An answer before the end of the data refuses it.
          request.on('close', () => data.destroy());
          data.pipe(request);
        }
      })
      .catch(refuse);
  });
}

interface Options {
  readonly method: string;
  readonly headers: Record<string, string>;
}

async function open(url: URL, options: Options): Promise<ClientRequest> {
  const proxy = proxyFor(url, process.env);
  if (url.protocol === 'https:') {
    if (proxy === undefined) return httpsRequest(url, { ...options, ...secured(url) });
    // Without an agent: an agent, also a new one, makes its own connections.
    return httpsRequest(url, { ...options, ...(await tunnel(url, proxy)) });
  }
  if (proxy === undefined) return httpRequest(url, options);
  const headers = { ...options.headers, host: url.host, ...proxyCredentials(proxy) };
  return requestOfProxy(proxy, { method: options.method, headers, path: url.href });
}

function requestOfProxy(proxy: URL, options: Options & { readonly path: string }): ClientRequest {
  const server = { host: hostOf(proxy), port: portOf(proxy), ...options };
  if (proxy.protocol === 'http:') return httpRequest(server);
  return httpsRequest({ ...server, ...secured(proxy) });
}

/** Returns an option of `tls.connect`, which the types of `https.request` lack. */
function secured(server: URL): { readonly secureContext: SecureContext } {
  return { secureContext: secureContextFor(server) };
}

/** Connects through the proxy with CONNECT; TLS is then between this program and the registry. */
function tunnel(url: URL, proxy: URL): Promise<{ createConnection: () => ReturnType<typeof tlsConnect> }> {
  return new Promise((resolve, reject) => {
    const target = `${url.hostname}:${portOf(url)}`;
    const headers = { host: target, ...proxyCredentials(proxy) };
    const request = requestOfProxy(proxy, { method: 'CONNECT', path: target, headers });
    request.setTimeout(silence, () => request.destroy(new Error(`the proxy ${proxy.host} does not answer`)));
    request.on('error', reject);
    request.on('connect', (response, socket) => {
      if (response.statusCode !== 200) {
        socket.destroy();
        reject(new Error(`the proxy ${proxy.host} answers ${response.statusCode}`));
        return;
      }
      // The host is compared with the certificate; an address is not a name of a server in TLS.
      const host = hostOf(url);
      const servername = isIP(host) === 0 ? { servername: host } : {};
      const security = { ...secured(url), ...servername };
      resolve({ createConnection: () => tlsConnect({ socket, host, ...security }) });
    });
    request.end();
  });
}

function hostOf({ hostname: name }: URL): string {
  return name.replace(/^\[|\]$/g, '');
}

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}

function proxyCredentials({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}

/**
 * Returns the proxy in HTTPS_PROXY or HTTP_PROXY, unless NO_PROXY contains the host, a domain above it, a subnet with
 * its address, or `*`. A loopback address needs none.
 */
export function proxyFor(url: URL, env: Environment): URL | undefined {
  const name = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const text = env[name] || env[name.toUpperCase()];
  const host = hostOf(url);
  if (!text || isLoopback(host)) return undefined;
  const excepted = (env['no_proxy'] || env['NO_PROXY'] || '').split(/[\s,]+/).filter(entry => entry !== '');
  const isExcepted = excepted.some(entry => {
    const domain = entry.replace(/^\*?\./, '');
    const isNamed = host === domain || url.host === domain || host.endsWith(`.${domain}`);
    return entry === '*' || isNamed || isInSubnet(host, entry);
  });
  if (isExcepted) return undefined;
  try {
    const proxy = new URL(text.includes('://') ? text : `http://${text}`);
    if (proxy.protocol === 'http:' || proxy.protocol === 'https:') return proxy;
  } catch {
    // The error below does not contain the text, which may have a password in it.
  }
  throw new RuntimeError({
    code: 'registry.settings',
    message: `invalid proxy in ${name.toUpperCase()}`,
    hint: 'write http://HOST:PORT or https://HOST:PORT',
  });
}

/** @param subnet - `10.0.0.0/8`; any other text contains no address */
function isInSubnet(host: string, subnet: string): boolean {
  const [, address = '', prefix = ''] = /^(.*)\/(\d{1,3})$/.exec(subnet) ?? [];
  const family = isIP(address);
  const version = isIP(host);
  if (family === 0 || version !== family || Number(prefix) > (family === 4 ? 32 : 128)) return false;
  const type = family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(address, Number(prefix), type);
  return list.check(host, type);
}

/** @param host - a name or an address without a port */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** Causes of a failed connection, and what to do. */
const hints: Readonly<Record<string, string>> = {
  ENOTFOUND: 'check the name of the registry, and the name server in /etc/resolv.conf',
  EAI_AGAIN: 'the name server does not answer: check /etc/resolv.conf and the network',
  ECONNREFUSED: 'check that the registry runs and listens on this port',
  ENETUNREACH: 'the machine has no route: check its network',
  EHOSTUNREACH: 'the machine has no route: check its network',
  ETIMEDOUT: 'check the network and the firewall; HTTPS_PROXY sets a proxy',
};

function unreachable(url: URL, error: Error): RuntimeError {
  const { code = '' } = error as NodeJS.ErrnoException;
  const isPlain = code === 'EPROTO' || /wrong version number/i.test(error.message);
  const isCertificate = /CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME/.test(code);
  const hint = isPlain
    ? 'the registry does not use TLS: set "plainHttp": true for it in /etc/tsubo/tsubo.json'
    : isCertificate
      ? `put the certificate of its authority into /etc/docker/certs.d/${url.host}/ca.crt`
      : hints[code];
  return new RuntimeError(
    {
      code: 'registry.unreachable',
      message: `unable to reach ${url.host}: ${reasonOf(error)}`,
      value: withoutQuery(url),
      ...(hint !== undefined && { hint }),
    },
    { cause: error },
  );
}

/** Returns the reason for a failed connection. If several addresses failed, the error contains a list of them. */
function reasonOf(error: Error): string {
  const inner = (error as { errors?: readonly Error[] }).errors;
  const text =
    error.message ||
    (inner ?? []).map(({ message }) => message).join(', ') ||
    String((error as NodeJS.ErrnoException).code);
  return text.split('\n')[0] ?? '';
}

/** Reads the whole body as text. */
export async function textOf(reply: Reply, limit: number): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    for await (const piece of reply.body) {
      length += (piece as Buffer).length;
      if (length > limit) throw badAnswer(reply.url, `its document has more than ${limit} bytes`);
      pieces.push(piece as Buffer);
    }
  } catch (error) {
    throw error instanceof RuntimeError ? error : unreachable(reply.url, error as Error);
  }
  return Buffer.concat(pieces).toString('utf8');
}
