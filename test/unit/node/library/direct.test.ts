// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { buildImage } from '../../../../src/node/library/build.ts';
import type { CommandStreams } from '../../../../src/node/library/command.ts';
import * as containers from '../../../../src/node/library/image-containers.ts';
import * as images from '../../../../src/node/library/images.ts';
import * as networks from '../../../../src/node/library/networks.ts';
import * as system from '../../../../src/node/library/system.ts';
import * as volumes from '../../../../src/node/library/volumes.ts';

/** The words of each command that a call has run, and the outputs of the next commands. */
const { commands, outputs } = vi.hoisted(() => ({ commands: [] as string[], outputs: [] as string[] }));

vi.mock('../../../../src/node/library/command.ts', async original => {
  const run = async (_: unknown, words: readonly string[], { onLine }: CommandStreams = {}) => {
    commands.push(words.join(' '));
    const output = outputs.shift() ?? '';
    for (const line of output.split('\n')) if (line !== '') onLine?.(line);
    return output;
  };
  return {
    ...(await original<object>()),
    runCommand: run,
    readCommand: async (options: unknown, words: readonly string[]) =>
      JSON.parse((await run(options, words)) || 'null'),
    readLines: async (options: unknown, words: readonly string[]) =>
      (await run(options, words))
        .split('\n')
        .filter(line => line !== '')
        .map(line => JSON.parse(line)),
  };
});

beforeEach(() => {
  commands.length = 0;
  outputs.length = 0;
});

/** Runs a call whose commands print the outputs; returns its result and the commands. */
async function called(call: () => Promise<unknown>, ...printed: readonly string[]) {
  outputs.push(...printed);
  const result = await call();
  return { result, commands: [...commands] };
}

const web = new containers.ImageContainer({ root: '/r' }, 'web');

