// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Mount, parseMountinfo } from './mountinfo.ts';

/** The output of inside.cc, and values derived from it. */
export interface Report {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  /** Real, effective, saved. */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly groups: readonly number[];
  readonly umask: number;
  readonly pid: number;
  readonly ppid: number;
  readonly sid: number;
  readonly pgid: number;
  readonly noNewPrivileges: number;
  readonly dumpable: number;
  readonly parentDeathSignal: number;
  readonly securebits: number;
  readonly hostname: string;
  readonly domainname: string;
  /** Number to its target in /proc/self/fd; empty without /proc. */
  readonly fds: Readonly<Record<string, string>>;
  readonly fdNumbers: readonly number[];
  /** Kind (`mnt`, `net`, ...) to `mnt:[4026531832]`. */
  readonly namespaces: Readonly<Record<string, string | null>>;
  /** By resource number: soft and hard. */
  readonly rlimits: readonly (readonly [string, string])[];
  /** `keyring;uid;gid;permissions;name`, or null without one. */
  readonly sessionKeyring: string | null;
  /** Security label of that keyring: the context with SELinux, otherwise empty. */
  readonly keyringLabel: string;
  /** /proc/self/cgroup. */
  readonly cgroup: string | null;
  readonly oomScoreAdj: string | null;
  /** Policy, flags, nice, priority, runtime, deadline, period; exact to 2^53. */
  readonly scheduler: readonly number[];
  /** Class << 13 | priority. */
  readonly ioPriority: number;
  readonly personality: number;
  /** Mode with flags, and the first word of the node mask. */
  readonly memoryPolicy: readonly number[];
  /** CLOCK_MONOTONIC and CLOCK_BOOTTIME in seconds, with nine digits after the point. */
  readonly clocks: { readonly monotonic: string; readonly boottime: string };
  readonly exe: string | null;
  readonly mounts: readonly Mount[];
  /** /proc/self/status by key. */
  readonly status: Readonly<Record<string, string>>;
  readonly probes: Readonly<Record<string, Probe>>;
}

/** A path as the program finds it: only `errno` if it does not exist. */
export interface Probe {
  readonly errno?: number;
  readonly kind?: string;
  /** Permission bits. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  readonly ino?: number;
  /** Numbers of the device node. */
  readonly major?: number;
  readonly minor?: number;
  /** Target of a symbolic link. */
  readonly target?: string;
  /** Content of a file that is safe to open; the entries of a directory. */
  readonly read?: { readonly errno?: number; readonly text?: string; readonly entries?: readonly string[] };
  /** Error number of an attempt to write, 0 if writing is allowed. */
  readonly write?: number;
}

export function parseReport(text: string): Report {
  const raw = JSON.parse(text) as Omit<Report, 'mounts' | 'status'> & {
    mountinfo: string | null;
    status: string | null;
  };
  const status: Record<string, string> = {};
  for (const line of (raw.status ?? '').split('\n')) {
    const [key, value] = line.split(':\t');
    if (key !== undefined && value !== undefined) status[key] = value.trim();
  }
  return { ...raw, mounts: parseMountinfo(raw.mountinfo ?? ''), status };
}

/** The visible mount at `target`: the last one there. */
export function mountAt(report: Report, target: string): Mount {
  const found = report.mounts.filter(mount => mount.target === target).at(-1);
  if (found === undefined) {
    throw new Error(
      `nothing is mounted at ${target}, only at ${report.mounts.map(mount => mount.target).join(' ')}`,
    );
  }
  return found;
}

const directory = fileURLToPath(new URL('../../build/test', import.meta.url));

/** The compiled program of test/helpers/inside.cc. */
export function insideProgram(): string {
  return helperProgram('inside');
}

/** A compiled NAME.cc. Two test files may compile it at the same time: the last rename wins, both results are equal. */
export function helperProgram(name: string, libraries: readonly string[] = []): string {
  const source = fileURLToPath(new URL(`${name}.cc`, import.meta.url));
  const program = `${directory}/${name}`;
  if (existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs) return program;
  mkdirSync(directory, { recursive: true });
  const fresh = `${program}.${process.pid}`;
  execFileSync('g++', ['-std=c++20', '-O1', '-static', '-o', fresh, source, ...libraries]);
  renameSync(fresh, program);
  return program;
}
