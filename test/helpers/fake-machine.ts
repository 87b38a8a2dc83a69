// SPDX-License-Identifier: Apache-2.0

import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { isSystemError } from '../../src/errors/system.ts';
import type {
  Binding,
  HookEnd,
  HookRequest,
  KeeperRequest,
  Report,
  SpawnRequest,
  WaitStatus,
} from '../../src/host/binding.d.ts';
import { utf8 } from '../../src/host/utf8.ts';
import type { Runtime } from '../../src/lifecycle/runtime.ts';
import { readMembers } from './fake-members.ts';
import { FakeNetwork } from './fake-network.ts';
import { refused } from './refused.ts';

export { refused };

/** A simulated process; the fake binding shows it in /proc. */
export interface FakeProcess {
  readonly pid: number;
  startTime: number;
  state: 'S' | 'Z';
  /** Ignores SIGKILL, like a process in uninterruptible sleep. */
  stubborn: boolean;
  /** Directory of its cgroup. */
  readonly cgroup: string | undefined;
  readonly signals: number[];
}

/**
 * A machine of real parts (files below a temporary directory) and simulated parts (processes, control files of cgroups,
 * descriptors 1 and 2). It runs the lifecycle and the command line without root.
 */
export class FakeMachine {
  readonly directory = fs.mkdtempSync(join(tmpdir(), 'tsubo-'));
  /** The simulated mount point of cgroup2. */
  readonly cgroups = join(this.directory, 'cgroup');
  readonly root = join(this.directory, 'state');
  /** The simulated mount point of resctrl, after `mountResctrl`. */
  readonly resctrl = join(this.directory, 'resctrl');
  readonly processes = new Map<number, FakeProcess>();
  readonly environment = new Map<string, string>();
  readonly passedFds = new Set<number>();
  readonly spawned: SpawnRequest[] = [];
  /** Calls that change state, in order. */
  readonly calls: string[] = [];
  arguments: string[] = ['tsubo'];
  stdout = '';
  stderr = '';
  stdoutIsTerminal = false;
  stderrIsTerminal = false;
  terminalWidth: number | undefined = undefined;
  /** Reports of the next inits; `ready` if the list is empty. */
  reports: Partial<Report>[] = [];
  releaseReport: Partial<Report> = { kind: 'ready' };
  exit: WaitStatus = { code: 0 };
  /** Results of the next waits for a change; `ended` if the list is empty. */
  changes: ('changed' | 'ended' | 'time')[] = [];
  /** Results of the next hooks; success if the list is empty. */
  hookEnds: Partial<HookEnd>[] = [];
  readonly hooks: HookRequest[] = [];
  /** Links, ports and tables of nf_tables. */
  readonly network = new FakeNetwork();
  readonly keepers: KeeperRequest[] = [];
  euid = 0;
  /** Messages to a peer, and its answers; it has closed its socket if the list is empty. */
  readonly requests: Uint8Array[] = [];
  readonly answers: Uint8Array[] = [];
  /** Messages sent with a descriptor. */
  readonly sent: { readonly path: string; readonly fd: number; readonly message: string }[] = [];
  /** Texts written to files of /proc, in order, and contents and targets of such files. */
  readonly procWrites: (readonly [path: string, text: string])[] = [];
  readonly procFiles = new Map<string, string>();
  /** Names in /proc/PID/ns of the namespaces that the simulated processes have and the runtime has not. */
  readonly foreignNamespaces = new Set<string>();
  /** Warnings of the runtime. */
  readonly warnings: string[] = [];
  /** Directories on read-only file systems. */
  readonly readOnly = new Set<string>();
  /** The first call of this name fails with this errno or runs this function. */
  readonly trouble = new Map<string, number | (() => void)>();
  readonly #locks = new Map<string, number>();
  readonly #pidfds = new Map<number, FakeProcess>();
  readonly #openDirectories = new Map<number, string>();
  #nextPid = 100_001;
  #nextPidfd = 1_000_000;
  readonly #openInProc = new Map<number, string>();
  #nextInProc = 2_500_000;

