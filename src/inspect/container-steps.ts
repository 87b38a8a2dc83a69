// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import { isSystemError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import type { HostFacts } from '../host/facts.ts';
import { cleanPath, isBelow } from '../host/paths.ts';
import { capabilityNumbers } from '../kernel/capabilities.ts';
import { MAGIC, S_IF, S_IFMT } from '../kernel/files.ts';
import { rlimitNumbers } from '../kernel/rlimits.ts';
import { withEmptyRootHint } from '../lifecycle/empty-root.ts';
import type { Config } from '../oci/config.ts';
import { explainFailure } from '../plan/explain.ts';
import { mountFlags } from '../plan/mount-target.ts';
import type { Plan } from '../plan/plan.ts';
import { isLayer } from '../plan/root-mount.ts';
import { userNamespace } from '../plan/user-namespace.ts';
import type { Step } from '../wire/steps.ts';
import type { Findings } from './findings.ts';
import { anyExecuteBit, executeError, searchProgram } from './program.ts';
import { type Entry, isDirectory, isFile, RootView, typeOf } from './root-view.ts';

type Of<Op extends Step['op']> = Extract<Step, { op: Op }>;
type MountStep = Of<'mount' | 'bind' | 'mountCgroup'>;

/** A predicted error of the kernel. */
interface Refusal {
  readonly syscall: string;
  readonly errno: number;
  /** The object of the step. */
  readonly detail: string;
}

export interface Subject {
  readonly binding: Binding;
  readonly plan: Plan;
  readonly config: Config;
  readonly facts: HostFacts;
  /** The directory on the host; undefined if it does not exist. */
  readonly rootfs: string | undefined;
}

/**
 * Compares each step of the container part of a plan with the files of the host, in order and without executing it. A
 * step that would fail is reported like an error of the init, and the inspection continues.
 */
export function inspectContainer(subject: Subject, findings: Findings): void {
  new ContainerInspector(subject, findings).run();
}

class ContainerInspector {
  private readonly subject: Subject;
  private readonly findings: Findings;
  private readonly view: RootView;
  /** Hooks may create files that the program needs. */
  private readonly hasHooks: boolean;
  /** Nothing can be made in the root, which is one layer. */
  private readonly isRootFixed: boolean;
  private step = 0;
  /** The following steps are executed by `start`. */
  private afterReady = false;
  private program: { readonly path: string; readonly file: Extract<Entry, { kind: 'host' }> } | undefined;

  constructor(subject: Subject, findings: Findings) {
    this.subject = subject;
    this.findings = findings;
    const union = subject.plan.container.find(step => step.op === 'mountRoot');
    // The files of several layers are not merged here.
    const root = union === undefined ? subject.rootfs : union.lower || undefined;
    this.view = new RootView(subject.binding, root);
    this.isRootFixed = root !== undefined && union !== undefined;
    const { prestart = [], createRuntime = [], createContainer = [] } = subject.config.hooks ?? {};
    this.hasHooks = prestart.length + createRuntime.length + createContainer.length > 0;
  }

  run(): void {
    const { container } = this.subject.plan;
    for (this.step = 0; this.step < container.length; this.step++) this.look(container[this.step] as Step);
  }

  private look(step: Step): void {
    switch (step.op) {
      case 'mountRoot':
        this.mountRoot(step);
        break;
      case 'mount':
        this.mount(step);
        break;
      case 'mountCgroup':
        this.mountCgroup(step);
        break;
      case 'bind':
        this.bind(step);
        break;
      case 'makeDevice':
        this.makeDevice(step);
        break;
      case 'bindDevice':
        this.bindDevice(step);
        break;
      case 'openTerminal':
        this.openTerminal(step);
        break;
      case 'makeDirectory':
        this.makeDirectory(step);
        break;
      case 'changeDirectory':
        this.changeDirectory(step);
        break;
      case 'maskPath':
        this.maskPath(step);
        break;
      case 'setSysctl':
        this.setSysctl(step);
        break;
      case 'setRlimit':
        this.setRlimit(step);
        break;
      case 'findProgram':
        this.findProgram(step);
        break;
      case 'ready':
        this.afterReady = true;
        break;
      case 'runHook':
        this.runHook(step);
        break;
      case 'execute':
        this.execute(step);
        break;
      default:
        break;
    }
  }

