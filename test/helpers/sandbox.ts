// SPDX-License-Identifier: Apache-2.0
import type { ChildProcess } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { staticBusybox } from '../tools.mjs';
import { Bundle, Programs } from './bundle.ts';
import { insideProgram, parseReport, type Report } from './inside.ts';
import { disagrees, isTsubo, type Runtime, runtime } from './runtime.ts';
import { processState, type Traces, traces } from './traces.ts';
import { type ExecOptions, type Layout, type Result, View, withFile } from './view.ts';

/** A static busybox of the machine, also for hooks outside the container. In the container it is /bin/busybox. */
export const hostBusybox = staticBusybox() ?? '/bin/busybox';

export interface InsideOptions {
  /** Paths for the program to examine. */
  readonly probe?: readonly string[];
  /** Further arguments of `run`. */
  readonly flags?: readonly string[];
  readonly exec?: ExecOptions;
}

/** A running command. */
export interface Running {
  readonly child: ChildProcess;
  /** The output until now. */
  stdout(): string;
  stderr(): string;
  readonly ended: Promise<{ status: number | null; signal: string | null }>;
}

/**
 * An environment for the containers of one test file: a private view of the machine, a directory, a root for the
 * runtime. After each test its remaining containers are deleted by force, and then no trace may be left.
 */
export class Sandbox {
  readonly layout: Layout;
  private readonly runtime: Runtime;
  private opened: View | undefined;
  private programs: Programs | undefined;
  private directory = '';
  private count = 0;
  /** Standard input of commands without input. */
  private noInput: number | 'ignore' = 'ignore';

  constructor(layout: Layout, which: Runtime) {
    this.layout = layout;
    this.runtime = which;
  }

  async open(): Promise<void> {
    this.directory = mkdtempSync(join(tmpdir(), 'jar-'));
    chmodSync(this.directory, 0o755); // containers of other users access it too
    this.opened = await View.open(this.layout);
    if (this.runtime.name === 'crun') {
      // It changes the owner of its standard input, and `ignore` would be the null device of the machine.
      const device = this.fresh('null');
      this.view.sh('mknod -m 666 "$1" c 1 3', device);
      this.noInput = openSync(device, 'r+');
    }
    this.programs = new Programs(join(this.directory, 'programs'), hostBusybox, insideProgram());
  }

  close(): void {
    this.removeCgroups();
    this.opened?.close();
    if (this.noInput !== 'ignore') closeSync(this.noInput);
    rmSync(this.directory, { recursive: true, force: true });
  }

  get view(): View {
    if (this.opened === undefined) throw new Error('the sandbox is open only while tests run');
    return this.opened;
  }

  /** A directory of this sandbox alone. */
  get dir(): string {
    return this.directory;
  }

  /** Part of every id and path of this sandbox, and of no other. */
  get name(): string {
    return this.directory.slice(this.directory.lastIndexOf('/') + 1);
  }

  /** The argument of `--root`. */
  get root(): string {
    return join(this.directory, 'state');
  }

  /** An unused path in the sandbox. */
  fresh(what: string): string {
    this.count += 1;
    return join(this.directory, `${what}-${this.count}`);
  }

  /** A new directory in the sandbox. */
  mkdir(what: string): string {
    const path = this.fresh(what);
    mkdirSync(path);
    return path;
  }

  /** A directory of the host with a file `note` in it. */
  source(): string {
    const dir = this.mkdir('source');
    writeFileSync(join(dir, 'note'), 'from the host');
    return dir;
  }

  /** A bundle with the default config, changed by `modify`. */
  bundle(modify?: (bundle: Bundle) => void): Bundle {
    const dir = this.mkdir('bundle');
    if (this.programs === undefined) throw new Error('the sandbox is open only while tests run');
    const bundle = new Bundle(`${this.name}-${this.count}`, dir, this.programs);
    modify?.(bundle);
    bundle.write();
    return bundle;
  }

  /** The command line of the runtime: `--root` of this sandbox, then `args`. */
  command(...args: string[]): string[] {
    return [...this.runtime.command, '--root', this.root, ...args];
  }

