// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
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

function clientCommand(sandbox: Sandbox, operation: string, directory: string, options: object): string[] {
  const addon = join(repository, 'build/Release/tsubo.node');
  return [process.execPath, clientProgram(sandbox), addon, operation, directory, JSON.stringify(options)];
}

/** Starts test/helpers/kept-client.ts. With `merge`, both streams go to one pipe. */
export function keptClient(
  sandbox: Sandbox,
  operation: 'attach' | 'logs' | 'start',
  directory: string,
  options: object,
  how: Partial<Record<'onTerminal' | 'merge' | 'inView', boolean>> = {},
): ChildProcess {
  const command = clientCommand(sandbox, operation, directory, options);
  if (how.inView === true) return sandbox.view.spawn(command);
  const before = [
    ...(how.onTerminal === true ? [helperProgram('terminal'), 'run', '30', '90'] : []),
    ...(how.merge === true ? ['/bin/sh', '-c', 'exec "$@" 2>&1', 'sh'] : []),
  ];
  const [file = '', ...args] = [...before, ...command];
  return spawn(file, args);
}

/** The log of a container as latin1 text, or with `form` the hexadecimal digest of its standard output. */
export function logsOf(
  sandbox: Sandbox,
  directory: string,
  options: object = {},
  form: 'text' | 'sha256' = 'text',
): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const command = clientCommand(sandbox, 'logs', directory, options);
  const script = form === 'text' ? 'exec "$@"' : '"$@" | sha256sum | head -c 64';
  const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', script, 'sh', ...command], {
    encoding: 'latin1',
    maxBuffer: 64 << 20,
  });
  return { status, stdout, stderr };
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
  const wanted = { terminal: onTerminal, stdin: true, closeStdin: true, report, ...rest };
  const running = companions.watch(keptClient(sandbox, 'attach', directory, wanted, { onTerminal }));
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