  /** @param item - index of the refused item in the step's list */
  private refuse({ syscall, errno: number, detail }: Refusal, item?: number): void {
    if (this.findings.isFull()) return;
    const { binding, plan, config } = this.subject;
    const report = {
      kind: 'failed',
      step: this.step,
      syscall,
      errno: number,
      detail,
      ...(item !== undefined && { item }),
    } as const;
    const fields = withEmptyRootHint(binding, explainFailure(plan, report, config), plan, config);
    if (!this.afterReady) this.findings.problems.push(fields);
    else this.findings.warnings.push({ ...fields, message: `start would fail: ${fields.message}` });
  }

  // ---- mounts ------------------------------------------------------------------------------------------------

  /** Each layer must be a directory; upper and work directory must be on one file system. */
  private mountRoot(step: Of<'mountRoot'>): void {
    const { binding } = this.subject;
    const devices = new Map<string, number>();
    const options = step.lower === '' ? step.options : [`lowerdir+=${step.lower}`];
    options.forEach((option, item) => {
      const equals = option.indexOf('=');
      const key = option.slice(0, equals);
      if (equals < 0 || !isLayer({ key })) return;
      const entry = new RootView(binding, undefined).hostEntry(option.slice(equals + 1), false);
      const syscall = step.lower === '' ? 'fsconfig' : 'open_tree';
      if (entry.kind === 'missing') this.refuse({ syscall, errno: errno.ENOENT, detail: option }, item);
      else if (isFile(entry)) this.refuse({ syscall, errno: errno.ENOTDIR, detail: option }, item);
      else if (entry.kind === 'host') devices.set(key, entry.status.dev);
    });
    const [upper, work] = [devices.get('upperdir'), devices.get('workdir')];
    if (upper !== undefined && work !== undefined && upper !== work) {
      this.refuse({ syscall: 'fsconfig', errno: errno.EINVAL, detail: '' });
    }
    this.findings.addUnchecked(step.origin, 'whether the kernel makes an overlay of the layers');
  }

  private mount(step: Of<'mount'>): void {
    this.probe(step, step.fstype, step.source, step.options);
    const empty = step.fstype === 'tmpfs' && (Number(step.flags) & mountFlags.copyUp) === 0;
    this.cover(step, true, empty && !this.hasHooks ? { kind: 'made', directory: true } : { kind: 'unknown' });
  }

  private mountCgroup(step: Of<'mountCgroup'>): void {
    this.probe(step, 'cgroup2', 'cgroup', step.options);
    this.cover(step, true, { kind: 'unknown' });
  }

  private bind(step: Of<'bind'>): void {
    const source = this.bindSource(step);
    const refusal = this.sourceRefusal(step, source);
    if (refusal !== undefined) this.refuse(refusal);
    if (source.kind === 'unknown') {
      this.findings.addUnchecked(step.origin, `the source ${step.source} of the bind mount`);
    }
    if (refusal !== undefined || source.kind === 'unknown') {
      this.cover(step, undefined, { kind: 'unknown' });
      return;
    }
    const single = source.kind === 'host' && Number(step.recursive) === 0;
    this.cover(step, isDirectory(source), single ? { ...source, device: source.status.dev } : source);
  }

  private sourceRefusal(step: Of<'bind'>, source: Entry): Refusal | undefined {
    if (source.kind === 'missing') return { syscall: 'open_tree', errno: errno.ENOENT, detail: step.source };
    const wantsProc = (Number(step.flags) & mountFlags.sourceIsProc) !== 0;
    if (!wantsProc || source.kind !== 'host' || this.isProc(source.path)) return undefined;
    return { syscall: 'fstatfs', errno: errno.EPERM, detail: step.target };
  }

