// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { withTools } from '../../.ci/tools.mjs';
import { type Mount, parseMountinfo } from './mountinfo.ts';

/**
 * Which cgroup mounts the runtime finds. `unified`: cgroup2 at /sys/fs/cgroup. `machine`: those of this machine, as
 * they are; only of interest where they are something else.
 */
export type Layout = 'unified' | 'machine';

const machineIsUnified = existsSync('/sys/fs/cgroup/cgroup.controllers');

/** The layouts that differ on this machine. */
export const layouts: readonly Layout[] = machineIsUnified ? ['unified'] : ['unified', 'machine'];

export interface ExecOptions {
  readonly cwd?: string;
  /** The whole environment (default: only PATH). */
  readonly env?: Readonly<Record<string, string>>;
  /** Descriptors 0, 1, 2, 3, ... of the command. Default: /dev/null, and pipes for 1 and 2. */
  readonly stdio?: readonly (number | 'ignore' | 'pipe')[];
  readonly input?: string;
  /** The command gets SIGKILL then, and the call throws. In milliseconds. */
  readonly timeoutMs?: number;
}

export interface Result {
  /** null when a signal ended the command. */
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where a view for a user who is not root has the checkout, which may lie in a directory of root's. */
export const movedCheckout = '/mnt';

/** The PATH of commands: the machine's programs, then those that .ci/tools.mjs has fetched. */
export const path = withTools(
  `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${movedCheckout}/build/tools/bin`,
);

/**
 * A private mount namespace, held open by one small process. Commands enter it; this process stays where it is and
 * looks in through /proc/PID/root. Nothing mounted there reaches the machine, and all of it goes with the holder, which
 * ends when this process does (its standard input closes).
 */
export class View {
  private readonly holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.holder = holder;
  }

  static async open(layout: Layout): Promise<View> {
    const mounts =
      layout === 'unified' && !machineIsUnified ? 'mount -t cgroup2 none /sys/fs/cgroup && ' : '';
    const script = `${mounts}echo ready && exec cat`;
    const holder = spawn('unshare', ['-m', '--propagation', 'slave', 'sh', '-c', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { PATH: path },
    });
    await new Promise<void>((resolve, reject) => {
      holder.stdout?.once('data', () => resolve());
      holder.once('error', reject);
      holder.once('exit', code =>
        reject(new Error(`the private mount namespace could not be made (status ${code})`)),
      );
    });
    return new View(holder);
  }

  get pid(): number {
    return this.holder.pid as number;
  }

  /** A path of the view as this process reaches it, whatever is mounted on the way. */
  path(inView: string): string {
    return `/proc/${this.pid}/root${inView}`;
  }

  mounts(): Mount[] {
    return parseMountinfo(readFileSync(`/proc/${this.pid}/mountinfo`, 'utf8'));
  }

  /** The words that run `command` in the view: the process that is started becomes the command itself. */
  wrap(command: readonly string[], cwd: string): [string, ...string[]] {
    const enter = ['/usr/bin/nsenter', `--mount=/proc/${this.pid}/ns/mnt`, '--'] as const;
    return [...enter, '/bin/sh', '-c', 'cd -- "$1" && shift && exec "$@"', 'sh', cwd, ...command];
  }

  /** Runs a command to its end. */
  exec(command: readonly string[], options: ExecOptions = {}): Result {
    const [file, ...args] = this.wrap(command, options.cwd ?? '/');
    const done = spawnSync(file, args, {
      env: options.env ?? { PATH: path },
      stdio: [...(options.stdio ?? [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'])],
      ...(options.input === undefined ? {} : { input: options.input }),
      timeout: options.timeoutMs ?? 30_000,
      killSignal: 'SIGKILL',
      maxBuffer: 64 << 20,
      encoding: 'utf8',
    });
    if (done.error !== undefined) throw done.error;
    return { status: done.status, signal: done.signal, stdout: done.stdout ?? '', stderr: done.stderr ?? '' };
  }

  /** Starts a command and does not wait. */
  spawn(command: readonly string[], options: ExecOptions = {}): ChildProcess {
    const [file, ...args] = this.wrap(command, options.cwd ?? '/');
    return spawn(file, args, {
      env: options.env ?? { PATH: path },
      stdio: [...(options.stdio ?? (['pipe', 'pipe', 'pipe'] as const))],
    });
  }

  /** Runs a shell script that must succeed, and returns what it printed. */
  sh(script: string, ...args: string[]): string {
    const done = this.exec(['/bin/sh', '-euc', script, 'sh', ...args]);
    if (done.status !== 0) throw new Error(`${script}: ${done.stderr}`);
    return done.stdout;
  }

  close(): void {
    this.holder.stdin?.end();
    this.holder.kill('SIGKILL');
  }
}

/** Opens `file`, hands the descriptor over, closes it again. */
export function withFile<T>(file: string, flags: string, use: (fd: number) => T): T {
  const fd = openSync(file, flags);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}
