// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../../errors/error.ts';
import { runOnline } from '../../image/online.ts';
import { defaultRegistry, parseReference } from '../../image/reference.ts';
import type { CommandModule } from '../command.ts';

export const login: CommandModule = {
  name: 'login',
  summary: 'log in to a registry, and store the credentials',
  example: [
    'tsubo login registry.example',
    'tsubo login --username me --password-stdin registry.example < password.txt',
  ],
  failurePrefix: 'login failed: ',
  define(command) {
    command
      .argument('[registry]', 'HOST or HOST:PORT (default: docker.io)')
      .option('-u, --username <name>', 'the name of the account')
      .option('-p, --password <text>', 'the password, which other users can see in the list of processes')
      .option('--password-stdin', 'read the password from standard input');
  },
  run({ runtime }, [registry], options) {
    const { username, password } = options;
    const passwordStdin = options['passwordStdin'] === true;
    if (passwordStdin && password !== undefined) {
      throw new RuntimeError({
        code: 'usage.arguments',
        message: 'the password is given twice: --password and --password-stdin',
        hint: 'use one of them',
      });
    }
    runOnline(runtime.binding, {
      action: 'login',
      registry: registryName(registry),
      ...(typeof username === 'string' && { username }),
      ...(typeof password === 'string' && { password }),
      passwordStdin,
    });
    return 0;
  },
};

/** @throws RuntimeError `image.reference` */
export function registryName(text: string | undefined): string {
  if (text === undefined || text === defaultRegistry) return defaultRegistry;
  const host = text.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  // A name without a dot or a port is a registry here, not a repository.
  const isBare = /^[a-z0-9-]+$/i.test(host);
  return isBare ? host : parseReference(`${host}/name`).registry;
}
