// SPDX-License-Identifier: Apache-2.0
import { oomKills } from '../cgroup/oom.ts';
import { fileText } from '../cgroup/stats/files.ts';
import { cgroupStats } from '../cgroup/stats/stats.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import type { ContainerEvent, ContainerStats } from '../oci/stats.ts';
import { rdtStats } from '../rdt/stats.ts';
import { initRuns, withInit } from './init-process.ts';
import { cgroupOf, requireCgroup } from './own-cgroup.ts';
import type { ContainerRecord } from './record.ts';
import type { Runtime } from './runtime.ts';
import { requireStatus, statusOf } from './status.ts';
import { readRecord } from './store.ts';

/**
 * Current resource usage of a container.
 *
 * @throws RuntimeError `state.not-found`, `state.not-running`, `state.no-cgroup`, `state.cgroup-gone`, `host.syscall`
 */
export function containerStats(runtime: Runtime, id: string): ContainerStats {
  return readStats(runtime.binding, living(runtime, id));
}

/** Warns if a controller is not enabled, because its numbers are then 0 like those of an idle container. */
export function warnOfUncounted(runtime: Runtime, id: string): void {
  warnOfControllers(runtime, cgroupOf(readRecord(runtime, id)));
}

function warnOfControllers({ binding, log }: Runtime, cgroup: string): void {
  const enabled = fileText(binding, cgroup, 'cgroup.controllers')?.trim().split(' ');
  if (enabled === undefined) return;
  const missing = ['memory', 'io'].filter(controller => !enabled.includes(controller));
  if (missing.length === 0) return;
  const controllers = missing.length === 1 ? 'controller' : 'controllers';
  log.warn(`the cgroup of the container has no ${controllers} ${missing.join(' and ')}: its numbers are 0`);
}

/**
 * Reports the resource usage every `intervalMs`, and every out-of-memory kill. After the first report it warns of
 * missing controllers. Returns when the init has exited.
 *
 * @throws RuntimeError as containerStats
 */
export function watchContainer(
  runtime: Runtime,
  id: string,
  intervalMs: number,
  report: (event: ContainerEvent) => void,
): void {
  const { binding } = runtime;
  const record = living(runtime, id);
  const cgroup = cgroupOf(record);
  requireCgroup(binding, record, cgroup, `unable to watch container ${id}`);
  const { init } = record;
  if (init === undefined) return;
  // Without the memory controller only the init is watched.
  const path = `${cgroup}/memory.events`;
  const paths = binding.stat(path) === undefined ? [] : [path];
  const watch = onHost(`unable to watch ${path}`, () => binding.watchFiles({ paths }));
  try {
    let kills = oomKills(binding, cgroup);
    let isFirst = true;
    const reportKills = (): void => {
      const now = oomKills(binding, cgroup);
      if (now > kills) report({ type: 'oom', id });
      kills = now;
    };
    withInit(binding, init, pidfd => {
      for (const what of changes(binding, watch, pidfd, intervalMs)) {
        if (what !== 'time') {
          reportKills();
          continue;
        }
        // A delete may have removed the cgroup: the next change is then the init's exit.
        if (!initRuns(binding, init)) continue;
        report({ type: 'stats', id, data: readStats(binding, record) });
        if (isFirst) warnOfControllers(runtime, cgroup);
        isFirst = false;
      }
    });
  } finally {
    binding.close(watch);
  }
}

/** Longest single wait in milliseconds: 23 days. */
const longestWaitMs = 2_000_000_000;

/** Yields every change, up to and including the init's exit. */
function* changes(
  binding: Binding,
  watch: number,
  pidfd: number,
  intervalMs: number,
): Generator<'changed' | 'time' | 'ended'> {
  const nowMs = (): number => Number(binding.now() / 1_000_000n);
  let dueMs = nowMs() + intervalMs;
  for (;;) {
    // The clock may be set back: never wait longer than one interval.
    const leftMs = Math.min(Math.max(dueMs - nowMs(), 0), intervalMs, longestWaitMs);
    const what = binding.awaitChange(watch, pidfd, leftMs);
    yield what;
    if (what === 'ended') return;
    if (what !== 'time') continue;
    const next = dueMs + intervalMs - nowMs();
    dueMs = nowMs() + (next > 0 && next <= intervalMs ? next : intervalMs);
  }
}

function living(runtime: Runtime, id: string): ContainerRecord {
  const record = readRecord(runtime, id);
  requireStatus('events', id, statusOf(runtime, record, { held: false }));
  return record;
}

function readStats(binding: Binding, record: ContainerRecord): ContainerStats {
  const cgroup = cgroupOf(record);
  requireCgroup(binding, record, cgroup, `unable to read the resource use of container ${record.id}`);
  return onHost(`unable to read the resource use of ${cgroup}`, () => ({
    ...cgroupStats(binding, cgroup),
    ...(record.rdt !== undefined && { intel_rdt: rdtStats(binding, record.rdt) }),
  }));
}
