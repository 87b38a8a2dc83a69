// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Authority, type Issued } from '../helpers/certificates.ts';
import { FakeRegistry, layerOf, makeImage } from '../helpers/registry.ts';
import { requires } from '../helpers/requires.ts';
import { runtime } from '../helpers/runtime.ts';

// Both hosts start one program for registries: one of them is enough.
describe.skipIf(requires('openssl', 'host:standalone'))('a pull from a registry with TLS', () => {
  const keys = mkdtempSync(join(tmpdir(), 'tsubo-tls-'));
  const image = makeImage({ layers: [layerOf({ one: 'one' })] });
  let authority: Authority;
  let client: Issued;
  let registry: FakeRegistry;
  /** Serves only clients with a certificate of the authority. */
  let closed: FakeRegistry;
  let home = '';

  beforeAll(async () => {
    authority = new Authority(keys, 'inside');
    client = authority.issue('client');
    const { pem } = authority.issue('server', 'IP:127.0.0.1', 'IP:10.9.8.7', 'DNS:registry.test');
    registry = new FakeRegistry(pem);
    const ca = readFileSync(authority.cert);
    closed = new FakeRegistry({ ...pem, ca, requestCert: true, rejectUnauthorized: false });
    closed.answer = ({ socket }, response) => {
      const { authorized } = socket as unknown as { authorized: boolean };
      if (!authorized) response.writeHead(400).end('no certificate');
      return !authorized;
    };
    for (const server of [registry, closed]) {
      await server.open();
      server.add('web', 'v1', image);
    }
  });
  afterAll(async () => {
    for (const server of [registry, closed]) await server.close();
    rmSync(keys, { recursive: true, force: true });
  });
  beforeEach(() => {
    home = mkdtempSync(join(keys, 'home-'));
    registry.log.length = 0;
    useTls();
  });

  /** Loopback addresses have HTTP otherwise. */
  function useTls(): void {
    const entries = [registry, closed].map(server => [server.host, { plainHttp: false }]);
    writeFileSync(join(home, 'settings.json'), JSON.stringify({ registries: Object.fromEntries(entries) }));
  }

  /** The directory of a registry, as Podman has it for a user. */
  function certificatesOf(server: string): string {
    const directory = join(home, '.config/containers/certs.d', server);
    mkdirSync(directory, { recursive: true });
    return directory;
  }

  async function pull(name: string, more: Readonly<Record<string, string>> = {}) {
    const [file = '', ...args] = [...runtime.command, '--log-format', 'json', 'image', 'pull', '-q', name];
    const child = spawn(file, args, {
      env: {
        ...{ PATH: process.env['PATH'] ?? '', HOME: home, TSUBO_DATA: join(home, 'data') },
        ...{ TSUBO_SETTINGS: join(home, 'settings.json'), ...more },
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const texts = { stdout: '', stderr: '' };
    child.stdout.on('data', piece => (texts.stdout += piece));
    child.stderr.on('data', piece => (texts.stderr += piece));
    await once(child, 'close');
    const line = texts.stderr.split('\n').find(text => text.startsWith('{"'));
    return { stdout: texts.stdout, error: line === undefined ? undefined : JSON.parse(line) };
  }

  const pulled = (name: string) => ({ stdout: `${name}\n`, error: undefined });

  test('an unknown authority is refused, and the hint has the place of its certificate', async () => {
    const { error } = await pull(`${registry.host}/web:v1`);
    expect(error).toMatchObject({
      code: 'registry.unreachable',
      msg: `tsubo image pull failed: unable to reach ${registry.host}: unable to verify the first certificate`,
      hint: `put the certificate of its authority into /etc/docker/certs.d/${registry.host}/ca.crt`,
    });
    expect(registry.log).toEqual([]);
  });

  test.each(['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'])('%s names a file with its authority', async name => {
    expect(await pull(`${registry.host}/web:v1`, { [name]: authority.cert })).toEqual(
      pulled(`${registry.host}/web:v1`),
    );
  });

  test('the directory of a registry has its authority, and makes one on loopback use TLS', async () => {
    rmSync(join(home, 'settings.json'));
    copyFileSync(authority.cert, join(certificatesOf(registry.host), 'ca.crt'));
    expect(await pull(`${registry.host}/web:v1`)).toEqual(pulled(`${registry.host}/web:v1`));
  });

  test('an authority of one registry is not one of another', async () => {
    copyFileSync(authority.cert, join(certificatesOf(closed.host), 'ca.crt'));
    expect((await pull(`${registry.host}/web:v1`)).error).toMatchObject({ code: 'registry.unreachable' });
  });

  test('a registry gets the certificate of the client from its directory', async () => {
    const directory = certificatesOf(closed.host);
    copyFileSync(authority.cert, join(directory, 'ca.crt'));
    expect((await pull(`${closed.host}/web:v1`)).error).toMatchObject({ code: 'registry.answer' });
    copyFileSync(client.cert, join(directory, 'client.cert'));
    expect((await pull(`${closed.host}/web:v1`)).error).toMatchObject({
      code: 'registry.settings',
      msg: `tsubo image pull failed: unable to use the certificate ${directory}/client.cert: client.key is missing`,
      hint: 'an authority has the ending .crt',
    });
    copyFileSync(client.key, join(directory, 'client.key'));
    expect(await pull(`${closed.host}/web:v1`)).toEqual(pulled(`${closed.host}/web:v1`));
  });

  test('a certificate in another format is named', async () => {
    const file = join(certificatesOf(registry.host), 'ca.crt');
    writeFileSync(file, Buffer.from([0x30, 0x82, 1, 2]));
    expect((await pull(`${registry.host}/web:v1`)).error).toMatchObject({
      code: 'registry.settings',
      msg: `tsubo image pull failed: unable to use the certificate ${file}: it is not in the format PEM`,
    });
  });

  test.each(['registry.test', '10.9.8.7:5000'])(
    'a proxy connects to %s, whose certificate is checked',
    async name => {
      const connected: string[] = [];
      const proxy = createServer().on('connect', (request, socket) => {
        connected.push(`${request.url} ${request.headers['proxy-authorization']}`);
        const upstream = connect(Number(registry.host.split(':')[1]), '127.0.0.1', () => {
          socket.write('HTTP/1.1 200 Connected\r\n\r\n');
          upstream.pipe(socket).pipe(upstream);
        });
        for (const end of [socket, upstream])
          end.on('error', () => [socket, upstream].map(one => one.destroy()));
      });
      proxy.listen(0, '127.0.0.1');
      await once(proxy, 'listening');
      const { port } = proxy.address() as AddressInfo;
      const setting = { HTTPS_PROXY: `http://me:secret@127.0.0.1:${port}` };
      try {
        expect((await pull(`${name}/web:v1`, setting)).error).toMatchObject({
          code: 'registry.unreachable',
          msg: expect.stringContaining('unable to verify the first certificate'),
        });
        const trusted = { ...setting, SSL_CERT_FILE: authority.cert };
        expect(await pull(`${name}/web:v1`, trusted)).toEqual(pulled(`${name}/web:v1`));
        expect((await pull('other.test/web:v1', trusted)).error).toMatchObject({
          msg: expect.stringMatching(
            /unable to reach other\.test: .*other\.test.* is not in the cert's altnames/,
          ),
        });
      } finally {
        proxy.closeAllConnections();
        proxy.close();
      }
      const target = name.includes(':') ? name : `${name}:443`;
      const authorization = `Basic ${Buffer.from('me:secret').toString('base64')}`;
      expect(new Set(connected)).toEqual(
        new Set([`${target} ${authorization}`, `other.test:443 ${authorization}`]),
      );
    },
  );
});
