// SPDX-License-Identifier: Apache-2.0
import type { IncomingHttpHeaders } from 'node:http';
import type { Session } from './session.ts';

/** The parts of a request that decide whether it is answered. */
export interface Asking {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** It requests a WebSocket. */
  readonly upgrade: boolean;
}

const safeMethods: readonly string[] = ['GET', 'HEAD'];

/**
 * Returns why a request is answered with 403; undefined if it is not.
 *
 * The order is that of the README: the name of the server, the page that sends the request, the browser, the page's key.
 */
export function refusal(asking: Asking, session: Session, address: string): string | undefined {
  const foreign = foreignness(asking, address);
  if (foreign !== undefined) return foreign;
  if (!session.hasCookie(asking.headers.cookie)) return 'this browser has not opened the dashboard';
  if (asking.path.startsWith('/api/') && !session.isKey(keyOf(asking)))
    return 'the key of the page is missing';
  return undefined;
}

/** The checks that also hold for a request with a token, which has no cookie yet. */
export function foreignness({ method, headers, upgrade }: Asking, address: string): string | undefined {
  // A name of another server that resolves to 127.0.0.1 (DNS rebinding).
  if (headers.host !== address) return `this server is only ${address}`;
  const { origin } = headers;
  const isBound = upgrade || !safeMethods.includes(method);
  if (origin === undefined ? isBound : origin !== `http://${address}`)
    return 'the request is from another page';
  return undefined;
}

/** Scripts cannot set a header of a WebSocket, except its protocols. */
const protocolPrefix = 'key.';

function keyOf({ headers, upgrade }: Asking): string | undefined {
  if (!upgrade) {
    const key = headers['x-tsubo-key'];
    return typeof key === 'string' ? key : undefined;
  }
  const protocols = (headers['sec-websocket-protocol'] ?? '').split(',').map(word => word.trim());
  return protocols.find(word => word.startsWith(protocolPrefix))?.slice(protocolPrefix.length);
}
