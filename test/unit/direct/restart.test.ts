// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { nextAttempt, parseRestart } from '../../../src/direct/restart.ts';

test('the delay before a restart doubles up to a minute', () => {
  let attempt = nextAttempt(undefined, undefined, 0);
  const delays = [attempt.delayMs];
  for (let count = 0; count < 11; count++) {
    attempt = nextAttempt(attempt, new Date(attempt.startedMs + 1).toISOString(), attempt.startedMs + 1);
    delays.push(attempt.delayMs);
  }
  expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]);
  expect(attempt.count).toBe(12);
});

test('a run of ten seconds begins the delays again', () => {
  const before = { count: 5, delayMs: 1600, startedMs: 1_000_000 };
  const after = (ms: number) => nextAttempt(before, new Date(before.startedMs + ms).toISOString(), 2_000_000);
  expect(after(9_999)).toEqual({ count: 6, delayMs: 3200, startedMs: 2_003_200 });
  expect(after(10_000)).toEqual({ count: 1, delayMs: 100, startedMs: 2_000_100 });
});

test.each([
  ['no', undefined],
  ['always', { kind: 'always', most: 0 }],
  ['unless-stopped', { kind: 'unless-stopped', most: 0 }],
  ['on-failure', { kind: 'on-failure', most: 0 }],
  ['on-failure:5', { kind: 'on-failure', most: 5 }],
])('the policy %s', (text, expected) => {
  expect(parseRestart(text)).toEqual(expected);
});

test.each(['', 'No', 'always:1', 'on-failure:', 'on-failure:-1', 'on-failure:x'])(
  'the policy %j is refused',
  text => {
    expect(() => parseRestart(text)).toThrow('for --restart');
  },
);