  /**
   * Runs the runtime to its end. Its output goes to files, so a container that keeps it open does not block the test;
   * later output of the container is appended.
   */
  oci(args: readonly string[], options: ExecOptions = {}): Result & { readonly output: string } {
    const output = this.fresh('output');
    return withFile(output, 'a', out =>
      withFile(`${output}.err`, 'a', err => {
        const [stdin = options.input === undefined ? this.noInput : 'pipe', , , ...rest] =
          options.stdio ?? [];
        const done = this.view.exec(this.command(...args), { ...options, stdio: [stdin, out, err, ...rest] });
        const stdout = readFileSync(output, 'utf8');
        return { ...done, stdout, stderr: readFileSync(`${output}.err`, 'utf8'), output };
      }),
    );
  }

  /** Like `oci`, but throws if the command fails. */
  must(args: readonly string[], options: ExecOptions = {}): Result & { readonly output: string } {
    const done = this.oci(args, options);
    if (done.status !== 0) {
      throw new Error(
        `${args.join(' ')}: status ${done.status ?? done.signal}: ${done.stderr}${done.stdout}`,
      );
    }
    return done;
  }

  /** Runs a command that must fail, and returns what an engine sees. */
  fails(args: readonly string[], options: ExecOptions = {}): Failure {
    const log = this.fresh('log');
    const done = this.oci(['--log', log, '--log-format', 'json', ...args], options);
    if (done.status === 0) throw new Error(`${args.join(' ')}: must fail, but printed ${done.stdout}`);
    const records = existsSync(log)
      ? readFileSync(log, 'utf8')
          .split('\n')
          .filter(line => line !== '')
      : [];
    const errors = records
      .map(line => JSON.parse(line) as LogRecord)
      .filter(record => record.level === 'error');
    if (errors.length !== 1)
      throw new Error(`${args.join(' ')}: not one error but ${errors.length}: ${records.join('\n')}`);
    return { status: done.status, message: done.stderr.trim(), record: errors[0] as LogRecord };
  }

  /** Like `fails`, with status 1, a line that contains `text`, and on tsubo this code. */
  failsWith(args: readonly string[], text: string, code: string): Failure {
    const failure = this.fails(args);
    expect(failure.status).toBe(1);
    expect(failure.message).toContain(text);
    expect(failure.message).not.toContain('\n');
    if (isTsubo) expect(failure.record.code).toBe(code);
    return failure;
  }

  /** `create` must fail without traces. */
  refuses(bundle: Bundle): Failure {
    const before = this.traces();
    const failure = this.fails(['create', '--bundle', bundle.dir, bundle.id]);
    expect(failure.status).toBe(1);
    expect(this.traces()).toEqual(before);
    return failure;
  }

  /** Starts the runtime in the background. */
  spawn(args: readonly string[], options: ExecOptions = {}): Running {
    return watch(this.view.spawn(this.command(...args), options));
  }

  create(bundle: Bundle, ...flags: string[]): Result & { readonly output: string } {
    return this.must(['create', '--bundle', bundle.dir, ...flags, bundle.id]);
  }

  /** A created container (its program is `sleep` unless the bundle sets another). */
  created(modify?: (bundle: Bundle) => void): Bundle {
    const bundle = this.bundle(made => {
      made.config.process.args = ['/bin/sleep', '1000'];
      modify?.(made);
    });
    this.create(bundle);
    return bundle;
  }

  /** A running container. */
  running(modify?: (bundle: Bundle) => void): Bundle {
    const bundle = this.created(modify);
    this.must(['start', bundle.id]);
    return bundle;
  }

  /** A container whose program was killed. */
  async stopped(): Promise<Bundle> {
    const bundle = this.running();
    this.must(['kill', bundle.id, 'KILL']);
    await until('it has stopped', () => this.state(bundle.id).status === 'stopped');
    return bundle;
  }

