// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { validPart } from '../../../src/inspect/valid-part.ts';
import { checkConfig } from '../../../src/validate/check.ts';
import { configWith } from '../validate/config.ts';

function part(change: Parameters<typeof configWith>[0]) {
  const { draft, problems } = checkConfig(configWith(change));
  expect(problems).not.toEqual([]);
  return validPart(draft, problems);
}

it('omits entries with problems, and returns the original pointers of the others', () => {
  const sound = part(it =>
    Object.assign(it, {
      hostname: 7,
      mounts: [
        { destination: '/a', type: 'tmpfs' },
        { destination: '', type: 'tmpfs' },
        { destination: '/b', source: '/tmp', options: ['bind', 'tea', 'ro'] },
        { destination: '/c', type: 'tmpfs', options: ['size=1m'] },
      ],
    }),
  );
  expect(sound?.config.mounts?.map(({ destination }) => destination)).toEqual(['/a', '/c']);
  expect(sound?.config.hostname).toBeUndefined();
  expect(sound?.original('/mounts/1/options/0')).toBe('/mounts/3/options/0');
  expect(sound?.original('/mounts/0')).toBe('/mounts/0');
  expect(sound?.original('/process/args/0')).toBe('/process/args/0');
});

it('has a default process if that of the config is invalid', () => {
  const sound = part(it => Object.assign(it.process, { args: [], cwd: 'tea' }));
  expect(sound?.config.process).toMatchObject({ args: [], cwd: '/' });
});

it.each<[string, (it: { root?: unknown }) => unknown]>([
  ['no root', it => delete it.root],
  ['a root without a path', it => Object.assign(it, { root: {} })],
  ['a root of the wrong type', it => Object.assign(it, { root: 'rootfs' })],
])('is undefined if the config has %s', (_, change) => {
  expect(part(it => void change(it as { root?: unknown }))).toBeUndefined();
});
