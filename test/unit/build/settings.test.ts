// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { parseDockerfile } from '../../../src/build/parse.ts';
import { applySetting, environmentOf, withPath } from '../../../src/build/settings.ts';
import type { RuntimeError } from '../../../src/errors/error.ts';
import type { ConfigMembers } from '../../../src/image/new-image.ts';

function after(text: string, config: ConfigMembers = {}): ConfigMembers {
  const { source, instructions } = parseDockerfile(text, 'Dockerfile');
  return instructions.reduce((before, instruction) => {
    const variables = environmentOf(before);
    return applySetting(before, source, instruction, name => variables.get(name)).config;
  }, config);
}

function message(text: string): string {
  try {
    after(text);
  } catch (error) {
    return (error as RuntimeError).message;
  }
  throw new Error('no error');
}

test('a stage has a PATH, its own or the usual one', () => {
  const usual = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  expect(withPath({})).toEqual({ Env: [usual] });
  expect(withPath({ Cmd: ['a'], Env: ['A=1'] })).toEqual({ Cmd: ['a'], Env: ['A=1', usual] });
  expect(withPath({ Env: ['PATH=/bin', 'A=1'] })).toEqual({ Env: ['PATH=/bin', 'A=1'] });
});

describe('an instruction for the config', () => {
  test.each<[string, ConfigMembers, ConfigMembers]>([
    ['CMD a b', {}, { Cmd: ['/bin/sh', '-c', 'a b'] }],
    ['CMD ["a"]', {}, { Cmd: ['a'] }],
    ['SHELL ["bash", "-c"]\nCMD a', {}, { Shell: ['bash', '-c'], Cmd: ['bash', '-c', 'a'] }],
    ['ENTRYPOINT ["a"]', { Cmd: ['b'] }, { Entrypoint: ['a'] }],
    ['ENV A=1 B="$A 2"', { Env: ['A=0', 'C=3'] }, { Env: ['A=1', 'C=3', 'B=0 2'] }],
    ['ENV A some  words', {}, { Env: ['A=some  words'] }],
    ['LABEL a=1 "b c"=2', { Labels: { x: 'y' } }, { Labels: { x: 'y', a: '1', 'b c': '2' } }],
    [
      'EXPOSE 80 53/UDP 8000-8001',
      {},
      { ExposedPorts: { '80/tcp': {}, '53/udp': {}, '8000/tcp': {}, '8001/tcp': {} } },
    ],
    ['VOLUME /a /b\nVOLUME ["/c d"]', {}, { Volumes: { '/a': {}, '/b': {}, '/c d': {} } }],
    ['WORKDIR /a\nWORKDIR b\nWORKDIR ../c', {}, { WorkingDir: '/a/c' }],
    ['USER www:33', {}, { User: 'www:33' }],
    ['STOPSIGNAL SIGQUIT', {}, { StopSignal: 'SIGQUIT' }],
    ['HEALTHCHECK NONE', {}, { Healthcheck: { Test: ['NONE'] } }],
    [
      'HEALTHCHECK --interval=1m30s --timeout=3s --retries=2 CMD ["x"]',
      {},
      { Healthcheck: { Test: ['CMD', 'x'], Interval: 90e9, Timeout: 3e9, Retries: 2 } },
    ],
    ['HEALTHCHECK CMD x || y', {}, { Healthcheck: { Test: ['CMD-SHELL', 'x || y'] } }],
    ['ONBUILD RUN x\nONBUILD COPY . /a', {}, { OnBuild: ['RUN x', 'COPY . /a'] }],
  ])('%j changes %j to %j', (text, before, expected) => {
    expect(after(text, before)).toEqual(expected);
  });

  test.each([
    ['EXPOSE 99999', 'invalid containerPort: 99999'],
    ['EXPOSE 80/icmp', 'invalid containerPort: 80/icmp'],
    ['ENV A', 'ENV must have two arguments'],
    ['ENV A=1 b c', 'ENV has "b", which is not of the form NAME=VALUE'],
    ['SHELL bash', 'SHELL requires the arguments to be in JSON form'],
    ['STOPSIGNAL SIGNONE', 'unknown signal "SIGNONE"'],
    ['HEALTHCHECK --interval=5 CMD x', 'invalid --interval "5"'],
    ['HEALTHCHECK x', 'unknown type "x" in HEALTHCHECK'],
    ['ONBUILD FROM x', "FROM isn't allowed as an ONBUILD trigger"],
    ['ONBUILD ONBUILD RUN x', "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
    ['USER a b', 'USER requires exactly one argument'],
    ['USER --x a', 'USER has no flag --x'],
    ['USER ${A:?unset}', 'failed to process "${A:?unset}": A: unset'],
  ])('%j is refused', (text, expected) => {
    expect(message(text)).toContain(expected);
  });
});
