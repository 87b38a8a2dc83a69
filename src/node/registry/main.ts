// SPDX-License-Identifier: Apache-2.0
import { writeSync } from 'node:fs';
import type { WriteStream } from 'node:tty';
import { toRuntimeError } from '../../errors/system.ts';
import type { OnlineAnswer, OnlineRequest } from '../../image/online.ts';
import { parsePlatform } from '../../image/platform.ts';
import { parseReference } from '../../image/reference.ts';
import { loadBinding } from '../binding.ts';
import { RegistryClient } from './client.ts';
import { findCredentials } from './credentials.ts';
import { login, logout } from './login.ts';
import { Progress } from './progress.ts';
import { pull } from './pull.ts';
import { endpointsOf, settingsPath } from './settings.ts';

/** The program that tsubo starts for all that needs HTTP (src/image/online.ts). It returns its result on this descriptor. */
const resultFd = 3;

async function perform(request: OnlineRequest): Promise<OnlineAnswer> {
  const settings = process.env['TSUBO_SETTINGS'] || settingsPath;
  switch (request.action) {
    case 'login':
      await login({ ...request, settings });
      return {};
    case 'logout':
      logout(request.registry);
      return {};
    case 'pull': {
      const reference = parseReference(request.reference);
      const { registry } = reference;
      const progress = new Progress(
        (request.output === 2 ? process.stderr : process.stdout) as WriteStream,
        request.quiet,
      );
      const client = new RegistryClient({
        registry,
        endpoints: endpointsOf(registry, settings),
        credentials: findCredentials,
        notice: message => progress.line(message),
      });
      const platform = request.platform === undefined ? undefined : parsePlatform(request.platform);
      const store = { binding: loadBinding(), directory: request.directory };
      return pull({ store, reference, platform, client, progress });
    }
  }
}

async function main(): Promise<void> {
  let answer: OnlineAnswer;
  try {
    answer = await perform(JSON.parse(process.argv[2] ?? '') as OnlineRequest);
  } catch (error) {
    answer = { error: toRuntimeError(error).fields() };
    process.exitCode = 1;
  }
  writeSync(resultFd, JSON.stringify(answer));
}

// A connection that is kept open must not keep the process.
main().finally(() => process.exit());
