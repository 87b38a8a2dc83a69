// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AttachOptions } from '../../src/direct/attach.ts';
import type { Companions } from './companions.ts';
import { helperProgram } from './inside.ts';
import { type Running, type Sandbox, until } from './sandbox.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

export interface Attached extends Running {
  /** The end of the connection; undefined while it lasts. */
  end(): Record<string, unknown> | undefined;
}

let client: string | undefined;

/** The program test/helpers/kept-client.ts, bundled into the sandbox's directory. */
function clientProgram(sandbox: Sandbox): string {
  if (client !== undefined && existsSync(client)) return client;
  const esbuild = createRequire(import.meta.url)('esbuild') as typeof import('esbuild');
  client = join(sandbox.dir, 'kept-client.cjs');
  esbuild.buildSync({
    entryPoints: [join(repository, 'test/helpers/kept-client.ts')],
    bundle: true,
    platform: 'node',
    outfile: client,
  });
  return client;
}

/** Attaches a process to a kept container, and waits until it is connected. */
export async function attached(
  sandbox: Sandbox,
  companions: Companions,
  directory: string,
  options: Partial<AttachOptions> & Partial<Record<'removes' | 'clears' | 'onTerminal', boolean>> = {},
): Promise<Attached> {
  const report = sandbox.fresh('report');
  const { onTerminal = false, ...rest } = options;
  const wanted = { terminal: onTerminal, stdin: true, closeStdin: true, ...rest };
  const command = [
    process.execPath,
    clientProgram(sandbox),
    join(repository, 'build/Release/tsubo.node'),
    ...[directory, report, JSON.stringify(wanted)],
  ];
  const [file = '', ...args] = onTerminal
    ? [helperProgram('terminal'), 'run', '30', '90', ...command]
    : command;
  const running = companions.watch(spawn(file, args));
  const lines = (): string[] => (existsSync(report) ? readFileSync(report, 'utf8').split('\n') : []);
  await until('the client is attached', () => lines().length > 1 || running.child.exitCode !== null);
  return {
    ...running,
    end: () => {
      const last = lines().at(-2);
      return last?.startsWith('{') === true ? (JSON.parse(last) as Record<string, unknown>) : undefined;
    },
  };
}
