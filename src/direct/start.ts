// SPDX-License-Identifier: Apache-2.0
import type { RuntimeError } from '../errors/error.ts';
import { onHost, toRuntimeError } from '../errors/system.ts';
import type { Binding, HealthCheckCommand } from '../host/binding.d.ts';
import { unlessMissing } from '../host/files.ts';
import { entryPath } from '../host/paths.ts';
import { O } from '../kernel/files.ts';
import { deleteContainer } from '../lifecycle/delete.ts';
import type { Runtime } from '../lifecycle/runtime.ts';
import { startContainer } from '../lifecycle/start.ts';
import { hostsFile } from '../network/hosts-file.ts';
import { awaitKeeper } from './await-keeper.ts';
import type { DirectContainer } from './container.ts';
import { forgetHealth } from './health.ts';
import type { HealthCheck } from './health-check.ts';
import { joinedId, joinNetwork } from './joined-network.ts';
import { startContainerKeeper } from './keeper.ts';
import { ownCommand } from './own-command.ts';
import { programStatus } from './program-status.ts';
import { isUp, recordIfThere, stateOf } from './status.ts';
import { stopDirect } from './stop.ts';
import { containerFiles, containerPath, type DirectStore, withContainerLock } from './store.ts';

/** The log of a container is rotated at this size. */
const logLimit = { bytes: 16 << 20, files: 3 };
/** Docker's exit status of a container whose start failed for another reason than its program. */
const notStarted = 128;

/**
 * Starts a container that does not run: makes a new container of the runtime from the same bundle, whose upper layer
 * has the changes of earlier runs. Returns false if it runs already.
 *
 * @param beforeProgram - is called when the keeper runs and the program does not: an attachment that is opened here
 *   receives all output
 * @throws RuntimeError as the runtime's create and start; the container is then as before
 */
export function startDirect(
  runtime: Runtime,
  store: DirectStore,
  container: DirectContainer,
  beforeProgram: (init: number) => void = () => {},
): boolean {
  return withContainerLock(store, container.id, () => {
    clearRestart(store, container.id);
    return startLocked(runtime, store, container, beforeProgram);
  });
}

/** Starts a container after its end, unless a command has stopped it in the meantime. */
export function startAgain(runtime: Runtime, store: DirectStore, container: DirectContainer): void {
  withContainerLock(store, container.id, () => {
    const stopped = entryPath(containerPath(store, container.id), containerFiles.stopped);
    if (store.binding.stat(stopped, true) === undefined) startLocked(runtime, store, container, () => {});
  });
}

/** Clears the attempts of `--restart`, because a command starts the container. */
function clearRestart(store: DirectStore, id: string): void {
  for (const name of [containerFiles.stopped, containerFiles.attempts]) {
    const path = entryPath(containerPath(store, id), name);
    if (store.binding.stat(path, true) === undefined) continue;
    onHost(`unable to remove ${path}`, () => unlessMissing(() => store.binding.unlink(path)));
  }
}

/**
 * Stops the container and starts it again. A container with `--rm` stays: its keeper and an attached client, which
 * remove it after its end, wait for the lock and then find that it runs.
 *
 * @param seconds - for the program to end; -1 waits without a limit
 * @throws RuntimeError as `stopDirect` and `startDirect`
 */
export function restartDirect(
  runtime: Runtime,
  store: DirectStore,
  container: DirectContainer,
  seconds: number,
): void {
  const stop = (): void => stopDirect(runtime, store, container, seconds);
  if (!container.remove) {
    stop();
    startDirect(runtime, store, container);
    return;
  }
  withContainerLock(store, container.id, () => {
    stop();
    startLocked(runtime, store, container, () => {});
  });
}

function startLocked(
  runtime: Runtime,
  store: DirectStore,
  container: DirectContainer,
  beforeProgram: (init: number) => void,
): boolean {
  const { id } = container;
  const { binding } = runtime;
  const state = stateOf(runtime, store, container);
  if (isUp(state)) {
    if (state.problem !== undefined) throw state.problem;
    return false;
  }
  const directory = containerPath(store, id);
  // Delete the runtime's container of the previous run, or of a start that was killed.
  deleteContainer(runtime, id, { force: true });
  renewWork(binding, directory);
  joinNetwork(runtime, store, container);
  const restore = savedRun(runtime, directory);
  if (container.health !== undefined) forgetHealth(runtime, directory);
  forgetFailedStart(binding, directory);
  try {
    const { init, warnings } = startContainerKeeper(binding, {
      directory,
      argv: createCommand(runtime, container, directory),
      terminal: container.terminal,
      openStdin: container.openStdin,
      logLimit,
      ...(container.remove && {
        // Without --force, because after a restart the container runs again.
        atEnd: [...ownCommand(runtime), 'container', 'rm', '--volumes', id],
      }),
      ...(!container.remove && {
        atEnd: [...ownCommand(runtime), ...systemdOption(runtime), 'container', 'start', '--after-end', id],
        // `update` may give it a policy while it runs.
        endsIfMarked: container.restart === undefined,
      }),
      ...(container.health !== undefined && { check: checkRequest(runtime, id, container.health) }),
    });
    for (const warning of warnings) runtime.log.warn(warning);
    completeHosts(runtime, container, directory);
    beforeProgram(init);
    startContainer(runtime, id);
  } catch (error) {
    throw undone(runtime, id, directory, restore, error);
  }
  return true;
}