  /** Without a user namespace, the init resolves the path and finds the earlier mounts in the root. */
  private bindSource({ source, inRoot }: Of<'bind'>): Entry {
    const { config, rootfs } = this.subject;
    if (Number(inRoot) !== 0) return this.inside(source);
    const path = cleanPath(source);
    if (rootfs !== undefined && userNamespace(config) === undefined && isBelow(path, rootfs)) {
      return this.inside(path.slice(rootfs === '/' ? 0 : rootfs.length));
    }
    return this.view.hostEntry(path, false);
  }

  private inside(path: string): Entry {
    const found = this.view.resolve(path);
    return 'errno' in found ? { kind: 'missing' } : found.entry;
  }

  private isProc(path: string): boolean {
    return this.subject.binding.filesystemType(path) === MAGIC.PROC_SUPER_MAGIC;
  }

  /**
   * Resolves the target and adds the mount to the view.
   *
   * @param directory - true if a directory is mounted; undefined if that is unknown
   */
  private cover(step: MountStep, directory: boolean | undefined, entry: Entry): void {
    const ordinary = (Number(step.flags) & mountFlags.ordinaryDirectory) !== 0;
    const found = this.view.resolve(step.target, { noLinks: ordinary });
    if ('errno' in found) {
      this.refuse({ syscall: 'openat2', errno: found.errno, detail: step.target });
      return;
    }
    const target = found.entry;
    if (this.isRootFixed && target.kind === 'missing') {
      this.refuse({ syscall: 'openat2', errno: errno.EROFS, detail: step.target });
      return;
    }
    if (ordinary && isFile(target)) {
      this.refuse({ syscall: 'openat2', errno: errno.ENOTDIR, detail: step.target });
    } else if ((directory === true && isFile(target)) || (directory === false && isDirectory(target))) {
      this.refuse({ syscall: 'move_mount', errno: errno.ENOTDIR, detail: step.target });
    }
    if (target.kind !== 'unknown') this.view.mount(found.place, entry);
  }

  /** Probes the file system with each option. */
  private probe(step: MountStep, type: string, source: string, options: readonly string[]): void {
    const { binding } = this.subject;
    // The init passes longer values to mount(2); only a mount shows whether they are accepted.
    const short = options
      .map((option, item) => ({ option, item }))
      .filter(({ option }) => option.slice(option.indexOf('=') + 1).length <= 255);
    const askable = short.slice(0, mostOptions);
    if (askable.length < short.length) {
      this.findings.addUnchecked(step.origin, `the options of the mount after the first ${mostOptions}`);
    }
    if (this.findings.isFull()) return;
    // A file system that accepts this option checks its options only at mount time.
    const unknownOption = 'tsubo-no-such-option';
    try {
      const results = binding.probeFilesystem({
        type,
        source,
        options: [...askable.map(({ option }) => option), unknownOption],
      });
      if (results.at(-1)?.errno === 0) {
        if (options.length > 0)
          this.findings.addUnchecked(step.origin, `the options of ${type}: it reads them when it is mounted`);
        return;
      }
      askable.forEach(({ option, item }, index) => {
        const { errno: number = 0, message = '' } = results[index] ?? {};
        if (number === 0) return;
        const detail = message === '' ? option : `${option}: ${message}`;
        this.refuse({ syscall: 'fsconfig', errno: number, detail }, item);
      });
      if (!withoutSource.includes(type))
        this.findings.addUnchecked(step.origin, `whether ${type} can be mounted`);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (error.errno === errno.EPERM) {
        this.findings.addUnchecked(step.origin, `the options of ${type}: only root can test them`);
      } else {
        this.refuse({ syscall: error.syscall, errno: error.errno, detail: error.path ?? type });
      }
    }
  }

