// SPDX-License-Identifier: Apache-2.0
// A Debian in namespaces of its own, in which an engine runs as if it were installed on a machine.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Result {
  /** null if a signal ended the command. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
};

/**
 * The first process of the machine. Arguments: the work directory, the tree of the root file system. The changes to the
 * tree and the stores of the engines are on tmpfs, which ends with the mount namespace.
 */
const boot = `
set -eu
work=$1 tree=$2
mount -t tmpfs -o mode=755 tmpfs "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay -o "lowerdir=$tree,upperdir=$work/upper,workdir=$work/work" overlay "$work/root"
cd "$work/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm dev/mqueue dev/net
for name in null zero full random urandom tty fuse net/tun; do
  [ -e "/dev/$name" ] || continue
  : >"dev/$name"
  mount --bind "/dev/$name" "dev/$name"
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs tmpfs dev/shm
mount -t mqueue mqueue dev/mqueue
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
for name in docker containerd containers registry tsubo; do
  mkdir -p "var/lib/$name"
  mount -t tmpfs -o mode=711 tmpfs "var/lib/$name"
done
ip link set lo up
hostname engines
pivot_root . old
cd /
umount -l old
mount --make-rshared /
exec env -i PATH="${environment.PATH}" tini -- sh -c 'echo ready && exec cat'
`;

/** The mount point of cgroup v2 of this process. */
function cgroup2(): string {
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find(text => / - cgroup2 /.test(text));
  const path = line?.split(' ')[4];
  if (path === undefined) throw new Error('no cgroup2 is mounted on this machine');
  return path;
}

export class Machine {
  private readonly holder: ChildProcess;
  /** The first process, in the pid namespace of the caller. */
  private readonly pid: number;
  private readonly work: string;
  private readonly cgroup: string;

  private constructor(holder: ChildProcess, work: string, cgroup: string) {
    this.holder = holder;
    this.pid = Number(readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8').trim());
    this.work = work;
    this.cgroup = cgroup;
  }

  /**
   * @param into directory for the work directory
   * @param tree the root file system, which stays as it is
   */
  static async start(into: string, tree: string): Promise<Machine> {
    const work = mkdtempSync(join(into, 'machine-'));
    const cgroup = join(cgroup2(), `engines-${process.pid}`);
    mkdirSync(cgroup);
    const enterCgroup = 'echo 0 >"$1/cgroup.procs" && shift && exec "$@"';
    const namespaces = [
      '--mount',
      '--net',
      '--pid',
      '--uts',
      '--ipc',
      '--cgroup',
      '--propagation',
      'private',
    ];
    const holder = spawn(
      'sh',
      [
        ...['-c', enterCgroup, 'sh', cgroup],
        ...['unshare', ...namespaces, '--fork', '--kill-child', 'sh', '-c', boot, 'sh', work, tree],
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    await new Promise<void>((resolve, reject) => {
      holder.stdout?.once('data', () => resolve());
      holder.once('error', reject);
      holder.once('exit', code => reject(new Error(`the namespaces could not be made (status ${code})`)));
    });
    enableControllers(cgroup);
    return new Machine(holder, work, cgroup);
  }

  /** The path of a file of the machine for this process. */
  path(inside: string): string {
    return `/proc/${this.pid}/root${inside}`;
  }

  write(inside: string, content: string | Buffer, mode = 0o644): void {
    mkdirSync(dirname(this.path(inside)), { recursive: true });
    writeFileSync(this.path(inside), content, { mode });
  }

  read(inside: string): string {
    return readFileSync(this.path(inside), 'utf8');
  }

  /** The controllers that the cgroups of containers have. */
  controllers(): readonly string[] {
    return this.read('/sys/fs/cgroup/cgroup.subtree_control').trim().split(/\s+/);
  }

  /** The arguments that run a command in the machine, in the cgroup of its first process. */
  private wrap(command: readonly string[], env: RunOptions['env']): readonly string[] {
    const names = ['--mount', '--net', '--pid', '--uts', '--ipc', '--cgroup', '--root'];
    const settings = Object.entries({ ...environment, ...env }).map(([name, value]) => `${name}=${value}`);
    const enter = 'cd && echo 0 >/sys/fs/cgroup/init/cgroup.procs && exec "$@"';
    return [
      ...['nsenter', '--target', String(this.pid), ...names, '--'],
      ...['/usr/bin/env', '-i', ...settings, 'sh', '-c', enter, 'sh', ...command],
    ];
  }

  /** Runs a command to its end. */
  run(command: readonly string[], options: RunOptions = {}): Result {
    const [file = '', ...args] = this.wrap(command, options.env);
    const done = spawnSync(file, args, {
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...(options.input !== undefined && { input: options.input }),
      timeout: options.timeoutMs ?? 120_000,
      killSignal: 'SIGKILL',
      maxBuffer: 256 << 20,
    });
    if (done.error !== undefined) throw new Error(`${command.join(' ')}: ${done.error.message}`);
    return { status: done.status, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
  }

  /** Starts a command without waiting for it. */
  spawn(command: readonly string[], options: RunOptions = {}): ChildProcess {
    const [file = '', ...args] = this.wrap(command, options.env);
    return spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  }

  /** Ends all processes of the machine, and removes its cgroups and its directory. */
  async stop(): Promise<void> {
    const ended = new Promise(resolve => this.holder.once('exit', resolve));
    // The first process ends with its input, and the kernel kills all others of its pid namespace.
    this.holder.stdin?.end();
    if (this.holder.exitCode === null) await ended;
    removeCgroup(this.cgroup);
    rmdirSync(this.work);
  }
}

/** Moves all processes to a child, because a cgroup with processes cannot have controllers for its children. */
function enableControllers(cgroup: string): void {
  const child = join(cgroup, 'init');
  mkdirSync(child);
  for (const pid of readFileSync(join(cgroup, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) {
    writeFileSync(join(child, 'cgroup.procs'), pid);
  }
  const controllers = readFileSync(join(cgroup, 'cgroup.controllers'), 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean);
  const enabled = controllers.map(name => `+${name}`).join(' ');
  if (enabled !== '') writeFileSync(join(cgroup, 'cgroup.subtree_control'), enabled);
}

function removeCgroup(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroup(join(path, entry.name));
  }
  rmdirSync(path);
}
