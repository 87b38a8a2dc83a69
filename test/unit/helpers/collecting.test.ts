// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';

/** The result of the call, or the message of its error. */
function outcome(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return (error as Error).message;
  }
}

const refusal = 'programs must not start during collection: use beforeAll';

describe.runIf(!process.env['TSUBO_RUNTIME'])('a program', () => {
  const atCollection = [outcome(() => execFileSync('true')), outcome(() => spawnSync('true'))];

  test('is refused during collection', () => {
    expect(atCollection).toEqual([`execFileSync true: ${refusal}`, `spawnSync true: ${refusal}`]);
  });

  test('starts in a test', () => {
    expect(execFileSync(process.execPath, ['-p', '6 * 7'], { encoding: 'utf8' })).toBe('42\n');
  });
});
