// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { signalName, signalNumber } from '../../../src/lifecycle/signals.ts';
import { thrown } from '../../helpers/fake-machine.ts';

describe('a signal', () => {
  it.each([
    ['15', 15],
    ['0', 0],
    ['64', 64],
    ['TERM', 15],
    ['SIGTERM', 15],
    ['sigkill', 9],
    ['hup', 1],
    ['Usr1', 10],
    ['RTMIN', 34],
    ['SIGRTMIN+3', 37],
    ['rtmax-1', 63],
  ])('%s is number %d', (text, number) => {
    expect(signalNumber(text)).toBe(number);
  });

  it.each(['', '-9', '65', '9x', 'SIG', 'NOPE', 'SIGSIGTERM', '1.5', 'RTMIN+31', 'RTMIN-1', 'RTMAX+1'])(
    '%j is refused',
    text => {
      expect(thrown(() => signalNumber(text))).toMatchObject({
        code: 'usage.signal',
        message: `unknown signal ${JSON.stringify(text)}`,
      });
    },
  );

  it.each([
    ['SIGKIL', 'did you mean KILL?'],
    ['trem', 'did you mean TERM?'],
    ['99', 'use a number from 0 to 64, or a name such as TERM, SIGKILL, hup, RTMIN+3'],
  ])('misspelt as %s is answered with a hint', (text, hint) => {
    expect(thrown(() => signalNumber(text))).toMatchObject({ hint });
  });

  it('has a name', () => {
    expect([signalName(9), signalName(17), signalName(40)]).toEqual(['SIGKILL', 'SIGCHLD', 'signal 40']);
  });
});
