// SPDX-License-Identifier: Apache-2.0
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { RuntimeError } from '../../errors/error.ts';
import { RegistryClient } from './client.ts';
import { type Credentials, eraseCredentials, storeCredentials } from './credentials.ts';
import { endpointsOf } from './settings.ts';

export interface Login {
  readonly registry: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly passwordStdin: boolean;
  readonly settings: string;
}

/** Checks the credentials with the registry, and stores them. */
export async function login({ registry, username, password, passwordStdin, settings }: Login): Promise<void> {
  const name = username ?? (await ask('Username: ', passwordStdin, false));
  const secret = passwordStdin ? await standardInput() : (password ?? (await ask('Password: ', false, true)));
  if (name === '' || secret === '') {
    const missing = name === '' ? 'username' : 'password';
    throw new RuntimeError({
      code: 'usage.arguments',
      message: `the ${missing} is empty`,
      hint: 'give --username, and --password-stdin with the password on standard input',
    });
  }
  const credentials: Credentials = { username: name, password: secret };
  const client = new RegistryClient({
    registry,
    endpoints: endpointsOf(registry, settings).filter(({ isMirror }) => !isMirror),
    credentials: () => credentials,
    notice: message => process.stderr.write(`${message}\n`),
  });
  await client.ping();
  const file = storeCredentials(registry, credentials);
  if (file !== undefined) {
    process.stderr.write(
      `WARNING! The password is stored unencrypted in ${file}. A credential helper prevents it.\n`,
    );
  }
  process.stdout.write('Login Succeeded\n');
}

export function logout(registry: string): void {
  const erased = eraseCredentials(registry);
  process.stdout.write(
    erased ? `Removing login credentials for ${registry}\n` : `Not logged in to ${registry}\n`,
  );
}

async function standardInput(): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of process.stdin) pieces.push(piece as Buffer);
  return Buffer.concat(pieces)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}

/**
 * Asks on the terminal; the answer to a hidden question is not shown.
 *
 * @param isInputUsed - standard input has the password
 */
async function ask(question: string, isInputUsed: boolean, hidden: boolean): Promise<string> {
  if (isInputUsed || !process.stdin.isTTY) {
    throw new RuntimeError({
      code: 'usage.arguments',
      message: `${question.startsWith('U') ? 'no username is' : 'no password is'} given, and standard input is not a terminal`,
      hint: 'give --username, and --password-stdin with the password on standard input',
    });
  }
  process.stderr.write(question);
  const output = new Writable({
    write: (piece, encoding, done) => {
      if (!hidden) process.stderr.write(piece, encoding);
      done();
    },
  });
  const reader = createInterface({ input: process.stdin, output, terminal: true });
  // Ctrl-C is a byte here, because readline has set the terminal to raw mode.
  reader.on('SIGINT', () => {
    reader.close();
    process.kill(process.pid, 'SIGINT');
  });
  const answer = await new Promise<string>(resolve => {
    reader.on('line', resolve);
    reader.on('close', () => resolve(''));
  });
  reader.close();
  if (hidden) process.stderr.write('\n');
  return answer;
}
