// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { modules } from '../../../../src/cli/commands/index.ts';
import { programWords } from '../../../../src/cli/completion/words.ts';
import { optionWords, recordIn } from '../../../../src/node/library/command.ts';
import { calls } from '../../../../src/node/library/option-names.ts';

it.each([
  [{ stopTimeout: 5, name: 'a b' }, ['--stop-timeout=5', '--name=a b']],
  [{ rm: true, init: false, tty: undefined }, ['--rm']],
  [{ publish: ['80:80', '-1'], label: { a: 'b=c' } }, ['--publish=80:80', '--publish=-1', '--label=a=b=c']],
  [{ entrypoint: '', memorySwap: -1 }, ['--entrypoint=', '--memory-swap=-1']],
])('writes the options %j of a command line', (options, words) => {
  expect(optionWords(options)).toEqual(words);
});

it('reads the records of a log, and no other line', () => {
  expect(recordIn('{"code":"image.unknown","path":"/a","level":"error","msg":"none","time":"t"}')).toEqual({
    level: 'error',
    error: expect.objectContaining({ code: 'image.unknown', path: '/a', message: 'none' }),
  });
  for (const line of ['', 'text', '{"a":1}', '{"level":"info","msg":"x"}', '{"level":']) {
    expect(recordIn(line)).toBeUndefined();
  }
});

describe('a function for a command has its options', () => {
  const commands = programWords(modules).commands;
  const common = ['root', 'systemdCgroup', 'log', 'signal'];

  /** Options that a function needs in another form, or always gives. */
  const otherwise: Readonly<Record<string, readonly string[]>> = {
    'container rm': [],
    // Standard input and output belong to the function.
    'image pull': ['quiet'],
    'image push': ['quiet'],
    'image build': ['quiet', 'iidfile'],
    'image prune': ['force'],
    'container prune': ['force'],
    // The function setRestartPolicy has it.
    'container update': ['restart'],
    'image ls': ['quiet', 'format', 'digests', 'noTrunc'],
    'volume ls': ['quiet', 'format'],
    'volume prune': ['force'],
    'container ls': ['quiet', 'format', 'noTrunc', 'latest'],
    'container logs': ['timestamps'],
    'container stop': ['time', 'signal'],
  };

  /** Arguments of the command, functions that are called, and names that differ. */
  const own: Readonly<Record<string, readonly string[]>> = {
    'container create': ['image', 'args'],
    'container commit': ['name'],
    'image build': ['context', 'onEvent'],
    'image pull': ['onProgress'],
    'image push': ['onProgress'],
    'container stop': ['stopTimeout'],
    'volume create': ['name'],
    'network create': ['name'],
  };

  it.each<[string, keyof typeof calls]>([
    ['container create', 'containers.create'],
    ['container ls', 'containers.list'],
    ['container logs', 'logs'],
    ['container commit', 'commit'],
    ['container stop', 'stop'],
    ['container update', 'setLimits'],
    ['container rm', 'deleteImageContainer'],
    ['image build', 'buildImage'],
    ['image pull', 'images.pull'],
    ['image push', 'images.push'],
    ['image ls', 'images.list'],
    ['image rm', 'images.remove'],
    ['image prune', 'images.prune'],
    ['container prune', 'containers.prune'],
    ['volume create', 'volumes.create'],
    ['volume ls', 'volumes.list'],
    ['volume rm', 'volumes.remove'],
    ['volume prune', 'volumes.prune'],
    ['network create', 'networks.create'],
    ['checkpoint', 'checkpoint'],
  ])('%s: %s', (name, call) => {
    const command = commands.find(one => one.name === name);
    const without = (names: readonly string[], left: readonly string[] = []) =>
      names.filter(one => !left.includes(one)).sort();
    const declared = (command?.options ?? [])
      .map(({ names }) => names.at(-1) ?? '')
      .filter(long => long !== '--help')
      .map(long => long.slice(2).replace(/-[a-z0-9]/g, ([, letter = '']) => letter.toUpperCase()));
    // The network of a checkpoint is never kept.
    const unused = name === 'checkpoint' ? ['emptyNs'] : (otherwise[name] ?? []);
    expect(without(Object.keys(calls[call]), [...common, ...(own[name] ?? [])])).toEqual(
      without(declared, unused),
    );
  });
});
