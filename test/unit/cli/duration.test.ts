// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { durationMs } from '../../../src/cli/duration.ts';
import { thrown } from '../../helpers/fake-machine.ts';

describe('a duration', () => {
  it.each([
    ['5s', 5000],
    ['100ms', 100],
    ['1m30s', 90_000],
    ['0.5h', 1_800_000],
    ['.25s', 250],
    ['+1s', 1000],
    ['3us', 1],
    ['1.s', 1000],
  ])('%s', (text, ms) => {
    expect(durationMs('interval', text)).toBe(ms);
  });

  it('that is a bare number is refused with an example of a unit', () => {
    expect(thrown(() => durationMs('interval', '5'))).toMatchObject({
      code: 'usage.bad-value',
      message: 'invalid value "5" for --interval: a unit is missing, such as 5s',
    });
  });

  it.each(['', 's', '1d', '1s ', '1.2.3s', '--1s', 'soon', '1s-1s'])('is refused: %j', text => {
    const error = thrown(() => durationMs('interval', text));
    expect(error['code']).toBe('usage.bad-value');
    expect(error['message']).toBe(`invalid value ${JSON.stringify(text)} for --interval`);
  });

  it.each(['0', '0s', '-5s', '-0'])('must be positive: %j', text => {
    expect(thrown(() => durationMs('interval', text))['message']).toBe(
      `invalid value ${JSON.stringify(text)} for --interval: must be greater than 0`,
    );
  });
});
