// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { timestamp, timestampSeconds } from '../../../src/lifecycle/timestamp.ts';

const second = 1_700_000_000_000_000_000n;

it.each([
  [0n, '2023-11-14T22:13:20Z'],
  [120_000_000n, '2023-11-14T22:13:20.12Z'],
  [1n, '2023-11-14T22:13:20.000000001Z'],
  [999_999_999n, '2023-11-14T22:13:20.999999999Z'],
])('a time with %i nanoseconds has them without trailing zeros', (nanoseconds, text) => {
  expect(timestamp(second + nanoseconds)).toBe(text);
  expect(timestampSeconds(second + nanoseconds)).toBe('2023-11-14T22:13:20Z');
});
