// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { createContainer, defineConfig, listContainers, planBundle, run } from '../../../../src/index.ts';

/** The error of a call in JavaScript, which the compiler does not check. */
async function failure(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return 'no error';
}

describe('an option that a call does not have', () => {
  const options = (given: object) => given as never;

  it.each([
    ['run', () => run(options({ bundle: '/b', timout: 5 })), 'timout', 'did you mean timeout?'],
    [
      'createContainer',
      () => createContainer(options({ id: 'a', bundel: '/b' })),
      'bundel',
      'did you mean bundle?',
    ],
    [
      'planBundle',
      () => planBundle('/b', options({ offline: true })),
      'offline',
      /^allowed values: root, .*networkConfig$/,
    ],
    [
      'defineConfig',
      () => defineConfig(options({ args: ['x'], memmory: 5 })),
      'memmory',
      'did you mean memory?',
    ],
  ])('is refused by %s, with the one that was meant', async (name, call, value, hint) => {
    expect(await failure(call)).toMatchObject({
      code: 'usage.option',
      message: `${name} has no option ${JSON.stringify(value)}`,
      value,
      hint: typeof hint === 'string' ? hint : expect.stringMatching(hint),
    });
  });

  it.each([
    ['defineConfig', () => defineConfig(options(null as never))],
    ['planBundle', () => planBundle('/b', options(['--network']))],
    ['listContainers', () => listContainers(options(null as never))],
  ])('is refused by %s unless it is in an object', async (name, call) => {
    expect(await failure(call)).toMatchObject({
      code: 'usage.option',
      message: `the options of ${name} must be an object`,
      hint: expect.stringMatching(/^give an object with options such as \w+, \w+, \w+$/),
    });
  });
});