  // ---- devices and the terminal ------------------------------------------------------------------------------

  private makeDevice(step: Of<'makeDevice'>): void {
    const found = this.view.resolve(step.path, { followLast: false });
    if ('errno' in found) {
      this.refuse({ syscall: 'openat2', errno: found.errno, detail: step.path });
      return;
    }
    const { rootfs } = this.subject;
    const { entry, place } = found;
    // The init does not replace a file of a mount.
    const ofRoot = entry.kind === 'host' && rootfs !== undefined && isBelow(entry.path, rootfs);
    if (ofRoot && !isNode(entry, Number(step.mode), Number(step.major), Number(step.minor))) {
      this.refuse({ syscall: 'mknodat', errno: errno.EEXIST, detail: step.path });
    }
    this.view.make(place, false);
  }

  private bindDevice(step: Of<'bindDevice'>): void {
    const node = this.view.hostEntry(step.path, false);
    if (node.kind === 'missing') {
      this.refuse({ syscall: 'open_tree', errno: errno.ENOENT, detail: step.path });
    } else if (
      node.kind === 'host' &&
      !isNode(node, Number(step.mode), Number(step.major), Number(step.minor))
    ) {
      this.refuse({ syscall: 'statx', errno: errno.ENODEV, detail: step.path });
    }
  }

  private openTerminal(step: Of<'openTerminal'>): void {
    const found = this.view.resolve(step.path);
    if (!('errno' in found) && found.entry.kind !== 'missing') return;
    if (this.hasHooks) return;
    this.refuse({
      syscall: 'openat2',
      errno: 'errno' in found ? found.errno : errno.ENOENT,
      detail: step.path,
    });
  }

  // ---- the process -------------------------------------------------------------------------------------------

  private makeDirectory(step: Of<'makeDirectory'>): void {
    const found = this.view.resolve(step.path);
    if ('errno' in found) this.refuse({ syscall: 'mkdirat', errno: found.errno, detail: step.path });
    else if (found.entry.kind === 'missing') this.view.make(found.place, true);
  }

  /** Handles the first of two chdir steps; the second one is for a user for whom the first one fails. */
  private changeDirectory(step: Of<'changeDirectory'>): void {
    if (Number(step.mayFail) === 0) return;
    const found = this.view.resolve(step.path);
    if ('errno' in found || !isFile(found.entry)) return;
    this.refuse({ syscall: 'chdir', errno: errno.ENOTDIR, detail: step.path });
  }

  /** The init skips a missing path; the root cannot be masked. */
  private maskPath(step: Of<'maskPath'>): void {
    const found = this.view.resolve(step.path);
    if ('errno' in found || found.entry.kind === 'unknown' || found.place !== '/') return;
    this.refuse({ syscall: 'openat2', errno: errno.EBUSY, detail: step.path });
  }

  private setSysctl(step: Of<'setSysctl'>): void {
    this.findings.addUnchecked(
      step.origin,
      'whether the kernel accepts the value of the sysctl in the container',
    );
    // A device or a neighbour table of the container's own network namespace.
    if (/^net\/ipv[46]\/(?:conf|neigh)\/(?!all\/|default\/|lo\/)/.test(step.path)) return;
    const { binding } = this.subject;
    if (binding.stat('/proc/sys/kernel') === undefined) return;
    if (binding.stat(`/proc/sys/${step.path}`) !== undefined) return;
    this.refuse({ syscall: 'openat2', errno: errno.ENOENT, detail: step.path });
  }

