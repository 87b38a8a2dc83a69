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
    NO_PROXY: 'localhost, .inside.example, exact.example',
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
  ])('for %s is %s', (url, proxy) => {
    expect(proxyFor(new URL(url), env)?.href).toBe(proxy);
  });

  test('is none without a variable, or for all hosts with *', () => {
    expect(proxyFor(new URL('https://a.example/'), {})).toBeUndefined();
    expect(proxyFor(new URL('https://a.example/'), { https_proxy: 'x:1', no_proxy: '*' })).toBeUndefined();
  });
});
