// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { Row } from '../../direct/describe.ts';
import type { InspectedContainer } from '../../direct/inspect.ts';
import type { InspectedImage } from '../../image/documents.ts';
import {
  broken,
  type CommandOptions,
  endOf,
  linesFrom,
  linesOf,
  optionWords,
  readCommand,
  readLines,
  recordIn,
  runCommand,
  startCommand,
  withLogFile,
} from './command.ts';
import { Container, callerOf, type DeleteOptions } from './container.ts';
import type { ExitStatus } from './exit.ts';
import type {
  CommitOptions,
  FileChange,
  ImageContainerOptions,
  LimitOptions,
  ListContainersOptions,
  LogLine,
  LogsOptions,
  ProcessTable,
  PruneContainersOptions,
  RestartPolicy,
  RunImageOptions,
  StopOptions,
} from './image-options.ts';
import { inspect as inspectImage } from './images.ts';
import { checkNames, splitOptions } from './option-names.ts';
import type { ProcessResult } from './options.ts';
import { checkWait, waitForResult } from './process.ts';

/** How a program of `containers.run` has ended, with its output. */
export type RunResult = Omit<ProcessResult, 'pid'>;

/**
 * A container of an image, as the commands `tsubo container` manage it. Methods that it shares with {@link Container}
 * work in the same way; `update` changes limits only until the next start, `setLimits` for later starts, too.
 */
export class ImageContainer extends Container {
  readonly #options: CommandOptions;

  /** Use `containers.create` or `containers.get`. */
  constructor(options: CommandOptions, id: string) {
    super(callerOf(options), id);
    this.#options = options;
  }

  #command(word: string, options: object = {}, args: readonly string[] = []): Promise<string> {
    const words = ['container', word, ...optionWords(options), '--', this.id, ...args];
    return runCommand(this.#options, words);
  }

  /**
   * Starts its program, with the changes of earlier runs.
   *
   * @throws RuntimeError `container.program-not-found` and other `container.*`, `config.*`, `host.*`, `direct.*`
   */
  override async start(): Promise<void> {
    await this.#command('start');
  }

  /** Stops its program and starts it again. */
  async restart(options: StopOptions = {}): Promise<void> {
    checkNames('restart', options);
    await this.#command('restart', { time: options.stopTimeout });
  }

  /**
   * Sends its stop signal, and kills it after a time. Does nothing if it does not run.
   *
   * @throws RuntimeError `direct.not-stopped`
   */
  async stop(options: StopOptions = {}): Promise<void> {
    checkNames('stop', options);
    await this.#command('stop', { time: options.stopTimeout });
  }

  protected override async sendSignal(signal: string | number): Promise<void> {
    await this.#command('kill', { signal });
  }