  /** `run` and its result. */
  run(bundle: Bundle, options: ExecOptions = {}, ...flags: string[]): Result {
    return this.oci(['run', '--bundle', bundle.dir, ...flags, bundle.id], options);
  }

  /** The view from inside a container with this config. */
  inside(modify?: (bundle: Bundle) => void, options: InsideOptions = {}): Report {
    const bundle = this.bundle(made => {
      made.config.process.args = ['/bin/inside', '--probe', ...(options.probe ?? [])];
      modify?.(made);
    });
    const done = this.run(bundle, options.exec, ...(options.flags ?? []));
    if (done.status !== 0)
      throw new Error(`run: status ${done.status ?? done.signal}: ${done.stderr}${done.stdout}`);
    return parseReport(done.stdout);
  }

  /** Output of a shell script in a container with this config. */
  shell(script: string, modify?: (bundle: Bundle) => void): string {
    const bundle = this.bundle(made => {
      made.shell(script);
      modify?.(made);
    });
    const done = this.run(bundle);
    if (done.status !== 0)
      throw new Error(`run: status ${done.status ?? done.signal}: ${done.stderr}${done.stdout}`);
    return done.stdout;
  }

  /** The `state` document. */
  state(id: string): State {
    return JSON.parse(this.must(['state', id]).stdout) as State;
  }

  /** Deletes every container by force. */
  cleanUp(): void {
    if (!existsSync(this.root)) return;
    for (const id of readdirSync(this.root)) this.must(['delete', '--force', id]);
  }

  /** Whether a process still runs: it exists and is not a zombie. */
  lives(pid: number): boolean {
    return processState(pid) !== undefined && processState(pid) !== 'Z';
  }

  /** Removes empty cgroups, for runtimes that leave some. */
  removeCgroups(): void {
    for (const path of this.traces().cgroups.toReversed()) {
      try {
        rmdirSync(this.view.path(`/sys/fs/cgroup${path}`));
      } catch {
        // A cgroup that still contains a process; the test has reported it by now.
      }
    }
  }

  traces(): Traces {
    return traces(this.view, this.root, this.name);
  }
}

/** One line of a JSON log. Only tsubo writes the fields after `time`. */
export interface LogRecord {
  readonly level: string;
  readonly msg: string;
  readonly time: string;
  readonly code?: string;
  readonly pointer?: string;
  readonly [field: string]: unknown;
}

export interface Failure {
  readonly status: number | null;
  /** The line on standard error. */
  readonly message: string;
  /** The only error of the log file. */
  readonly record: LogRecord;
}

export interface State {
  readonly ociVersion: string;
  readonly id: string;
  readonly pid: number;
  readonly status: string;
  readonly bundle: string;
  readonly rootfs: string;
  readonly created: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly owner: string;
}

/** A sandbox for the file or the `describe` that calls this. */
export function sandbox(layout: Layout = 'unified', which: Runtime = runtime): Sandbox {
  const made = new Sandbox(layout, which);
  let before: Traces;
  beforeAll(() => made.open());
  beforeEach(() => {
    before = made.traces();
  });
  afterEach(async () => {
    made.cleanUp();
    if (disagrees('runc 1.1', 'leaves the cgroup of processes it has only just killed')) {
      await until('the last process has ended', () => made.traces().processes.length === 0);
      made.removeCgroups();
    }
    // The last process of an ended container may need a moment to leave the cgroup.
    await until(
      'nothing is left of the containers',
      () => JSON.stringify(made.traces()) === JSON.stringify(before),
    ).catch(() => expect(made.traces()).toEqual(before));
  });
  afterAll(() => made.close());
  return made;
}

/** Waits for a condition; the time is only an upper limit, also for a machine with much other work. */
export async function until(what: string, condition: () => boolean, timeoutMs = 100_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

export function watch(child: ChildProcess): Running {
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      printed[name] += text;
    });
  }
  const ended = new Promise<{ status: number | null; signal: string | null }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ status, signal }));
  });
  return { child, stdout: () => printed.stdout, stderr: () => printed.stderr, ended };
}