describe('a call becomes a command, and its output a result', () => {
  it.each<[string, () => Promise<unknown>, readonly string[], unknown, readonly string[]]>([
    ['images.push', () => images.push('a:1'), ['push done\n'], undefined, ['image push -- a:1']],
    ['images.list', () => images.list('a'), ['[1]'], [1], ['image ls --format=json -- a']],
    ['images.inspect', () => images.inspect('-x'), ['[{"Id":"1"}]'], { Id: '1' }, ['image inspect -- -x']],
    ['images.history', () => images.history('a'), ['[]'], [], ['image history --format=json -- a']],
    ['images.tag', () => images.tag('a', 'b'), [], undefined, ['image tag -- a b']],
    [
      'images.remove',
      () => images.remove('a', { force: true }),
      ['Untagged: a:latest\nDeleted: sha256:1\n'],
      { untagged: ['a:latest'], deleted: ['sha256:1'] },
      ['image rm --force -- a'],
    ],
    [
      'images.prune',
      () => images.prune({ all: true, filter: ['label=a'] }),
      ['Deleted: sha256:1\n'],
      { untagged: [], deleted: ['sha256:1'] },
      ['image prune --all --filter=label=a'],
    ],
    ['images.load', () => images.load('f'), ['a\nb\n'], ['a', 'b'], ['image load --quiet --input=f']],
    ['images.save', () => images.save(['a', 'b'], 'f'), [], undefined, ['image save --output=f -- a b']],
    [
      'volumes.create',
      () => volumes.create({ name: 'v', label: { a: 'b' } }),
      ['v\n', '[{"Name":"v"}]'],
      { Name: 'v' },
      ['volume create --label=a=b -- v', 'volume inspect -- v'],
    ],
    [
      'volumes.list',
      () => volumes.list({ dangling: true }),
      ['v\n'],
      ['v'],
      ['volume ls --quiet --dangling'],
    ],
    ['volumes.remove', () => volumes.remove('v', { force: true }), [], undefined, ['volume rm --force -- v']],
    ['volumes.prune', () => volumes.prune({ all: true }), ['v\n'], ['v'], ['volume prune --all']],
    [
      'networks.create',
      () => networks.create({ name: 'n', subnet: ['10.0.0.0/24'], noIpv6: true }),
      ['', '[{"name":"n"}]'],
      { name: 'n' },
      ['network create --subnet=10.0.0.0/24 --no-ipv6 -- n', 'network inspect -- n'],
    ],
    ['networks.list', () => networks.list(), ['[]'], [], ['network ls --format=json']],
    ['networks.remove', () => networks.remove('n'), [], undefined, ['network rm -- n']],
    ['networks.prune', () => networks.prune(), ['n\n'], ['n'], ['network prune']],
    ['networks.reload', () => networks.reload(), [], undefined, ['network reload']],
    ['networks.allowForward', () => networks.allowForward(), ['x\n'], ['x'], ['network allow-forward']],
    ['system.info', () => system.info(), ['{"a":1}'], { a: 1 }, ['system info --format=json']],
    ['system.diskUsage', () => system.diskUsage(), ['{"a":1}'], { a: 1 }, ['system df --format=json']],
    [
      'containers.list',
      () => containers.list({ all: true }),
      ['{"ID":"1"}\n'],
      [{ ID: '1' }],
      ['container ls --no-trunc --format=json --all'],
    ],
    [
      'containers.prune',
      () => containers.prune({ filter: ['until=1h'] }),
      ['1\n'],
      ['1'],
      ['container prune --filter=until=1h'],
    ],
    ['start', () => web.start(), [], undefined, ['container start -- web']],
    ['restart', () => web.restart({ stopTimeout: 3 }), [], undefined, ['container restart --time=3 -- web']],
    ['stop', () => web.stop({ stopTimeout: 3 }), [], undefined, ['container stop --time=3 -- web']],
    ['wait', () => web.wait(), ['7\n'], { status: 7 }, ['container wait -- web']],
    ['inspect', () => web.inspect(), ['[{"Id":"1"}]'], { Id: '1' }, ['container inspect -- web']],
    [
      'top',
      () => web.top(['-o', 'pid,args']),
      ['PID ARGS\n1 sleep 10\n'],
      { titles: ['PID', 'ARGS'], processes: [['1', 'sleep 10']] },
      ['container top web -o pid,args'],
    ],
    [
      'commit',
      () => web.commit({ name: 'i', pause: false, author: 'me' }),
      ['sha256:1\n', '[{"Id":"sha256:1"}]'],
      { Id: 'sha256:1' },
      ['container commit --author=me --pause=false -- web i', 'image inspect -- sha256:1'],
    ],
    [
      'diff',
      () => web.diff(),
      ['A /a\nC /b\nD /c\n'],
      [
        { kind: 'added', path: '/a' },
        { kind: 'changed', path: '/b' },
        { kind: 'deleted', path: '/c' },
      ],
      ['container diff -- web'],
    ],
    ['delete', () => web.delete({ force: true }), [], undefined, ['container rm --force -- web']],
    [
      'the end of its scope',
      () => web[Symbol.asyncDispose](),
      [],
      undefined,
      ['container rm --force --volumes -- web'],
    ],
    [
      'volumes.inspect',
      () => volumes.inspect('v'),
      ['[{"Name":"v"}]'],
      { Name: 'v' },
      ['volume inspect -- v'],
    ],
    ['copyTo', () => web.copyTo('/a', '/b'), [], undefined, ['container cp -- /a web:/b']],
    ['copyFrom', () => web.copyFrom('/b', '/a'), [], undefined, ['container cp -- web:/b /a']],
    ['rename', () => web.rename('other'), [], undefined, ['container rename -- web other']],
    [
      'setLimits',
      () => web.setLimits({ memory: 4096 }),
      [],
      undefined,
      ['container update --memory=4096 -- web'],
    ],
    [
      'setRestartPolicy',
      () => web.setRestartPolicy('always'),
      [],
      undefined,
      ['container update --restart=always -- web'],
    ],
    ['checkHealth', () => web.checkHealth(), ['healthy\n'], 'healthy', ['container healthcheck -- web']],
  ])('%s', async (_, call, printed, result, words) => {
    expect(await called(call, ...printed)).toEqual({ result, commands: words });
  });

  it('images.pull, which reports each layer', async () => {
    const seen: unknown[] = [];
    const onProgress = (progress: unknown): void => void seen.push(progress);
    const printed = ['Pulling from library/a\n0123456789ab: Pull complete\n', '[{"Id":"1"}]'];
    const done = await called(() => images.pull('a', { platform: 'linux/arm64', onProgress }), ...printed);
    expect(done).toEqual({
      result: { Id: '1' },
      commands: ['image pull --platform=linux/arm64 -- a', 'image inspect -- a'],
    });
    expect(seen).toEqual([
      { state: 'Pulling from library/a' },
      { layer: '0123456789ab', state: 'Pull complete' },
    ]);
  });

  it('buildImage, which reports each step', async () => {
    const events: unknown[] = [];
    const onEvent = (event: unknown): void => void events.push(event);
    const lines = [
      'Step 1/2 : FROM a',
      ' ---> Using cache',
      ' ---> 0123456789ab',
      'text',
      'Successfully built 0123456789ab',
      'Successfully tagged x:latest',
    ];
    const build = () => buildImage({ context: '.', tag: 'x', buildArg: { A: '1' }, onEvent });
    const done = await called(build, lines.join('\n'), '[{"Id":"1"}]');
    expect(done).toEqual({
      result: { Id: '1' },
      commands: ['image build --build-arg=A=1 --tag=x -- .', 'image inspect -- 0123456789ab'],
    });
    expect(events).toEqual([
      { kind: 'step', step: 1, of: 2, instruction: 'FROM a' },
      { kind: 'cached' },
      { kind: 'output', stream: 'stdout', line: 'text' },
    ]);
  });

  it('buildImage fails if the command prints no image', async () => {
    await expect(buildImage({ context: '.' })).rejects.toMatchObject({ code: 'internal' });
  });

  it('containers.get, with the whole id', async () => {
    const { result, commands: words } = await called(() => containers.get('web'), '[{"Id":"0123"}]');
    expect([(result as containers.ImageContainer).id, words]).toEqual(['0123', ['container inspect -- web']]);
  });

  it('containers.launch, which removes a container that does not start', async () => {
    const controller = new AbortController();
    controller.abort(new Error('enough'));
    outputs.push('45\n');
    await expect(containers.launch({ image: 'a', signal: controller.signal })).rejects.toThrow('enough');
    expect(commands).toEqual(['container create -- a', 'container rm --force --volumes -- 45']);
  });

  it('containers.create and launch, with an image that is never an option', async () => {
    const options = { image: '--privileged', args: ['-x'], name: 'web', healthTimeout: 1500 };
    const made = await called(() => containers.create(options), '0123\n');
    expect([(made.result as containers.ImageContainer).id, made.commands]).toEqual([
      '0123',
      ['container create --name=web --health-timeout=1500ms -- --privileged -x'],
    ]);
    commands.length = 0;
    await called(() => containers.launch({ image: 'a' }), '45\n');
    expect(commands).toEqual(['container create -- a', 'container start -- 45']);
  });
});
