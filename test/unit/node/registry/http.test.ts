// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { parseChallenges } from '../../../../src/node/registry/challenge.ts';
import { proxyFor } from '../../../../src/node/registry/http.ts';

describe('the header WWW-Authenticate', () => {
  test.each([
    [
      'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push"',
      [
        {
          scheme: 'bearer',
          parameters: {
            realm: 'https://auth.example/token',
            service: 'registry.example',
            scope: 'repository:a/b:pull,push',
          },
        },
      ],
    ],
    ['Basic realm="a \\"b\\""', [{ scheme: 'basic', parameters: { realm: 'a "b"' } }]],
    [
      'Basic realm=x, BEARER Realm = "https://y" , service=z',
      [
        { scheme: 'basic', parameters: { realm: 'x' } },
        { scheme: 'bearer', parameters: { realm: 'https://y', service: 'z' } },
      ],
    ],
    ['', []],
    ['realm="x"', []],
  ])('%j is parsed', (header, challenges) => {
    expect(parseChallenges(header)).toEqual(challenges);
  });
});

describe('the proxy', () => {
  const env = {
    HTTP_PROXY: 'http://me:secret@proxy:3128',
    https_proxy: 'secure:3129',
    NO_PROXY: 'localhost, .inside.example, exact.example, 10.0.0.0/8, fd00::/8, 1.2.3.4/40',
  };
  test.each([
    ['http://registry.example/v2/', 'http://me:secret@proxy:3128/'],
    ['https://registry.example/v2/', 'http://secure:3129/'],
    ['https://inside.example/', undefined],
    ['https://a.inside.example/', undefined],
    ['https://notinside.example/', 'http://secure:3129/'],
    ['https://exact.example:5000/', undefined],
    ['http://127.0.0.1:5000/', undefined],
    ['http://[::1]:5000/', undefined],
    ['https://10.200.3.4:5000/', undefined],
    ['https://11.0.0.1:5000/', 'http://secure:3129/'],
    ['https://[fd12::1]/', undefined],
    ['https://[fe80::1]/', 'http://secure:3129/'],
    ['https://1.2.3.4/', 'http://secure:3129/'],
  ])('for %s is %s', (url, proxy) => {
    expect(proxyFor(new URL(url), env)?.href).toBe(proxy);
  });

  test.each(['socks5://proxy:1080', 'http://'])('%s is refused without its text', text => {
    expect(() => proxyFor(new URL('https://a.example/'), { https_proxy: text })).toThrow(
      'invalid proxy in HTTPS_PROXY',
    );
  });

  test('is none without a variable, or for all hosts with *', () => {
    expect(proxyFor(new URL('https://a.example/'), {})).toBeUndefined();
    expect(proxyFor(new URL('https://a.example/'), { https_proxy: 'x:1', no_proxy: '*' })).toBeUndefined();
  });
});
