// SPDX-License-Identifier: Apache-2.0
import type { RuntimeError } from '../errors/error.ts';
import { onHost, toRuntimeError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { unlessMissing } from '../host/files.ts';
import { entryPath } from '../host/paths.ts';
import { O } from '../kernel/files.ts';
import { deleteContainer } from '../lifecycle/delete.ts';
import type { Runtime } from '../lifecycle/runtime.ts';
import { startContainer } from '../lifecycle/start.ts';
import { hostsFile } from '../network/hosts-file.ts';
import type { DirectContainer } from './container.ts';
import { endKeeper } from './end-keeper.ts';
import { startKept } from './keeper.ts';
import { isUp, recordIfThere, stateOf } from './status.ts';
import { stopDirect } from './stop.ts';
import { containerFiles, containerPath, type DirectStore, withContainerLock } from './store.ts';

/** The log of a container is rotated at this size. */
const logLimit = { bytes: 16 << 20, files: 3 };

/**
 * Starts a container that does not run: a new container of the runtime from the same bundle, whose upper layer has the
 * changes of earlier runs. Returns false if it runs already.
 *
 * @param beforeProgram - is called when the keeper runs and the program does not: an attachment that is opened here
 *   misses no output
 * @throws RuntimeError as the runtime's create and start; the container is then as before
 */
export function startDirect(
  runtime: Runtime,
  store: DirectStore,
  container: DirectContainer,
  beforeProgram: (init: number) => void = () => {},
): boolean {
  return withContainerLock(store, container.id, () => startLocked(runtime, store, container, beforeProgram));
}

/**
 * Stops the container and starts it again. A container with `--rm` stays: its keeper and an attached client, which
 * remove it after its end, wait for the lock and then see that it runs.
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
  // The previous run, or a start that was killed.
  deleteContainer(runtime, id, { force: true });
  renewWork(binding, directory);
  const restore = savedRun(runtime, directory);
  try {
    const { init, warnings } = startKept(binding, {
      directory,
      argv: createCommand(runtime, container, directory),
      terminal: container.terminal,
      openStdin: container.openStdin,
      logLimit,
      ...(container.remove && {
        // Without --force: after a restart the container runs again.
        atEnd: [...ownCommand(runtime), 'container', 'rm', '--volumes', id],
      }),
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

/** The kernel leaves a directory there that a user cannot enter. Nothing in it is needed after the end of a union. */
function renewWork(binding: Binding, directory: string): void {
  if (binding.identity().euid === 0) return;
  const path = entryPath(directory, containerFiles.work);
  onHost(`unable to make ${path}`, () => {
    binding.removeTree(path);
    binding.mkdir(path, 0o700);
  });
}

function ownCommand({ binding, root }: Runtime): string[] {
  return [...binding.ownCommand(), '--root', root];
}

function createCommand(
  runtime: Runtime,
  { id, networks, ports }: DirectContainer,
  directory: string,
): string[] {
  const attached = networks.filter(name => name !== 'none' && name !== 'host');
  return [
    ...ownCommand(runtime),
    ...(runtime.systemdCgroup === true ? ['--systemd-cgroup'] : []),
    'create',
    '--bundle',
    directory,
    ...attached.flatMap(name => ['--network', name]),
    ...ports.flatMap(value => ['--publish', value]),
    id,
  ];
}

/** A start that fails leaves the container as it was: ended, or never started. */
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
    endKeeper(runtime.binding, directory);
    restore();
    return failure;
  } catch (other) {
    return failure.with({ cleanup: [`container ${id}: ${toRuntimeError(other).message}`] });
  }
}

/** Returns a function that restores the exit status of the previous run, and removes a log that had not existed. */
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
  if (networks.includes('none') || networks.includes('host')) return;
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