/**
 * Makes the work directory of a user's overlay again, because the kernel leaves a directory in it that the user cannot
 * enter. After an unmount of the overlay, nothing in it is needed.
 */
function renewWork(binding: Binding, directory: string): void {
  if (binding.identity().euid === 0) return;
  const path = entryPath(directory, containerFiles.work);
  onHost(`unable to make ${path}`, () => {
    binding.removeTree(path);
    binding.mkdir(path, 0o700);
  });
}

/** The command exits with 1 if the next check is due after the start interval. */
function checkRequest(
  runtime: Runtime,
  id: string,
  { interval, startInterval, startPeriod }: HealthCheck,
): HealthCheckCommand {
  const command = [...ownCommand(runtime), 'container', 'healthcheck', '--scheduled', id];
  const first = startPeriod > 0 ? Math.min(startInterval, interval) : interval;
  return { command, firstMs: first, intervalMs: interval, startIntervalMs: startInterval };
}

function systemdOption({ systemdCgroup }: Runtime): string[] {
  return systemdCgroup === true ? ['--systemd-cgroup'] : [];
}

function createCommand(
  runtime: Runtime,
  { id, networks, ports, cdiDevices }: DirectContainer,
  directory: string,
): string[] {
  const attached =
    joinedId({ networks }) === undefined ? networks.filter(name => name !== 'none' && name !== 'host') : [];
  return [
    ...ownCommand(runtime),
    ...systemdOption(runtime),
    'create',
    '--bundle',
    directory,
    ...attached.flatMap(name => ['--network', name]),
    ...ports.flatMap(value => ['--publish', value]),
    ...cdiDevices.flatMap(name => ['--device', name]),
    id,
  ];
}

/** Restores the state from before a failed start: ended, or never started. Returns the error. */
function undone(
  runtime: Runtime,
  id: string,
  directory: string,
  restore: () => void,
  error: unknown,
): RuntimeError {
  const failure = toRuntimeError(error);
  try {
    deleteContainer(runtime, id, { force: true });
    awaitKeeper(runtime.binding, directory);
    restore();
    keepFailedStart(runtime.binding, directory, failure);
    return failure;
  } catch (other) {
    return failure.with({ cleanup: [`container ${id}: ${toRuntimeError(other).message}`] });
  }
}

/** Inspected as Docker shows it, until the next start. */
function keepFailedStart(binding: Binding, directory: string, failure: RuntimeError): void {
  const path = entryPath(directory, containerFiles.failedStart);
  const text = JSON.stringify({ exitCode: programStatus(failure) ?? notStarted, error: failure.message });
  onHost(`unable to write ${path}`, () => binding.replaceText(path, `${text}\n`, 0o600));
}

function forgetFailedStart(binding: Binding, directory: string): void {
  const path = entryPath(directory, containerFiles.failedStart);
  onHost(`unable to remove ${path}`, () => unlessMissing(() => binding.unlink(path)));
}

/**
 * Returns a function that restores the exit status of the previous run, and removes the log if it did not exist before.
 */
function savedRun({ binding }: Runtime, directory: string): () => void {
  const exitPath = entryPath(directory, containerFiles.exit);
  const logPath = entryPath(directory, containerFiles.log);
  const exit = binding.readTextIfThere(exitPath);
  const hasRun = binding.stat(logPath, true) !== undefined;
  return () => {
    if (exit !== undefined) binding.replaceText(exitPath, exit, 0o600);
    if (!hasRun) for (const path of [exitPath, logPath]) unlessMissing(() => binding.unlink(path));
  };
}

/** Adds the container's own addresses to its hosts file, which exists only with `--add-host`. */
function completeHosts(
  runtime: Runtime,
  { id, hostname, networks }: DirectContainer,
  directory: string,
): void {
  if (networks.includes('none') || networks.includes('host') || joinedId({ networks }) !== undefined) return;
  const { binding } = runtime;
  const path = entryPath(directory, containerFiles.hosts);
  const text = binding.readTextIfThere(path);
  if (text === undefined) return;
  const addresses = (recordIfThere(runtime, id)?.network?.attachments ?? []).flatMap(one => one.addresses);
  const extra = text.slice(text.indexOf('\n', text.indexOf('::1')) + 1);
  const kept = extra.split('\n').filter(line => line !== '' && !line.endsWith(`\t${hostname}`));
  // In place: the file is a mount of the container, which a rename would not change.
  onHost(`unable to write ${path}`, () =>
    binding.writeText(
      path,
      hostsFile(addresses, [hostname]) + kept.map(line => `${line}\n`).join(''),
      O.O_TRUNC,
      0o644,
    ),
  );
}
