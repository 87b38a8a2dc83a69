// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  certificateDirectories,
  commonAuthorities,
  hostCertificates,
  secureContextFor,
} from '../../../../src/node/registry/trust.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsubo-trust-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const pem = (name: string) => `-----BEGIN CERTIFICATE-----\n${name}\n`;

function write(path: string, text = pem(path)): string {
  const file = join(directory, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, text);
  return file;
}

describe('the certificates of a registry', () => {
  test('are searched in the directories of Podman and Docker, in this order', () => {
    const system = ['/etc/containers/certs.d', '/etc/docker/certs.d'];
    expect(certificateDirectories({ HOME: '/home/me' })).toEqual([
      '/home/me/.config/containers/certs.d',
      ...system,
    ]);
    expect(certificateDirectories({})).toEqual(system);
    write('one/other:5000/ca.crt');
    write('two/host:5000/ca.crt');
    write('three/host:5000/late.crt');
    const directories = ['none', 'one', 'two', 'three'].map(name => join(directory, name));
    expect(hostCertificates('host:5000', directories)).toEqual({
      path: join(directory, 'two/host:5000'),
      authorities: [pem('two/host:5000/ca.crt')],
    });
    expect(hostCertificates('host', directories)).toBeUndefined();
  });

  test('are authorities, and a certificate of the client with its key', () => {
    for (const name of ['b.crt', 'a.crt', 'client.cert', 'client.key', 'README']) write(`host/${name}`);
    expect(hostCertificates('host', [directory])).toEqual({
      path: join(directory, 'host'),
      authorities: [pem('host/a.crt'), pem('host/b.crt')],
      client: { cert: pem('host/client.cert'), key: pem('host/client.key') },
    });
  });

  test.each([
    ['client.cert', 'client.key is missing'],
    ['client.key', 'client.cert is missing'],
  ])('with %s alone are refused', (name, problem) => {
    const file = write(`host/${name}`);
    expect(() => hostCertificates('host', [directory])).toThrow(
      `unable to use the certificate ${file}: ${problem}`,
    );
  });

  test('must be certificates', () => {
    const cert = write('.config/containers/certs.d/host.test/client.cert');
    write('.config/containers/certs.d/host.test/client.key');
    expect(() => secureContextFor(new URL('https://host.test/'), { HOME: directory })).toThrow(
      `unable to use the certificate ${join(cert, '..')}: `,
    );
  });
});

describe('the authorities for all servers', () => {
  const none = () => [join(directory, 'none')];

  test('are those of the first bundle of the system, or else of Node', () => {
    const bundle = write('bundle');
    expect(commonAuthorities({}, [...none(), bundle])).toEqual([pem('bundle')]);
    expect(commonAuthorities({}, none())).toEqual([...rootCertificates]);
  });

  test('are replaced by SSL_CERT_FILE, and NODE_EXTRA_CA_CERTS adds others', () => {
    const env = { SSL_CERT_FILE: write('chosen'), NODE_EXTRA_CA_CERTS: write('extra') };
    expect(commonAuthorities(env, [write('bundle')])).toEqual([pem('chosen'), pem('extra')]);
  });

  test('are named if they cannot be read', () => {
    const file = join(directory, 'none');
    expect(() => commonAuthorities({ SSL_CERT_FILE: file }, [])).toThrow(
      `unable to use the certificate ${file}: it cannot be read (ENOENT)`,
    );
  });
});
