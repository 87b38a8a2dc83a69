// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { Readiness, StandardDescriptors } from '../host/binding.d.ts';
import { resolvePath } from '../host/paths.ts';
import { hasNamespace } from '../plan/namespaces.ts';
import { withAttachmentLocation } from './attachment.ts';
import { openConsole, resolveSocket } from './console.ts';
import { HostContext } from './host-context.ts';
import { checkId } from './ids.ts';
import { checkPassedFds, listenFds } from './passed-fds.ts';
import { performHostSteps } from './perform-host-steps.ts';
import { type Prepared, type PrepareOptions, prepare } from './prepare.ts';
import type { ContainerRecord, InitRecord } from './record.ts';
import type { Runtime } from './runtime.ts';
import { withSourceLocation } from './source-location.ts';
import { spawnInit } from './spawn.ts';
import type { Terminals } from './terminals.ts';
import { warnOf } from './warnings.ts';

export interface CreateOptions extends PrepareOptions {
  /** File that gets the init's pid; relative to the working directory. Default: none. */
  readonly pidFile?: string;
  /** Uses MS_MOVE and chroot(2) instead of pivot_root(2), for a root on an initramfs. Default false. */
  readonly noPivot?: boolean;
  /** Leaves the container in the caller's session keyring. Default false. */
  readonly noNewKeyring?: boolean;
  /** Number of descriptors that the program gets from 3 on, after those of LISTEN_FDS. Default 0. */
  readonly preserveFds?: number;
  /**
   * A Unix stream socket that gets the master of the container's terminal (SCM_RIGHTS); relative to the working
   * directory. Required with `process.terminal` unless in the foreground, otherwise refused.
   */
  readonly consoleSocket?: string;
  /** A Unix stream socket that gets a pidfd of the init; relative to the working directory. Default: none. */
  readonly pidfdSocket?: string;
  /** The caller waits until the container stops. Default false. */
  readonly foreground?: boolean;
  /** The caller takes the master of the container's terminal, if it has one. Default false. */
  readonly keepTerminal?: boolean;
  /** Standard input, output and error of the container's program. Default: those of the runtime. */
  readonly standard?: StandardDescriptors;
}

/** A created container: its init waits for `start`. */
export interface Created {
  readonly record: ContainerRecord;
  readonly init: InitRecord;
  /** pidfd of the init; the caller closes it. */
  readonly pidfd: number;
  /** Set for a terminal in the foreground; passed to `waitInForeground`. The caller closes it. */
  readonly terminals?: Terminals;
  /** With `keepTerminal`, the master of the container's terminal. The caller closes it. */
  readonly master?: number;
  /** Set for a container that runs at once, if a service manager awaits it. The caller closes its socket. */
  readonly readiness?: Readiness;
}

/**
 * Makes a container: everything in config.json is in effect, and its program has not run. A failure undoes everything;
 * the error's `cleanup` lists the undos that failed.
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
  const prepared = prepare(runtime, { ...options, pidFile, pidfdSocket });
  const { plan, config, bundle, attachment } = prepared;
  const located = <T>(work: () => T): T =>
    withAttachmentLocation(attachment, () => withSourceLocation(prepared.sources, work));
  return located(() => {
    requireUserNamespace(prepared);
    const console = openConsole(runtime, config.process, {
      socket: consoleSocket,
      foreground: options.foreground ?? false,
      keep: options.keepTerminal ?? false,
      pointer: '/process/terminal',
    });
    const { terminals } = console;
    const context = new HostContext({
      runtime,
      plan,
      config,
      console,
      container: { id: options.id, prepared, noNewKeyring: options.noNewKeyring ?? false },
      subject: {
        id: options.id,
        bundle: bundle.path,
        ...(config.annotations !== undefined && { annotations: config.annotations }),
        status: () => 'creating',
      },
      standard: options.standard,
    });
    if (terminals !== undefined) context.undo.arm('the terminal', () => terminals.close());
    warnOf(runtime, prepared.warnings);
    const { pidfd, ...init } = performHostSteps(context, () => {
      // systemd makes the cgroup of a unit after the clone.
      const { cgroup } = context.record;
      return spawnInit(context, cgroup?.unit === undefined ? cgroup?.path : undefined);
    });
    context.lock?.release();
    log.debug(`container ${options.id} is created, its init is process ${init.pid}`);
    const { readiness } = context;
    const master = console.callers?.master;
    return {
      record: context.record,
      init,
      pidfd,
      ...(terminals !== undefined && { terminals }),
      ...(master !== undefined && { master }),
      ...(readiness !== undefined && { readiness }),
    };
  });
}

/** Without root, the kernel allows other namespaces only together with a user namespace. */
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
