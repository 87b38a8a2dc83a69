// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  Criu,
  causeInLog,
  criuFailure,
  findCriu,
  type Notification,
} from '../../../src/criu/conversation.ts';
import { Fields } from '../../../src/criu/protobuf.ts';
import { FakeMachine } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
beforeEach(() => {
  machine = new FakeMachine();
});
afterEach(() => machine.dispose());

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
/** NOTIFY with the script network-lock, DUMP that has succeeded, DUMP that has failed with EBUSY and `busy`. */
const networkLock = bytes('080610012a0e0a0c6e6574776f726b2d6c6f636b');
const success = bytes('08011001');
const failure = bytes('0801100038104a0462757379');

function perform(onNotify: (notification: Notification) => void): void {
  const criu = new Criu(machine.binding, '/criu', { fds: [], mountpoint: '', keyring: '' });
  try {
    criu.perform({ type: 'dump', options: { imagesDirFd: 7 } }, onNotify, response =>
      criuFailure('unable to checkpoint', '/image/dump.log', response),
    );
  } finally {
    const process = machine.processes.get(criu.pid);
    if (process !== undefined) process.state = 'Z';
    criu.end();
    criu.end();
  }
}

test('answers each notification after its work is done, and returns with the response', () => {
  machine.answers.push(networkLock, networkLock, success);
  const seen: number[] = [];
  perform(({ script }) => {
    expect(script).toBe('network-lock');
    seen.push(machine.requests.length);
  });
  expect(seen).toEqual([1, 2]);
  const [request, ...answers] = machine.requests.map(message => new Fields(message));
  expect(request?.message(2)?.number(1)).toBe(7);
  expect(answers.map(answer => [answer.number(1), answer.boolean(3)])).toEqual([
    [6, true],
    [6, true],
  ]);
  expect(machine.openPidfds).toBe(0);
});

test('does not answer a notification whose work has failed', () => {
  machine.answers.push(networkLock);
  expect(() =>
    perform(() => {
      throw new Error('a hook has failed');
    }),
  ).toThrow('a hook has failed');
  expect(machine.requests).toHaveLength(1);
  expect(machine.openPidfds).toBe(0);
});

test('names the cause and the log of a failure', () => {
  machine.answers.push(failure);
  expect(() => perform(() => {})).toThrow(
    expect.objectContaining({
      code: 'checkpoint.failed',
      message: 'unable to checkpoint: criu: busy',
      path: '/image/dump.log',
      errnoName: 'EBUSY',
    }),
  );
  expect(criuFailure('x', '/log', { type: 1, success: false, errno: 2 }).message).toBe(
    'x: criu: no such file or directory',
  );
  expect(criuFailure('x', '/log', { type: 1, success: false, errno: 0 }).message).toBe('x: criu failed');
});

test('reports a criu that has exited, also if the request could not be sent', () => {
  machine.trouble.set('send', 32);
  expect(() => perform(() => {})).toThrow('unable to checkpoint: criu exited without a response');
  machine.trouble.set('receiveMessage', 104);
  expect(() => perform(() => {})).toThrow('unable to checkpoint: criu exited without a response');
});

test('is found in PATH, or the error names the package to install', () => {
  expect(() => findCriu({ ...machine.binding, getenv: () => '/nonexistent' })).toThrow(
    expect.objectContaining({ code: 'checkpoint.no-criu', hint: expect.stringContaining('install criu') }),
  );
});

test('takes the first error of the log as the cause, except an error that criu ignores', () => {
  const log = [
    "(00.05) Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted",
    '(00.06) Dumping files',
    '(00.07) Error (criu/files-reg.c:99): Cannot open /x',
    '(00.08) Error (criu/cr-dump.c:2): Dumping FAILED.',
  ].join('\n');
  expect(causeInLog(log)).toBe('Cannot open /x');
  expect(causeInLog('(00.06) Dumping files')).toBeUndefined();
  const response = { type: 1, success: false, errno: 16, message: 'Error (criu/x.c:1): other\n' };
  expect(criuFailure('x', '/log', response, causeInLog(log)).message).toBe('x: criu: Cannot open /x');
  expect(criuFailure('x', '/log', response).message).toBe('x: criu: other');
});
