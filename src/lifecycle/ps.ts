// SPDX-License-Identifier: Apache-2.0
import { processesOf } from '../cgroup/processes.ts';
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { findProgram } from '../host/find-program.ts';
import { initRuns } from './init-process.ts';
import { warnOfLostKeeper } from './network/keeper.ts';
import { cgroupOf, requireCgroup } from './own-cgroup.ts';
import type { Runtime } from './runtime.ts';
import { readRecord } from './store.ts';

const longestTable = 64 << 20;

/**
 * Pids of the processes in the container's cgroup and below, in the runtime's pid namespace, in ascending order. Empty
 * if the container has stopped.
 *
 * @throws RuntimeError `state.not-found`, `state.no-cgroup`, `state.cgroup-gone`, `host.syscall`
 */
export function containerProcesses(runtime: Runtime, id: string): number[] {
  const { binding } = runtime;
  const record = readRecord(runtime, id);
  warnOfLostKeeper(runtime, record);
  const cgroup = cgroupOf(record);
  const pids = onHost(`unable to read the processes of ${cgroup}`, () => processesOf(binding, cgroup));
  const lives = pids.length === 0 && record.init !== undefined && initRuns(binding, record.init);
  if (lives) requireCgroup(binding, record, cgroup, `unable to list the processes of container ${id}`);
  // The kernel shows 0 for a process that is not in the runtime's pid namespace.
  return pids.filter(pid => pid > 0).sort((one, other) => one - other);
}

/**
 * Output of the host's ps(1) for these processes, including its heading.
 *
 * @param options - options of ps; `-ef` if empty. The output must have a column PID
 * @throws RuntimeError as containerProcesses, and `host.ps` if ps does not exist or fails
 */
export function processTable(runtime: Runtime, id: string, options: readonly string[]): string {
  const pids = new Set(containerProcesses(runtime, id));
  const [heading = '', ...lines] = runPs(runtime.binding, options.length === 0 ? ['-ef'] : options).split(
    '\n',
  );
  const column = words(heading).indexOf('PID');
  if (column < 0) {
    throw new RuntimeError({
      code: 'host.ps',
      message: "couldn't find PID field in ps output",
      value: heading,
      hint: 'add pid to the columns, as in -o pid,comm',
    });
  }
  const found = lines.filter(line => line !== '' && pids.has(pidIn(line, column)));
  return [heading, ...found].map(line => `${line}\n`).join('');
}

function pidIn(line: string, column: number): number {
  const word = words(line)[column] ?? '';
  if (/^\d+$/.test(word)) return Number(word);
  throw new RuntimeError({
    code: 'host.ps',
    message: `unable to parse pid: ${JSON.stringify(word)} is not a number`,
    value: line,
    hint: 'columns with blanks, such as args, must come after pid',
  });
}

function words(line: string): string[] {
  return line.trim().split(/\s+/);
}

function runPs(binding: Binding, options: readonly string[]): string {
  const path = findProgram(binding, 'ps');
  if (path === undefined) {
    throw new RuntimeError({
      code: 'host.ps',
      message: 'exec: "ps": executable file not found in $PATH',
      hint: 'install ps (Debian: procps), or use --format json',
    });
  }
  const end = onHost('unable to run ps', () =>
    binding.runHook({
      path,
      args: ['ps', ...options],
      input: '',
      directory: '/',
      timeoutMs: -1,
      keep: longestTable,
    }),
  );
  if (end.code === 0) return end.stdout;
  const how = end.code === undefined ? `signal ${end.signal}` : `exit status ${end.code}`;
  throw new RuntimeError({
    code: 'host.ps',
    message: `${how}: ${end.stderr}${end.stdout}`.trim(),
    value: options.join(' '),
  });
}