  constructor() {
    fs.mkdirSync(this.cgroups);
    fs.writeFileSync(join(this.cgroups, 'cgroup.controllers'), '');
  }

  /** A processor with two caches that can be partitioned. */
  mountResctrl(): void {
    this.#fillClass(this.resctrl);
    for (const [file, text] of [
      ['L3/cbm_mask', 'fffff\n'],
      ['L3/min_cbm_bits', '1\n'],
      ['L3/num_closids', '16\n'],
      ['MB/bandwidth_gran', '10\n'],
      ['MB/min_bandwidth', '10\n'],
      ['MB/delay_linear', '1\n'],
      ['MB/num_closids', '8\n'],
      ['L3_MON/mon_features', 'llc_occupancy\nmbm_total_bytes\nmbm_local_bytes\n'],
      ['last_cmd_status', 'ok\n'],
    ] as const) {
      fs.mkdirSync(dirname(join(this.resctrl, 'info', file)), { recursive: true });
      fs.writeFileSync(join(this.resctrl, 'info', file), text);
    }
  }

  /** Creates the files that the kernel creates in the directory of a class or a monitoring group. */
  #fillClass(directory: string): void {
    const file = (name: string, text: string): void => fs.writeFileSync(join(directory, name), text);
    for (const cache of ['mon_L3_00', 'mon_L3_01']) {
      fs.mkdirSync(join(directory, 'mon_data', cache), { recursive: true });
      file(`mon_data/${cache}/llc_occupancy`, '4096\n');
      file(`mon_data/${cache}/mbm_total_bytes`, '9007199254740993\n');
      file(`mon_data/${cache}/mbm_local_bytes`, '0\n');
    }
    file('tasks', '');
    if (dirname(directory).endsWith('mon_groups')) return;
    fs.mkdirSync(join(directory, 'mon_groups'));
    file('schemata', '    L3:0=fffff;1=fffff\n    MB:0=100;1=100\n');
  }

  #isClass(path: string): boolean {
    return path.startsWith(`${this.resctrl}/`);
  }

  /** Removes the real files. */
  dispose(): void {
    fs.rmSync(this.directory, { recursive: true, force: true });
  }

  addProcess(fields: Partial<FakeProcess> = {}): FakeProcess {
    const pid = fields.pid ?? this.#nextPid++;
    const made: FakeProcess = {
      startTime: 5000 + pid,
      state: 'S',
      stubborn: false,
      cgroup: undefined,
      signals: [],
      ...fields,
      pid,
    };
    this.processes.set(pid, made);
    return made;
  }

  /** Open locks, without pidfds of the caller. */
  get openLocks(): number {
    return this.#locks.size;
  }

  /** Open files of /proc of simulated processes. */
  get openInProc(): string[] {
    return [...this.#openInProc.values()];
  }

  get openPidfds(): number {
    return this.#pidfds.size;
  }

  /** Writes the control files of a cgroup with the processes in it or below. */
  refreshCgroup(directory: string): void {
    const inside = [...this.processes.values()].filter(
      ({ cgroup, state }) => state !== 'Z' && cgroup?.startsWith(directory),
    );
    const own = inside.filter(({ cgroup }) => cgroup === directory).map(({ pid }) => `${pid}\n`);
    const freeze = join(directory, 'cgroup.freeze');
    if (!fs.existsSync(freeze)) fs.writeFileSync(freeze, '0\n');
    const frozen = fs.readFileSync(freeze, 'utf8').trim();
    fs.writeFileSync(join(directory, 'cgroup.procs'), own.join(''));
    fs.writeFileSync(
      join(directory, 'cgroup.events'),
      `populated ${inside.length > 0 ? 1 : 0}\nfrozen ${frozen}\n`,
    );
    if (!fs.existsSync(join(directory, 'cgroup.kill'))) fs.writeFileSync(join(directory, 'cgroup.kill'), '');
  }

  signal(process: FakeProcess, signal: number): void {
    if (signal !== 0) process.signals.push(signal);
    if (signal === 9 && !process.stubborn) process.state = 'Z';
  }

  get binding(): Binding {
    return this.#binding;
  }

  get runtime(): Runtime {
    const log = { debug: () => {}, warn: (message: string) => void this.warnings.push(message) };
    return { binding: this.#binding, root: this.root, log };
  }

  #begin(name: string, detail = ''): void {
    this.calls.push(detail === '' ? name : `${name} ${detail}`);
    const trouble = this.trouble.get(name);
    if (trouble === undefined) return;
    this.trouble.delete(name);
    if (typeof trouble === 'function') trouble();
    else throw refused(name, trouble, detail);
  }

  #isCgroup(path: string): boolean {
    return path.startsWith(`${this.cgroups}/`);
  }

  readonly #binding: Binding = {
    readText: path => {
      const pid = /^\/proc\/(\d+)\/stat$/.exec(path)?.[1];
      if (pid !== undefined) {
        const found = this.processes.get(Number(pid));
        if (found === undefined) throw refused('open', 2, path);
        return `${pid} (a) b) ${found.state} ${'0 '.repeat(18)}${found.startTime} 0 0\n`;
      }
      if (path === '/proc/self/mountinfo') {
        const cgroups = `30 1 0:26 / ${this.cgroups} rw - cgroup2 cgroup2 rw\n`;
        if (!fs.existsSync(this.resctrl)) return cgroups;
        return `${cgroups}31 1 0:27 / ${this.resctrl} rw - resctrl resctrl rw\n`;
      }
      if (path === '/proc/self/cgroup') return '0::/\n';
      const content = this.procFiles.get(path);
      if (content !== undefined) return content;
      if (this.#isCgroup(path) && fs.existsSync(dirname(path))) this.refreshCgroup(dirname(path));
      return real('open', path, () => fs.readFileSync(path, 'utf8'));
    },
    readStart: (path, length) =>
      real('open', path, () => {
        const fd = fs.openSync(path, 'r');
        const bytes = new Uint8Array(length);
        const count = fs.readSync(fd, bytes);
        fs.closeSync(fd);
        return bytes.subarray(0, count);
      }),
    writeText: (path, text, flags, mode) => {
      this.#begin('writeText', path);
      if (path.startsWith('/proc/')) {
        this.procWrites.push([path, text]);
        if (path.startsWith('/proc/sys/')) this.procFiles.set(path, text);
        return;
      }
      if (this.#isCgroup(path) && path.endsWith('/cgroup.kill')) {
        const directory = dirname(path);
        if (!fs.existsSync(path)) throw refused('open', 2, path);
        for (const process of this.processes.values()) {
          if (process.cgroup?.startsWith(directory)) this.signal(process, 9);
        }
        return;
      }
      if (this.#isClass(path) && path.endsWith('/schemata')) {
        const old = fs.readFileSync(path, 'utf8');
        const given = new Map(text.split('\n').map(line => [line.slice(0, line.indexOf(':')), line]));
        const lines = old.split('\n').map(line => given.get(line.trim().split(':')[0] ?? '') ?? line);
        fs.writeFileSync(path, lines.join('\n'));
        return;
      }
      real('open', path, () => {
        const fd = fs.openSync(path, flags | fs.constants.O_WRONLY, mode);
        fs.writeSync(fd, text);
        fs.closeSync(fd);
      });
    },
    changeLines: ({ path, end, starts, added, limit }) => {
      this.#begin('changeLines', path);
      const before = real('open', path, () => fs.readFileSync(path, 'latin1'));
      if (before.length > limit) throw refused('read', 27, path);
      const isRemoved = (line: string) => line.endsWith(end) && starts.some(start => line.startsWith(start));
      const kept = before
        .split(/(?<=\n)/)
        .filter(line => !isRemoved(line.replace(/\n$/, '')))
        .join('');
      const open = added !== '' && kept !== '' && !kept.endsWith('\n') ? '\n' : '';
      fs.writeFileSync(path, kept + open + added, 'latin1');
    },
    replaceText: (path, text, mode) => {
      this.#begin('replaceText', path);
      real('open', path, () => {
        fs.writeFileSync(`${path}.new`, text, { mode });
        fs.renameSync(`${path}.new`, path);
      });
    },
    mkdir: (path, mode) => {
      this.#begin('mkdir', path);
      real('mkdir', path, () => fs.mkdirSync(path, mode));
      if (this.#isCgroup(path)) this.refreshCgroup(path);
      if (this.#isClass(path)) this.#fillClass(path);
    },
    chown: (path, uid, gid) => {
      this.#begin('chown', `${path} ${uid} ${gid}`);
      real('lchown', path, () => fs.lstatSync(path));
    },
    rmdir: path => {
      this.#begin('rmdir', path);
      if (this.#isCgroup(path) && fs.existsSync(path)) {
        const entries = fs.readdirSync(path, { withFileTypes: true });
        this.refreshCgroup(path);
        const busy =
          entries.some(entry => entry.isDirectory()) ||
          fs.readFileSync(join(path, 'cgroup.procs')).length > 0;
        if (busy) throw refused('rmdir', 16, path);
        fs.rmSync(path, { recursive: true });
        return;
      }
      if (this.#isClass(path) && fs.existsSync(path)) fs.rmSync(path, { recursive: true });
      else real('rmdir', path, () => fs.rmdirSync(path));
    },
    unlink: path => {
      this.#begin('unlink', path);
      real('unlink', path, () => fs.unlinkSync(path));
    },
    symlink: (target, path) => {
      this.#begin('symlink', path);
      real('symlink', path, () => fs.symlinkSync(target, path));
    },
    removeTree: path => {
      this.#begin('removeTree', path);
      real('unlink', path, () => fs.rmSync(path, { recursive: true, force: true }));
    },
    unmount: path => {
      this.#begin('unmount', path);
      throw refused('umount2', 22, path);
    },
    makeFullFifo: (path, mode) => {
      this.#begin('makeFullFifo', path);
      execFileSync('mkfifo', ['-m', mode.toString(8), path]);
      return fs.openSync(path, 'r+');
    },
    readTextIfThere: path => {
      try {
        return this.#binding.readText(path);
      } catch (error) {
        if (isSystemError(error) && [2, 3, 20].includes(error.errno)) return undefined;
        throw error;
      }
    },
    readMembers: request => real('open', request.directory, () => readMembers(this.#binding, request)),
    readdir: path => {
      const below = [...this.procFiles.keys()].filter(file => file.startsWith(`${path}/`));
      const names = below.map(file => file.slice(path.length + 1).split('/')[0] ?? '');
      if (names.length > 0) return [...new Set(names)].sort();
      return real('open', path, () => fs.readdirSync(path).sort());
    },
    readlink: path => {
      const link = this.procFiles.get(path);
      if (link !== undefined) return link;
      const [, pid, name = ''] = /^\/proc\/(\d+)\/ns\/(\w+)$/.exec(path) ?? [];
      if (pid === undefined) return real('readlink', path, () => fs.readlinkSync(path));
      if (!this.processes.has(Number(pid))) throw refused('readlink', 2, path);
      return this.foreignNamespaces.has(name) ? `${name}:[1]` : fs.readlinkSync(`/proc/self/ns/${name}`);
    },
    realpath: path => real('realpath', path, () => fs.realpathSync(path)),
    getcwd: () => this.directory,
    chdir: () => {
      throw new Error('nothing may change the working directory');
    },
    stat: (path, noFollow) => {
      const found = noFollow
        ? fs.lstatSync(path, { throwIfNoEntry: false })
        : fs.statSync(this.#openDirectories.get(fdOf(path)) ?? path, { throwIfNoEntry: false });
      if (found === undefined) return undefined;
      const { mode, uid, gid, dev, ino, size } = found;
      return { mode, uid, gid, dev, ino, size, rdevMajor: 0, rdevMinor: 0 };
    },
    filesystemType: path => (path === this.cgroups ? 0x63677270 : 0),
    isReadOnly: path => this.readOnly.has(path),
    namespaceKind: () => undefined,
    openInRoot: () => {
      throw refused('openat2', 38);
    },
    copyTree: () => {
      throw refused('openat2', 38);
    },
    rename: (from, to) => {
      this.#begin('rename', to);
      real('rename', to, () => fs.renameSync(from, to));
    },
    open: (path, flags, mode) => {
      const pid = /^\/proc\/(\d+)\/(?:ns\/\w+|root)$/.exec(path)?.[1];
      if (pid !== undefined && this.processes.has(Number(pid))) {
        const inProc = this.#nextInProc++;
        this.#openInProc.set(inProc, path);
        return inProc;
      }
      const fd = real('open', path, () => fs.openSync(path, flags, mode));
      if (fs.fstatSync(fd).isDirectory()) this.#openDirectories.set(fd, path);
      return fd;
    },
    pipe: () => noStreams(),
    readAll: fd => fs.readFileSync(fd, 'utf8'),
    write: (fd, text) => {
      if (fd === 1) this.stdout += text;
      else if (fd === 2) this.stderr += text;
      else fs.writeSync(fd, text);
    },
    close: fd => {
      this.network.close(fd);
      if (this.#pidfds.delete(fd) || this.#openInProc.delete(fd) || fd >= 2_000_000) return;
      for (const [path, owner] of this.#locks) if (owner === fd) this.#locks.delete(path);
      this.#openDirectories.delete(fd);
      fs.closeSync(fd);
    },
    lock: fd => {
      this.#begin('lock');
      const path = this.#openDirectories.get(fd) ?? '';
      if (this.#locks.has(path)) return false;
      if (!fs.existsSync(path)) throw refused('flock', 2);
      this.#locks.set(path, fd);
      return true;
    },
    isTerminal: fd => (fd === 2 && this.stderrIsTerminal) || (fd === 1 && this.stdoutIsTerminal),
    terminalWidth: () => this.terminalWidth,
    isOpen: fd => this.passedFds.has(fd),
    utf8,
    argv: () => this.arguments,
    getenv: name => this.environment.get(name),
    pid: () => 4242,
    now: () => 1_700_000_000_120_000_000n,
    sleepMs: () => {},
    identity: () => ({
      machine: 'x86_64',
      release: '6.1.0',
      euid: this.euid,
      egid: 0,
      boundingCapabilities: (1n << 41n) - 1n,
      permittedCapabilities: (1n << 41n) - 1n,
      lastCapability: 40,
      ignoredSignals: 0n,
    }),
    spawn: request => {
      this.#begin('spawn');
      this.spawned.push(request);
      const init = this.addProcess({ cgroup: this.#openDirectories.get(request.cgroup) });
      return { pid: init.pid, pidfd: this.#newPidfd(init), channel: 2_000_000 + init.pid };
    },
    awaitReport: () => {
      this.#begin('awaitReport');
      return { kind: 'ready', step: 0, syscall: '', errno: 0, detail: '', ...this.reports.shift() };
    },
    resume: (_, given) => this.#begin('resume', given && `with ${given.fds.length}`),
    cloneTrees: ({ paths }) => {
      this.#begin('cloneTrees', paths.join(' '));
      return paths.map((_, index) => 2_100_000 + index);
    },
    probeFilesystem: ({ options }) => options.map(() => ({ errno: 0, message: '' })),
    makeOverlay: () => {
      this.#begin('makeOverlay');
      return 2_200_000;
    },
    mapMount: () => this.#begin('mapMount'),
    endInUserNamespace: () => {
      this.#begin('endInUserNamespace');
      return this.addProcess({ state: 'Z' }).pid;
    },
    limitProcess: (pid, resource, soft, hard) =>
      this.#begin('limitProcess', `${pid} ${resource} ${soft} ${hard}`),
    release: () => {
      this.#begin('release');
      return { kind: 'ready', step: 0, syscall: '', errno: 0, detail: '', ...this.releaseReport };
    },
    sendDescriptor: (path, fd, message) => {
      this.#begin('sendDescriptor', path);
      this.sent.push({ path, fd, message });
    },
    setAffinity: ({ mask }) => {
      this.#begin('setAffinity', [...mask].map(byte => byte.toString(16)).join(' '));
      return new Uint8Array([3]);
    },
    loadDeviceProgram: () => {
      this.#begin('loadDeviceProgram');
      return 2_000_000;
    },
    attachDeviceProgram: cgroup =>
      this.#begin('attachDeviceProgram', this.#openDirectories.get(cgroup) ?? ''),
    takeDescriptor: () => {
      this.#begin('takeDescriptor');
      return 3_000_000;
    },
    unpackTree: ({ tree }) => {
      throw refused('open', 2, tree);
    },
    packTree: ({ upper }) => {
      throw refused('openat', 2, upper);
    },
    findChanges: ({ upper }) => {
      throw refused('openat', 2, upper);
    },
    digest: () => {
      throw refused('read', 9);
    },
    linkFile: (_fd, path) => this.#begin('linkFile', path),
    copyBytes: () => 0,
    syncFilesystem: path => this.#begin('syncFilesystem', path),
    connectTo: path => {
      throw refused('connect', 2, path);
    },
    send: (_socket, bytes) => {
      this.#begin('send');
      this.requests.push(bytes);
    },
    receive: () => undefined,
    startPeer: request => {
      this.#begin('startPeer', request.args.join(' '));
      const { pid } = this.addProcess();
      return { pid, pidfd: this.#binding.pidfdOpen(pid) ?? -1, socket: 2_100_000 };
    },
    receiveMessage: () => {
      this.#begin('receiveMessage');
      return { bytes: this.answers.shift() ?? new Uint8Array() };
    },
    raiseLoopback: () => this.#begin('raiseLoopback'),
    ...this.network.binding,
    makeBridge: request => {
      this.#begin('makeBridge', request.name);
      this.network.binding.makeBridge(request);
    },
    removeLink: name => {
      this.#begin('removeLink', name);
      this.network.binding.removeLink(name);
    },
    makeVeth: request => {
      this.#begin('makeVeth', request.name);
      return this.network.binding.makeVeth(request);
    },
    enslave: (link, bridge, hairpin, isolated) => {
      this.#begin('enslave', `${link} ${bridge} ${hairpin} ${isolated}`);
      this.network.binding.enslave(link, bridge);
    },
    holdPorts: request => {
      this.#begin('holdPorts', `${request.protocol} ${request.address} ${request.first}`);
      return this.network.binding.holdPorts(request);
    },
    moveNetDevice: ({ name, newName, to }) => {
      this.#begin('moveNetDevice', `${name} ${newName} ${to < 0 ? 'back' : 'away'}`);
      return { name: newName.replace('%d', '0'), wasUp: true };
    },
    processExists: pid => this.processes.has(pid),
    pidfdOpen: pid => {
      const found = this.processes.get(pid);
      return found === undefined ? undefined : this.#newPidfd(found);
    },
    pidfdSignal: (pidfd, signal) => {
      const process = this.#pidfds.get(pidfd);
      if (process === undefined) throw refused('pidfd_send_signal', 9);
      if (process.state === 'Z') return false;
      this.signal(process, signal);
      return true;
    },
    pidfdWait: pidfd => this.#pidfds.get(pidfd)?.state === 'Z',
    reap: pid => {
      const process = this.processes.get(pid);
      if (process?.state !== 'Z') return undefined;
      this.processes.delete(pid);
      return process.signals.includes(9) ? { signal: 9 } : this.exit;
    },
    catchSignals: () => this.#begin('catchSignals'),
    endBySignal: () => {},
    hostTerminal: () => {
      this.#begin('hostTerminal');
      return 2_000_000;
    },
    adoptTerminal: (_master, _host, copySize) => this.#begin('adoptTerminal', String(copySize)),
    resizeTerminal: () => noStreams(),
    waitForeground: (pid, _pidfd, ...terminals) => {
      this.#begin('waitForeground', terminals.filter(value => value !== undefined).join(' '));
      this.processes.delete(pid);
      return this.exit;
    },
    runHelper: request => {
      this.#begin('runHelper', request.path);
      return { code: 0, result: '' };
    },
    runHook: request => {
      this.#begin('runHook', request.path);
      this.hooks.push(request);
      return { code: 0, timedOut: false, stdout: '', stderr: '', ...this.hookEnds.shift() };
    },
    awaitOutput: () => noStreams(),
    bindDatagrams: path => {
      this.#begin('bindDatagrams', path);
      return 2_000_000;
    },
    relayReadiness: request => {
      this.#begin('relayReadiness', request.host);
      return true;
    },
    watchFiles: () => {
      this.#begin('watchFiles');
      return 2_000_000;
    },
    awaitChange: () => {
      this.#begin('awaitChange');
      return this.changes.shift() ?? 'ended';
    },
    startContainerKeeper: () => noKeeper(),
    writeReaper: () => noKeeper(),
    openAttachment: () => noKeeper(),
    awaitContainerEnd: () => noKeeper(),
    attach: () => noKeeper(),
    printLog: () => noKeeper(),
    ownCommand: () => ['/usr/bin/tsubo'],
    startKeeper: request => {
      this.#begin('startKeeper');
      this.keepers.push(request);
      return { pid: this.addProcess().pid };
    },
    vocabulary: () => '',
  };

  #newPidfd(process: FakeProcess): number {
    const fd = this.#nextPidfd++;
    this.#pidfds.set(fd, process);
    return fd;
  }
}

function fdOf(path: string): number {
  return Number(/^\/proc\/self\/fd\/(\d+)$/.exec(path)?.[1] ?? -1);
}

/** Makes a machine before each test of the file, and removes it after the test. */
export function machineForEachTest(use: (machine: FakeMachine) => void): void {
  let machine: FakeMachine;
  beforeEach(() => {
    machine = new FakeMachine();
    use(machine);
  });
  afterEach(() => machine.dispose());
}

function real<T>(syscall: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { errno } = error as { errno?: number };
    if (errno === undefined) throw error;
    throw refused(syscall, Math.abs(errno), path);
  }
}

/** A bundle with a root file system and a minimal config. */
export function writeBundle(directory: string, change: (config: FakeConfig) => void = () => {}): string {
  fs.mkdirSync(join(directory, 'rootfs/bin'), { recursive: true });
  // A program that `check` accepts; no test executes it.
  fs.writeFileSync(join(directory, 'rootfs/bin/true'), '\x7fELF', { mode: 0o755 });
  const config: FakeConfig = {
    ociVersion: '1.0.2',
    process: { user: { uid: 0, gid: 0 }, args: ['/bin/true'], env: ['SECRET=x'], cwd: '/' },
    root: { path: 'rootfs' },
    linux: { namespaces: [{ type: 'mount' }, { type: 'pid' }] },
  };
  change(config);
  fs.writeFileSync(join(directory, 'config.json'), JSON.stringify(config, undefined, 2));
  return directory;
}

export interface FakeConfig {
  ociVersion: string;
  process: Record<string, unknown>;
  root: { path: string };
  linux: { namespaces: { type: string; path?: string }[]; cgroupsPath?: string };
  [key: string]: unknown;
}

/** The fields of the error that `work` throws. */
export function thrown(work: () => unknown): Record<string, unknown> {
  try {
    work();
  } catch (error) {
    return error as Record<string, unknown>;
  }
  throw new Error('nothing was thrown');
}

/** Tests of containers with a keeper run on the real one: test/direct. */
function noKeeper(): never {
  throw new Error('the fake machine has no keeper');
}

/** Tests of the library's streams run on the real one: test/oci/library.test.ts. */
function noStreams(): never {
  throw new Error('the fake machine has no pipes and terminals');
}
