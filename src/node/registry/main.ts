// SPDX-License-Identifier: Apache-2.0
import { writeSync } from 'node:fs';
import type { WriteStream } from 'node:tty';
import { toRuntimeError } from '../../errors/system.ts';
import type { ImageStore } from '../../image/blobs.ts';
import { unpackedLayers } from '../../image/layers.ts';
import type { OnlineAnswer, OnlineRequest } from '../../image/online.ts';
import { parsePlatform } from '../../image/platform.ts';
import { parseReference } from '../../image/reference.ts';
import { loadBinding } from '../binding.ts';
import { RegistryClient } from './client.ts';
import { findCredentials } from './credentials.ts';
import { inflate, inflateCommand, inflateWord } from './inflate.ts';
import { login, logout } from './login.ts';
import { Progress } from './progress.ts';
import { pull } from './pull.ts';
import { push } from './push.ts';
import { endpointsOf, settingsPath } from './settings.ts';
import type { UnpackRequest } from './unpack-ahead.ts';

/** The program that tsubo starts for HTTP requests (src/image/online.ts) returns its result on this descriptor. */
const resultFd = 3;

async function perform(request: OnlineRequest | UnpackRequest): Promise<OnlineAnswer> {
  const settings = process.env['TSUBO_SETTINGS'] || settingsPath;
  switch (request.action) {
    case 'login':
      await login({ ...request, settings });
      return {};
    case 'unpack':
      unpackedLayers(storeIn(request.directory), request);
      return {};
    case 'logout':
      logout(request.registry);
      return {};
    case 'pull':
    case 'push': {
      const reference = parseReference(request.reference);
      const { registry } = reference;
      const progress = new Progress(
        (request.output === 2 ? process.stderr : process.stdout) as WriteStream,
        request.quiet,
        request.action === 'pull' ? 'Downloading' : 'Pushing',
      );
      const client = new RegistryClient({
        registry,
        endpoints: endpointsOf(registry, settings),
        credentials: findCredentials,
        notice: message => progress.line(message),
      });
      if (request.action === 'push')
        return push({ store: storeIn(request.directory), reference, client, progress });
      const platform = request.platform === undefined ? undefined : parsePlatform(request.platform);
      return pull({ store: storeIn(request.directory), reference, platform, client, progress });
    }
  }
}

function storeIn(directory: string): ImageStore {
  return { binding: loadBinding(), directory, inflate: inflateCommand() };
}

async function main(): Promise<void> {
  if (process.argv[2] === inflateWord) return inflate();
  let answer: OnlineAnswer;
  try {
    answer = await perform(JSON.parse(process.argv[2] ?? '') as OnlineRequest | UnpackRequest);
  } catch (error) {
    answer = { error: toRuntimeError(error).fields() };
    process.exitCode = 1;
  }
  writeSync(resultFd, JSON.stringify(answer));
}

// Exit explicitly, because an open connection would keep the process running.
main().finally(() => process.exit());
