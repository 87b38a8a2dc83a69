// SPDX-License-Identifier: Apache-2.0
import { runOnline } from '../../image/online.ts';
import type { CommandModule } from '../command.ts';
import { registryName } from './login.ts';

export const logout: CommandModule = {
  name: 'logout',
  summary: 'remove the stored credentials for a registry',
  example: ['tsubo logout registry.example'],
  failurePrefix: 'logout failed: ',
  define(command) {
    command.argument('[registry]', 'HOST or HOST:PORT (default: docker.io)');
  },
  run({ runtime }, [registry]) {
    runOnline(runtime.binding, { action: 'logout', registry: registryName(registry) });
    return 0;
  },
};