  private setRlimit(step: Of<'setRlimit'>): void {
    const { binding, facts } = this.subject;
    const hard = BigInt(step.hard);
    const isOpenFiles = Number(step.resource) === rlimitNumbers.RLIMIT_NOFILE;
    // Even root cannot raise the limit above nr_open.
    const most = isOpenFiles ? binding.readTextIfThere('/proc/sys/fs/nr_open')?.trim() : undefined;
    const mayRaise = (facts.capabilities.permitted & capSysResource) !== 0n;
    const own = mayRaise ? undefined : ownHardLimit(binding, Number(step.resource));
    if ((most && hard > BigInt(most)) || (own !== undefined && hard > own)) {
      this.refuse({ syscall: 'prlimit64', errno: errno.EPERM, detail: '' });
    }
  }

  private findProgram(step: Of<'findProgram'>): void {
    const { config } = this.subject;
    const found = searchProgram(this.view, step.name, step.search, config.process.cwd);
    if (found.how === 'found') {
      this.program = found;
      if (config.process.user.uid !== 0) {
        this.findings.addUnchecked(
          step.origin,
          `whether the user ${config.process.user.uid} may execute the program`,
        );
      }
      return;
    }
    // The missing root is reported already.
    if (this.subject.rootfs === undefined) return;
    if (found.how === 'unknown' || this.hasHooks) {
      const why = this.hasHooks
        ? 'hooks may create it'
        : 'it is in a file system that exists only in the container';
      this.findings.addUnchecked(step.origin, `the program: ${why}`);
      return;
    }
    this.refuse({ syscall: found.syscall, errno: found.errno, detail: step.name });
  }

  private execute(step: Of<'execute'>): void {
    if (this.program === undefined || this.hasHooks) return;
    const { binding, config } = this.subject;
    const { path, file } = this.program;
    try {
      const number = executeError(binding, this.view, file, config.process.cwd);
      if (number !== undefined) this.refuse({ syscall: 'execve', errno: number, detail: path });
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.findings.addUnchecked(step.origin, 'the interpreter of the program: the file cannot be read');
    }
  }

  /** createContainer hooks are programs of the host; startContainer hooks are programs of the container. */
  private runHook(step: Of<'runHook'>): void {
    const entry = this.afterReady ? this.inside(step.path) : this.view.hostEntry(step.path, false);
    if (this.afterReady && this.hasHooks) return;
    const number = hookError(entry);
    if (number !== undefined) this.refuse({ syscall: 'execve', errno: number, detail: '' });
  }
}

/** Returns the hard limit of this process, which the init inherits; undefined if /proc does not show it. */
function ownHardLimit(binding: Binding, resource: number): bigint | undefined {
  // The lines are in the order of the kernel's numbers, after a header line.
  const line = (binding.readTextIfThere('/proc/self/limits') ?? '').split('\n')[resource + 1];
  const hard = /\S+\s+(\d+|unlimited)\s+\S*\s*$/.exec(line ?? '')?.[1];
  if (hard === undefined) return undefined;
  return hard === 'unlimited' ? (1n << 64n) - 1n : BigInt(hard);
}

/** The most options of one mount that are probed, because each refused option becomes a problem in the report. */
const mostOptions = 100;

/** File systems that need no source. */
const withoutSource: readonly string[] = ['proc', 'tmpfs', 'devpts', 'mqueue', 'sysfs', 'cgroup2'];

const capSysResource = 1n << BigInt(capabilityNumbers.CAP_SYS_RESOURCE);

/** Returns the error number with which execve(2) would reject a hook; undefined if no error is expected. */
export function hookError(entry: Entry): number | undefined {
  if (entry.kind === 'missing') return errno.ENOENT;
  if (entry.kind !== 'host') return undefined;
  const executable = typeOf(entry) === S_IF.S_IFREG && (entry.status.mode & anyExecuteBit) !== 0;
  return executable ? undefined : errno.EACCES;
}

function isNode(
  { status }: Extract<Entry, { kind: 'host' }>,
  mode: number,
  major: number,
  minor: number,
): boolean {
  const type = mode & S_IFMT;
  if ((status.mode & S_IFMT) !== type) return false;
  return type === S_IF.S_IFIFO || (status.rdevMajor === major && status.rdevMinor === minor);
}
