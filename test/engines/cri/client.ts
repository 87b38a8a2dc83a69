// SPDX-License-Identifier: Apache-2.0
// A client for the Container Runtime Interface, which the kubelet uses: gRPC over HTTP/2 on a Unix socket.
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { createConnection } from 'node:net';
import { encode, type Fields, Message } from './protobuf.ts';

const timeoutMs = 120_000;

/** A length prefix of gRPC: one byte for "not compressed", four for the length. */
function framed(content: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(content.length, 1);
  return Buffer.concat([prefix, content]);
}

/** A call that the engine has answered with an error. */
export class CallError extends Error {}

export class CriClient {
  private readonly session: ClientHttp2Session;

  constructor(socket: string) {
    this.session = connect('http://localhost', { createConnection: () => createConnection(socket) });
    // Each call reports the error of the session too.
    this.session.on('error', () => {});
  }

  /**
   * @param method of the RuntimeService, or with the name of another service before a slash
   * @throws CallError with the text of the engine
   */
  call(method: string, fields: Fields): Promise<Message> {
    const path = method.includes('/') ? method : `RuntimeService/${method}`;
    return new Promise((resolve, reject) => {
      const stream = this.session.request({
        ':method': 'POST',
        ':path': `/runtime.v1.${path}`,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      const chunks: Buffer[] = [];
      let status: IncomingHttpHeaders = {};
      const keep = (headers: IncomingHttpHeaders) => {
        status = { ...status, ...headers };
      };
      // An error without an answer has its status in the first headers.
      stream.on('response', keep).on('trailers', keep);
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.once('error', reject);
      stream.setTimeout(timeoutMs, () => stream.destroy(new Error(`${method}: no answer`)));
      stream.once('end', () => {
        if (status['grpc-status'] !== '0') {
          const text = decodeURIComponent(`${status['grpc-message'] ?? 'no status'}`);
          reject(new CallError(`${method}: ${text}`));
        } else resolve(new Message(Buffer.concat(chunks).subarray(5)));
      });
      stream.end(framed(encode(fields)));
    });
  }

  close(): void {
    this.session.close();
  }
}
