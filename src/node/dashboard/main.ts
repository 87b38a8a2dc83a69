// SPDX-License-Identifier: Apache-2.0
import { writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isMainThread, workerData } from 'node:worker_threads';
import type { DashboardRequest } from '../../cli/commands/dashboard.ts';
import { version } from '../../cli/version.ts';
import { toRuntimeError } from '../../errors/system.ts';
import { isMachineRoot } from '../../host/privilege.ts';
import { imageStore } from '../../image/blobs.ts';
import { loadBinding, packageDirectory } from '../binding.ts';
import { readAssets } from './assets.ts';
import { runCommand, wordsOf } from './commands.ts';
import { Live } from './live.ts';
import { sendLogs } from './logs.ts';
import { Reader } from './reader.ts';
import { startServer } from './server.ts';
import { openShell } from './shell.ts';
import { serveThread, type ThreadSettings } from './thread.ts';

/** The program dist/dashboard.cjs. `tsubo dashboard` starts it, and reads its failure from this descriptor. */
const resultFd = 3;

async function serve({ port, root, systemdCgroup, command }: DashboardRequest): Promise<void> {
  const binding = loadBinding();
  const settings: ThreadSettings = { root, systemdCgroup };
  const reader = new Reader(process.argv[1] ?? '', settings);
  const live = new Live({
    collect: () => reader.collect(),
    data: imageStore(binding).directory,
    fixed: { version, host: hostname(), rootless: !isMachineRoot(binding) },
  });
  const dashboard = await startServer(port, {
    assets: readAssets(join(packageDirectory(), 'dist/dashboard')),
    act: async (action, id) => {
      const error = await runCommand(command, wordsOf(action, id));
      live.changed();
      return error;
    },
    live: socket => live.add(socket),
    logs: (socket, id) => sendLogs(socket, command, id),
    shell: (socket, id) =>
      openShell(socket, id, { ...settings, requireRunning: wanted => reader.requireRunning(wanted) }),
  });
  process.stdout.write(
    `Open this address in a browser on this machine; it works once:\n\n  ${dashboard.url}\n\n`,
  );
  await new Promise<void>(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  live.close();
  await dashboard.close();
}

async function main(): Promise<void> {
  try {
    await serve(JSON.parse(process.argv[2] ?? '') as DashboardRequest);
  } catch (error) {
    process.exitCode = 1;
    writeSync(resultFd, JSON.stringify({ error: toRuntimeError(error).fields() }));
  }
}

if (isMainThread) void main().finally(() => process.exit());
else serveThread(workerData as ThreadSettings);
