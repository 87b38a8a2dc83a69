// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { withTools } from '../../native/build/programs.mjs';
import { type Mount, parseMountinfo } from './mountinfo.ts';

/**
 * The cgroup mounts of the view. `unified`: cgroup2 at /sys/fs/cgroup. `machine`: those of this machine, which only
 * matter if they differ from `unified`.
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
  /** After this time in milliseconds the command gets SIGKILL and the call throws. */
  readonly timeoutMs?: number;
}

export interface Result {
  /** null if a signal ended the command. */
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Mount point of the checkout in a view for another user, because the checkout may be in a private directory of root.
 */
export const movedCheckout = '/mnt';

/** The PATH of commands: the programs of the machine, then those that test/tools.mjs has fetched. */
export const path = withTools(
  `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${movedCheckout}/build/tools/bin`,
);

/**
 * A private mount namespace, held open by one small process. Commands enter it; this process stays outside and uses
 * /proc/PID/root. Mounts in it do not propagate to the machine and end with the holder, which ends with this process
 * (its standard input closes).
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
        reject(new Error(`unable to make the private mount namespace: status ${code}`)),
      );
    });
    return new View(holder);
  }

  get pid(): number {
    return this.holder.pid as number;
  }

  /** The path of a view path for this process, whatever is mounted on the way. */
  path(inView: string): string {
    return `/proc/${this.pid}/root${inView}`;
  }

  mounts(): Mount[] {
    return parseMountinfo(readFileSync(`/proc/${this.pid}/mountinfo`, 'utf8'));
  }

  /** The arguments that run `command` in the view: the started process executes the command itself. */
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
      timeout: options.timeoutMs ?? 200_000,
      killSignal: 'SIGKILL',
      maxBuffer: 64 << 20,
      encoding: 'utf8',
    });
    if (done.error !== undefined) throw done.error;
    return { status: done.status, signal: done.signal, stdout: done.stdout ?? '', stderr: done.stderr ?? '' };
  }

  /** Starts a command without waiting. */
  spawn(command: readonly string[], options: ExecOptions = {}): ChildProcess {
    const [file, ...args] = this.wrap(command, options.cwd ?? '/');
    return spawn(file, args, {
      env: options.env ?? { PATH: path },
      stdio: [...(options.stdio ?? (['pipe', 'pipe', 'pipe'] as const))],
    });
  }

  /** Runs a shell script that must succeed, and returns its output. */
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

/** Opens `file`, passes the descriptor to `work`, closes it again. */
export function withFile<T>(file: string, flags: string, use: (fd: number) => T): T {
  const fd = openSync(file, flags);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}
