// SPDX-License-Identifier: Apache-2.0
import { type CgroupPlace, planCgroup, requireVacant } from '../cgroup/directory.ts';
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import { openFlags } from '../host/files.ts';
import { joinPath, resolvePath } from '../host/paths.ts';
import { hasNamespace } from '../plan/namespaces.ts';
import { openConsole, resolveSocket, sendPidfd } from './console.ts';
import { plannedFilter } from './device-filter.ts';
import { firstRecord } from './first-record.ts';
import { runPoststopHooks } from './hooks.ts';
import { unmountRoot } from './host-mounts.ts';
import { checkId } from './ids.ts';
import { writeLater } from './later.ts';
import { cgroupWrites, makeOwnCgroup } from './make-cgroup.ts';
import { createMoments } from './moments.ts';
import { netDevices } from './net-devices.ts';
import { checkPassedFds, listenFds } from './passed-fds.ts';
import { writePidFile } from './pid-file.ts';
import { withPlace } from './place.ts';
import { type Prepared, type PrepareOptions, prepare } from './prepare.ts';
import { joinRdt, makeRdt, plannedRdt } from './rdt.ts';
import { type ContainerRecord, files, type InitRecord } from './record.ts';
import type { Moments } from './rendezvous.ts';
import type { Runtime } from './runtime.ts';
import { seccompMoments } from './seccomp-agent.ts';
import { asStarting, type Born, bearInit } from './spawn.ts';
import { claim, type Held, removeState, writeRecord } from './store.ts';
import type { Terminals } from './terminals.ts';
import { UndoList } from './undo.ts';
import { unitMoments, unitPlace, unitStep } from './unit.ts';
import { warnOf } from './warnings.ts';

export interface CreateOptions extends PrepareOptions {
  /** Where to write the init's pid; relative to the working directory. Default: nowhere. */
  readonly pidFile?: string;
  /** Moves the root over `/` and changes root, for a root on an initramfs. Default false: pivot_root(2). */
  readonly noPivot?: boolean;
  /** Leaves the container in the caller's session keyring. Default false. */
  readonly noNewKeyring?: boolean;
  /** How many descriptors from 3 on (after those of LISTEN_FDS) the program gets. Default 0. */
  readonly preserveFds?: number;
  /**
   * A Unix stream socket that gets the master of the container's terminal (SCM_RIGHTS); relative to the working directory.
   * Needed with `process.terminal`, and only then.
   */
  readonly consoleSocket?: string;
  /** A Unix stream socket that gets a pidfd of the init; relative to the working directory. Default: none. */
  readonly pidfdSocket?: string;
  /** The caller stays with the container until it ends. Default false. */
  readonly foreground?: boolean;
}

/** A created container: its init waits for `start`. */
export interface Created {
  readonly record: ContainerRecord;
  readonly init: InitRecord;
  /** Of the init; the receiver closes it. */
  readonly pidfd: number;
  /** With a terminal in the foreground, for `attend`; the receiver closes it. */
  readonly terminals?: Terminals;
}

/**
 * Makes a container: everything of config.json is in effect, and its program has not run.
 * When it fails nothing is left; what could not be taken back is in the error's `cleanup`.
 *
 * @throws RuntimeError `state.bad-id`, `state.exists`, `state.busy`, `usage.preserve-fds`, `bundle.*`, `config.*`,
 *   `usage.console-socket`, `state.cgroup-not-empty`, `state.cgroup-frozen`, `host.syscall`, `container.syscall`, `container.ended`
 * @see runtime.md#create
 */
export function createContainer(runtime: Runtime, options: CreateOptions): Created {
  const { binding, log } = runtime;
  checkId(options.id);
  checkPassedFds(binding, listenFds(binding), options.preserveFds ?? 0);
  const pidFile =
    options.pidFile === undefined ? undefined : resolvePath(() => binding.getcwd(), options.pidFile);
  const consoleSocket = resolveSocket(binding, options.consoleSocket);
  const pidfdSocket = resolveSocket(binding, options.pidfdSocket);
  const prepared = prepare(runtime, options);
  return withPlace(prepared.bundle.text, () => {
    requireUserNamespace(prepared);
    const { moments, terminals } = openConsole(binding, prepared.config.process, {
      socket: consoleSocket,
      foreground: options.foreground ?? false,
      pointer: '/process/terminal',
    });
    const undo = new UndoList();
    if (terminals !== undefined) undo.arm('the terminal', () => terminals.close());
    try {
      warnOf(runtime, prepared.warnings);
      const held = claim(runtime, options.id);
      const { config, bundle } = prepared;
      if (config.hooks?.poststop !== undefined) {
        // First armed, so run last: when all else is gone.
        const subject = { ...config, id: held.id, bundle: bundle.path };
        undo.arm('the poststop hooks', () => runPoststopHooks(runtime, subject));
      }
      undo.arm(`the state directory ${held.directory}`, () => removeState(runtime, held));
      const asked = { ...options, pidFile, pidfdSocket, moments };
      const created = createHeld(runtime, prepared, held, asked, undo);
      undo.disarm();
      held.release();
      log.debug(`container ${options.id} is created, its init is process ${created.init.pid}`);
      return { ...created, ...(terminals !== undefined && { terminals }) };
    } catch (error) {
      throw undo.fail(error);
    }
  });
}

