// SPDX-License-Identifier: Apache-2.0
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findCredentials } from '../../../../src/node/registry/credentials.ts';
import { thrown } from '../../../helpers/fake-machine.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsubo-credentials-'));
  vi.stubEnv('DOCKER_CONFIG', directory);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

const write = (text: string) => writeFileSync(join(directory, 'config.json'), text);
const find = () => findCredentials('registry.example');

describe("Docker's config.json", () => {
  it.each([
    '{"auths":{"registry.example":{"auth":"YTpi"}}}',
    '{"auths":{"registry.example":{"auth":"","username":"a","password":"b"}}}',
    '{"auths":{"registry.example":{"auth":null,"username":"a","password":"b","other":5}},"credsStore":null}',
  ])('may have the credentials as %s', text => {
    write(text);
    expect(find()).toEqual({ username: 'a', password: 'b' });
  });

  it.each([
    ['{"auths":{"registry.example":null}}', '/auths/registry.example must be an object, not null'],
    ['{"auths":{"registry.example":{"auth":5}}}', '/auths/registry.example/auth must be a string, not 5'],
    ['{"auths":[]}', '/auths must be an object with objects as values, not a list'],
    ['{"credHelpers":{"registry.example":5}}', '/credHelpers/registry.example must be a string, not 5'],
    ['{"credsStore":{}}', '/credsStore must be a string, not an object'],
    ['[]', 'the document must be an object, not a list'],
    ['{', 'it is not valid JSON'],
  ])('is refused with its path if it is %s', (text, problem) => {
    write(text);
    const path = join(directory, 'config.json');
    expect(thrown(find)).toMatchObject({
      code: 'registry.credentials',
      message: `unable to use the credentials in ${path}: ${problem}`,
      path,
    });
  });

  it.each(['null', '{"Username":5}', '[]'])('names the helper that answers with %s', answer => {
    write('{"credsStore":"odd"}');
    const program = join(directory, 'docker-credential-odd');
    writeFileSync(program, `#!/bin/sh\ncat >/dev/null\necho '${answer}'\n`);
    chmodSync(program, 0o755);
    vi.stubEnv('PATH', `${directory}:${process.env['PATH']}`);
    expect(thrown(find)).toMatchObject({
      code: 'registry.credentials',
      message: expect.stringContaining('the answer of docker-credential-odd is not valid: '),
    });
  });
});
