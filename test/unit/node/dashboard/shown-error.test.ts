// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { errorIn, failureIn, wordsOf } from '../../../../src/node/dashboard/commands.ts';
import { shownError } from '../../../../src/node/dashboard/shown-error.ts';

test('an error of a command is shown with the lines that a terminal gets', () => {
  const record = {
    level: 'error',
    msg: 'unable to mount proc (config.json:3:5 /mounts/0)',
    time: '2026-01-01T00:00:00Z',
    code: 'container.syscall',
    hint: 'add the option nosuid',
    pointer: '/mounts/0',
    line: 3,
    column: 5,
    syscall: 'fsmount',
    errnoName: 'EPERM',
    value: 'proc, \u001b[2J',
  };
  const warning = { level: 'warning', msg: 'first', time: '2026-01-01T00:00:00Z' };
  const text = `${JSON.stringify(warning)}\nof the container\n${JSON.stringify(record)}\n`;
  expect(failureIn(text)).toEqual({
    code: 'container.syscall',
    message: 'unable to mount proc',
    details: [
      { label: 'at', text: 'config.json:3:5 /mounts/0' },
      { label: 'hint', text: 'add the option nosuid' },
      { label: 'kernel', text: 'fsmount(2): EPERM' },
      { label: 'value', text: 'proc, \\u001b[2J' },
    ],
  });
  expect(failureIn(JSON.stringify(warning))).toBeUndefined();
  expect(errorIn('{"level":"error"')).toBeUndefined();
});

test('an error without further fields is shown with its message alone', () => {
  expect(
    shownError({ code: 'direct.no-container', message: 'No such container: web', value: 'web' }),
  ).toEqual({
    code: 'direct.no-container',
    message: 'No such container: web',
    details: [],
  });
});

test('each action is a command of the command line', () => {
  expect(wordsOf('stop', 'ab')).toEqual(['container', 'stop', 'ab']);
  expect(wordsOf('remove', 'ab')).toEqual(['container', 'rm', '--force', 'ab']);
});