/** Whoever is not root can make no other namespace without one. */
function requireUserNamespace({ config, facts }: Prepared): void {
  if (facts.euid === 0 || hasNamespace(config, 'user')) return;
  throw new RuntimeError({
    code: 'host.unsupported',
    pointer: '/linux/namespaces',
    message: 'rootless container requires user namespaces',
    hint: 'add {"type": "user"} to linux.namespaces, and mappings: see tsubo spec --rootless; or run tsubo as root',
    spec: 'config-linux.md#namespaces',
  });
}

/** Options with their paths absolute. */
interface Asked {
  readonly pidFile: string | undefined;
  readonly pidfdSocket: string | undefined;
  readonly noNewKeyring?: boolean;
  /** Of the terminal. */
  readonly moments: Moments;
}

/** The order matters: the record comes before whatever it lets a later `delete --force` find and remove. */
function createHeld(
  runtime: Runtime,
  prepared: Prepared,
  held: Held,
  { pidFile, pidfdSocket, noNewKeyring = false, moments: ofConsole }: Asked,
  undo: UndoList,
): Created {
  const { binding } = runtime;
  const { bundle } = prepared;
  const cgroup = plannedCgroup(runtime, prepared);
  const rdt = plannedRdt(runtime, prepared.plan, held.id);
  let record: ContainerRecord = {
    ...firstRecord(runtime, prepared, held.id, cgroup?.place, noNewKeyring),
    ...(rdt !== undefined && { rdt }),
  };
  const configCopy = joinPath(held.directory, files.config);
  onHost(`unable to write ${configCopy}`, () => {
    writeRecord(runtime, record);
    binding.writeText(configCopy, bundle.text, openFlags.create | openFlags.exclusive, 0o600);
  });

  const { mountsBelow } = record;
  if (mountsBelow !== undefined) {
    undo.arm(`the mounts on ${record.rootfs}`, () => unmountRoot(binding, record.rootfs, mountsBelow));
  }
  const writes = cgroupWrites(prepared.plan);
  if (cgroup !== undefined && cgroup.place.unit === undefined) {
    const { place, origin } = cgroup;
    if (!makeOwnCgroup(runtime, prepared.plan, place, origin, undo)) {
      const { cgroup: _, ...without } = record;
      record = without;
      writeRecord(runtime, record);
    }
  }
  makeRdt(runtime, prepared.plan, rdt, undo, place => {
    record = { ...record, rdt: place };
    writeRecord(runtime, record);
  });
  if (prepared.plan.spawn.fifos !== undefined) {
    for (const name of [files.go, files.result]) {
      const path = joinPath(held.directory, name);
      onHost(`unable to make the FIFO ${path}`, () => binding.mkfifo(path, 0o600));
    }
  }

  const unit = unitMoments(runtime, prepared.plan, cgroup?.place, writes, undo, place => {
    record = { ...record, cgroup: place };
    writeRecord(runtime, record);
  });
  const devices = netDevices(runtime, prepared.plan, undo);
  const more = { ...unit, ...devices.moments, ...ofConsole };
  const born = bear(runtime, prepared, held.directory, record, more, undo);
  const complete = { ...record, init: born.init };
  writeRecord(runtime, complete);
  if (pidFile !== undefined) writePidFile(runtime, pidFile, born.init.pid, undo);
  sendPidfd(binding, pidfdSocket, born.pidfd, 'init');
  asStarting(() => born.letGo());
  devices.release();
  return { record: complete, init: born.init, pidfd: born.pidfd };
}

/** The init is ready, and the device rules hold. */
function bear(
  runtime: Runtime,
  prepared: Prepared,
  directory: string,
  record: ContainerRecord,
  more: Moments,
  undo: UndoList,
): Born {
  const cgroup = record.cgroup?.path;
  const filter = plannedFilter(runtime, prepared.plan, cgroup);
  const moments: Moments = {
    ...createMoments(runtime, prepared, record, () => filter.attach()),
    ...seccompMoments(runtime, prepared.config.linux?.seccomp, record, () => 'creating'),
    ...more,
  };
  try {
    const meanwhile = (pid: number): void => {
      joinRdt(runtime, record.rdt, pid);
      filter.load();
      if (prepared.plan.spawn.fifos === undefined) return;
      onHost('unable to write what later commands need', () =>
        writeLater(runtime, directory, prepared.config, prepared.plan),
      );
    };
    const birthplace = record.cgroup?.unit === undefined ? cgroup : undefined;
    const born = bearInit(runtime, prepared, directory, birthplace, undo, moments, { meanwhile });
    asStarting(() => filter.attach());
    return born;
  } finally {
    filter.close();
  }
}

function plannedCgroup(
  runtime: Runtime,
  { plan, facts }: Prepared,
): { place: CgroupPlace; origin: string } | undefined {
  const unit = unitStep(plan);
  if (unit !== undefined) {
    const { origin } = unit;
    const place = unitPlace(facts.cgroup.mountpoint, unit);
    // Before the record names the unit, which lets a later delete stop it.
    requireVacant(runtime.binding, place.path, origin);
    return { place, origin };
  }
  for (const step of plan.host) {
    if (step.op !== 'makeCgroup') continue;
    return {
      place: planCgroup(runtime.binding, facts.cgroup.mountpoint, step.path, step.origin),
      origin: step.origin,
    };
  }
  return undefined;
}