  /** Waits for the end of its program, also of one that has ended before. The signal that ended it is not known. */
  override async wait(): Promise<ExitStatus> {
    return { status: Number((await this.#command('wait')).trim()) };
  }

  /**
   * Everything about the container.
   *
   * @throws RuntimeError `direct.no-container`
   */
  async inspect(): Promise<InspectedContainer> {
    const words = ['container', 'inspect', '--', this.id];
    const [found] = await readCommand<[InspectedContainer]>(this.#options, words);
    return found;
  }

  /**
   * The lines that its program has written. The order of lines of different streams is that of their times only.
   *
   * @example
   * ```ts
   * for await (const { text } of container.logs({ follow: true })) console.log(text);
   * ```
   */
  async *logs(options: LogsOptions = {}): AsyncGenerator<LogLine, void, undefined> {
    checkNames('logs', options);
    const { signal, since, until, ...rest } = options;
    signal?.throwIfAborted();
    const words = optionWords({ ...rest, since: timeText(since), until: timeText(until), timestamps: true });
    const command = ['container', 'logs', ...words, '--', this.id];
    const child = startCommand(callerOf(this.#options), ['--log-format=json'], command);
    child.stdin.end();
    const ended = endOf(child);
    // The loop may be left before the end.
    ended.catch(() => {});
    const received: LogLine[] = [];
    let failure: Error | undefined;
    let open = 2;
    let wake = (): void => {};
    const read = async (stream: 'stdout' | 'stderr'): Promise<void> => {
      try {
        for await (const line of linesFrom(child[stream])) {
          const [, time, text] = /^(\d{4}-\S+) ?(.*)$/s.exec(line) ?? [];
          if (time !== undefined && text !== undefined) received.push({ stream, time, text });
          else failure = recordIn(line)?.error ?? failure;
          wake();
        }
      } finally {
        open--;
        wake();
      }
    };
    const stop = (): void => {
      child.kill('SIGTERM');
    };
    signal?.addEventListener('abort', stop, { once: true });
    const reads = [read('stdout'), read('stderr')].map(one => one.catch(() => {}));
    try {
      for (;;) {
        const line = received.shift();
        if (line !== undefined) yield line;
        else if (open === 0) break;
        else {
          await new Promise<void>(done => {
            wake = done;
          });
        }
      }
      await Promise.all(reads);
      const { status, endSignal } = await ended;
      signal?.throwIfAborted();
      if (status !== 0) throw failure ?? broken(command, endSignal ?? `status ${status}`);
    } finally {
      signal?.removeEventListener('abort', stop);
      stop();
    }
  }

  /**
   * Lists its processes.
   *
   * @param psOptions - options of ps(1). Default `-ef`
   * @throws RuntimeError `direct.not-running`
   */
  async top(psOptions: readonly string[] = []): Promise<ProcessTable> {
    const words = ['container', 'top', this.id, ...psOptions];
    const [head = '', ...rows] = linesOf(await runCommand(this.#options, words));
    const titles = head.trim().split(/\s+/);
    const processes = rows.map(row => {
      const fields = row.trim().split(/\s+/);
      // The last field is a command line with blanks.
      return [...fields.slice(0, titles.length - 1), fields.slice(titles.length - 1).join(' ')];
    });
    return { titles, processes };
  }

  /**
   * Makes an image of its files.
   *
   * @throws RuntimeError `image.*`, `usage.bad-value`
   */
  async commit(options: CommitOptions = {}): Promise<InspectedImage> {
    checkNames('commit', options);
    const { name, pause, ...rest } = options;
    const given = { ...rest, ...(pause === false && { pause: 'false' }) };
    const id = await this.#command('commit', given, name === undefined ? [] : [name]);
    return inspectImage(id.trim(), this.#options);
  }

  /** The files that it has added, changed and deleted. */
  async diff(): Promise<readonly FileChange[]> {
    const kinds = { A: 'added', C: 'changed', D: 'deleted' } as const;
    return linesOf(await this.#command('diff')).map(line => ({
      kind: kinds[line[0] as keyof typeof kinds],
      path: line.slice(2),
    }));
  }

  /**
   * Copies a file or directory of the host into the container, which may be stopped.
   *
   * @param from - on the host, relative to the working directory; `DIRECTORY/.` is the content of a directory
   * @param to - in the container: a directory for the copy, or its new name
   * @throws RuntimeError `direct.no-path`, `direct.read-only`, `host.syscall`
   */
  async copyTo(from: string, to: string): Promise<void> {
    await this.#copy(hostPath(from), `${this.id}:${to}`);
  }

  /**
   * Copies a file or directory of the container to the host.
   *
   * @param from - in the container; `DIRECTORY/.` is the content of a directory
   * @param to - on the host: a directory for the copy, or its new name; relative to the working directory
   * @throws RuntimeError `direct.no-path`, `host.syscall`
   */
  async copyFrom(from: string, to: string): Promise<void> {
    await this.#copy(`${this.id}:${from}`, hostPath(to));
  }

  async #copy(from: string, to: string): Promise<void> {
    await runCommand(this.#options, ['container', 'cp', '--', from, to]);
  }

  /** @throws RuntimeError `direct.bad-name`, `direct.name-taken` */
  async rename(name: string): Promise<void> {
    await this.#command('rename', {}, [name]);
  }

  /**
   * Changes its limits, also for later starts.
   *
   * @throws RuntimeError `usage.arguments` without a limit; `host.cgroup-controller`, `host.cgroup-write`
   */
  async setLimits(limits: LimitOptions): Promise<void> {
    const { rest } = splitOptions('setLimits', limits, []);
    await this.#command('update', rest);
  }

  /**
   * Changes its restart policy, also while it runs.
   *
   * @throws RuntimeError `usage.bad-value`
   */
  async setRestartPolicy(restart: RestartPolicy): Promise<void> {
    await this.#command('update', { restart });
  }

  /**
   * Checks its health now.
   *
   * @throws RuntimeError `usage.bad-value` if it has no health check; `direct.not-running`
   */
  async checkHealth(): Promise<'starting' | 'healthy' | 'unhealthy'> {
    const words = ['container', 'healthcheck', '--', this.id];
    const text = await runCommand(this.#options, words, { statuses: [1] });
    return text.trim() as 'starting' | 'healthy' | 'unhealthy';
  }

  /**
   * Removes the container with its changes and its log.
   *
   * @param options.force - kills a running container first, and ignores a missing one. Default false
   * @param options.volumes - removes its anonymous volumes, too. Default false
   * @throws RuntimeError `direct.running`, `direct.no-container` without `force`
   */
  override async delete(options: DeleteOptions & { readonly volumes?: boolean } = {}): Promise<void> {
    checkNames('deleteImageContainer', options);
    await this.#command('rm', options);
  }

  /** Removes the container and its anonymous volumes with `force`. */
  override async [Symbol.asyncDispose](): Promise<void> {
    await this.delete({ force: true, volumes: true });
  }
}

function timeText(time: Date | string | undefined): string | undefined {
  return time instanceof Date ? time.toISOString() : time;
}

/** An absolute path: a relative one with a colon would be a path in a container. */
function hostPath(path: string): string {
  // Without the final `/.` and `/`, which have a meaning.
  const end = /\/\.?$/.exec(path)?.[0] ?? '';
  return path === '/' ? path : `${resolve(path)}${end}`;
}

const durations = [
  'healthInterval',
  'healthTimeout',
  'healthStartPeriod',
  'healthStartInterval',
] as const satisfies readonly (keyof ImageContainerOptions)[];

function createWords(image: string, args: readonly string[], options: Partial<ImageContainerOptions>) {
  const inWords = durations.flatMap(name =>
    options[name] === undefined ? [] : [[name, `${options[name]}ms`] as const],
  );
  const words = optionWords({ ...options, ...Object.fromEntries(inWords) });
  return ['container', 'create', ...words, '--', image, ...args];
}

/**
 * Makes a container of an image. {@link ImageContainer.start} runs its program.
 *
 * @example
 * ```ts
 * const web = await containers.create({ image: 'httpd', name: 'web', publish: ['8800:80'] });
 * await web.start();
 * ```
 * @throws RuntimeError `usage.option`, `usage.bad-value`, `image.*`, `registry.*`, `direct.*`; the reason of `signal`
 */
export async function create(options: ImageContainerOptions): Promise<ImageContainer> {
  const { common, own, rest } = splitOptions('containers.create', options, ['image', 'args']);
  let id = '';
  try {
    await runCommand(common, createWords(own.image, own.args ?? [], rest), {
      onLine: line => {
        id = line;
      },
    });
  } catch (error) {
    // Aborted after the command has made it.
    if (id !== '') await removeNow(common, id);
    throw error;
  }
  return new ImageContainer(withoutSignal(common), id);
}

/** {@link create} and {@link ImageContainer.start}. A container whose program does not start is removed. */
export async function launch(options: ImageContainerOptions): Promise<ImageContainer> {
  const container = await create(options);
  try {
    options.signal?.throwIfAborted();
    await container.start();
    options.signal?.throwIfAborted();
  } catch (error) {
    await container.delete({ force: true, volumes: true });
    throw error;
  }
  return container;
}

/**
 * Makes a container of an image, runs its program until it has ended, and removes the container. Standard input is
 * empty without `input`.
 *
 * @example
 * ```ts
 * const { status, stdout } = await containers.run({ image: 'busybox', args: ['uname', '-r'], timeout: 10_000 });
 * ```
 * @throws as {@link create} and {@link ImageContainer.start}; RuntimeError `usage.output-limit` for more than
 *   `maxBuffer`; the reason of `signal` if it is aborted
 */
export async function run(options: RunImageOptions): Promise<RunResult> {
  const { common, own, rest } = splitOptions('containers.run', options, [
    'image',
    'args',
    'input',
    'timeout',
    'maxBuffer',
  ]);
  const { image, args = [], input, timeout, maxBuffer } = own;
  const { signal } = common;
  checkWait({ timeout, maxBuffer, signal });
  const interactive = input !== undefined;
  // A create that is aborted leaves a container of this name.
  const name = rest.name ?? `run-${randomBytes(8).toString('hex')}`;
  const quiet = withoutSignal(common);
  let made = rest.name === undefined;
  try {
    let id = '';
    await runCommand(common, createWords(image, args, { ...rest, name, interactive, rm: true }), {
      onLine: line => {
        id = line;
        // From here on an abort comes after the command has made the container of this name.
        made = true;
      },
    });
    const start = ['container', 'start', '--attach', ...optionWords({ interactive }), '--', id];
    return await withLogFile(async (log, failure) => {
      const child = startCommand(callerOf(quiet), log, start);
      if (!interactive) child.stdin.end();
      const ended = endOf(child);
      const running = {
        pid: child.pid ?? 0,
        stdin: child.stdin,
        stdout: child.stdout,
        stderr: child.stderr,
        kill: () => {
          // One that does not run yet cannot be killed.
          runCommand(quiet, ['container', 'kill', '--', name]).catch(() => removeNow(quiet, name));
        },
        async wait() {
          const { status, endSignal } = await ended;
          return status === null ? { status: 137, signal: endSignal ?? 'SIGKILL' } : { status };
        },
      };
      const { pid: _, ...result } = await waitForResult(running, {
        ...(input !== undefined && { input }),
        ...(timeout !== undefined && { timeout }),
        ...(maxBuffer !== undefined && { maxBuffer }),
        ...(signal !== undefined && { signal }),
      });
      const error = await failure();
      if (error !== undefined && !result.timedOut) throw error.with({});
      made = false;
      return result;
    });
  } finally {
    if (made) await removeNow(quiet, name);
  }
}

function withoutSignal({ signal: _, ...options }: CommandOptions): CommandOptions {
  return options;
}

/** Removes a container if it is there. */
async function removeNow(options: CommandOptions, id: string): Promise<void> {
  await runCommand(withoutSignal(options), ['container', 'rm', '--force', '--volumes', '--', id]).catch(
    () => {},
  );
}

/**
 * Returns a container of an image, also one that another program has made.
 *
 * @param container - name, id or prefix of an id
 * @throws RuntimeError `direct.no-container`, `direct.ambiguous`
 */
export async function get(container: string, options: CommandOptions = {}): Promise<ImageContainer> {
  const { common } = splitOptions('containers.get', options, []);
  const words = ['container', 'inspect', '--', container];
  const [{ Id }] = await readCommand<[InspectedContainer]>(common, words);
  return new ImageContainer(withoutSignal(common), Id);
}

/** The running containers, or all of them, the newest first. */
export async function list(options: ListContainersOptions = {}): Promise<readonly Row[]> {
  const { common, rest } = splitOptions('containers.list', options, []);
  return readLines(common, ['container', 'ls', '--no-trunc', '--format=json', ...optionWords(rest)]);
}

/** Removes containers that do not run, and returns their ids. */
export async function prune(options: PruneContainersOptions = {}): Promise<readonly string[]> {
  const { common, rest } = splitOptions('containers.prune', options, []);
  return linesOf(await runCommand(common, ['container', 'prune', ...optionWords(rest)]));
}
