// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { View } from './view.ts';

/** All traces that containers of one sandbox can leave outside their bundles. */
export interface Traces {
  readonly state: readonly string[];
  readonly cgroups: readonly string[];
  readonly mounts: readonly string[];
  readonly processes: readonly string[];
}

/**
 * Collects the current traces. Cgroups and processes are recognised by `name`, which is part of every id and path of
 * the sandbox: other containers on this machine may come and go meanwhile.
 */
export function traces(view: View, root: string, name: string): Traces {
  return {
    state: existsSync(root) ? readdirSync(root, { recursive: true }).map(String).sort() : [],
    cgroups: directories(view.path('/sys/fs/cgroup'), '', name).sort(),
    mounts: view.mounts().map(mount => `${mount.target} ${mount.type} ${mount.source} ${mount.root}`),
    processes: processes(view, name),
  };
}

function directories(top: string, below: string, name: string): string[] {
  let found: string[] = [];
  for (const entry of readdirSync(join(top, below), { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const path = `${below}/${entry.name}`;
    if (path.includes(name)) found.push(path);
    try {
      found = found.concat(directories(top, path, name));
    } catch {
      // A cgroup of another program, removed since the listing.
    }
  }
  return found;
}

function processes(view: View, name: string): string[] {
  const own = new Set([process.pid, process.ppid, view.pid]);
  const found: string[] = [];
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || own.has(Number(pid))) continue;
    try {
      const own = readlinkSync(`/proc/${pid}/ns/mnt`) !== readlinkSync(`/proc/${view.pid}/ns/mnt`);
      const words = ['cgroup', 'cmdline', ...(own ? ['mountinfo'] : [])];
      if (words.some(word => readFileSync(`/proc/${pid}/${word}`, 'utf8').includes(name))) {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        // A zombie holds no resources; its parent will reap it.
        if (processState(Number(pid)) !== 'Z') found.push(`${pid} ${line}`);
      }
    } catch {
      // The process has ended meanwhile.
    }
  }
  return found;
}

/** The letter of proc_pid_status(5), or undefined without such a process. */
export function processState(pid: number): string | undefined {
  try {
    return /State:\s*(\S)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}
