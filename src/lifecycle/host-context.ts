// SPDX-License-Identifier: Apache-2.0

import type { DeviceFilter } from '../cgroup/devices/attach.ts';
import { type ErrorFields, RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding, LinkFacts, Readiness, Spawned, StandardDescriptors } from '../host/binding.d.ts';
import type { Config } from '../oci/config.ts';
import type { Status } from '../oci/state.ts';
import type { HostOperationName, HostStepOf, Plan } from '../plan/plan.ts';
import {
  type ReceivedDescriptor,
  type SentDescriptor,
  type SyncPoint,
  syncPoints,
} from '../plan/sync-points.ts';
import type { Step } from '../wire/steps.ts';
import type { Console } from './console.ts';
import type { RecordedMount } from './mount-list.ts';
import type { AttachmentRecord } from './network/record.ts';
import type { HeldPorts } from './ports.ts';
import type { Prepared } from './prepare.ts';
import type { ContainerRecord, InitRecord } from './record.ts';
import type { Runtime } from './runtime.ts';
import type { StateLock } from './store.ts';
import { UndoList } from './undo.ts';

/**
 * One operation of the host's half of a plan. The file of each facility defines its own, and `perform-host-steps.ts`
 * calls them. Consecutive steps with the same operation are applied together.
 */
export interface HostOperation<Op extends HostOperationName> {
  /** A failure has the prefix of a failed start also before the clone and after `ready`. Default false. */
  readonly startFailure?: boolean;
  /**
   * Performs the steps. Each effect arms its undo in `context.undo` as soon as there is something to undo, and never
   * before: an existing object may belong to another container.
   */
  apply(steps: readonly HostStepOf<Op>[], context: HostContext): void;
  /** Throws the error with which `apply` would fail, if an inspection of the machine can detect it. For `check`. */
  inspect?(step: HostStepOf<Op>, binding: Binding, findings: InspectFindings): void;
}

/** Receives the properties that `check` cannot inspect. */
export interface InspectFindings {
  /** Problems that `create` only warns of. */
  readonly warnings: ErrorFields[];
  addUnchecked(origin: string, property: string): void;
}

/** The init while it waits at a sync point. `syncPoints` defines which descriptors it sends and receives. */
export class WaitingInit {
  readonly point: SyncPoint;
  /** Origin of the step at which it waits. */
  readonly origin: string;
  /** The slots that it receives: `count` from `into` on. */
  readonly into: number;
  readonly count: number;
  /** Text that the init has sent with its report. */
  readonly detail: string;
  readonly given: number[] = [];
  #sent: number | undefined;

  constructor(point: SyncPoint, step: Step, sent: number | undefined, detail = '') {
    this.point = point;
    this.detail = detail;
    this.origin = step.origin;
    this.into = step.op === 'sync' ? Number(step.into) : 0;
    this.count = step.op === 'sync' ? Number(step.count) : 0;
    this.#sent = sent;
  }

  /** The descriptor that the init has sent. The caller closes it. */
  take(kind: SentDescriptor): number {
    const fd = syncPoints[this.point].sends === kind ? this.#sent : undefined;
    if (fd === undefined) throw internal(`the init sends no ${kind} at ${this.point}`);
    this.#sent = undefined;
    return fd;
  }

  /** A descriptor for the init; closed here when the init is resumed. */
  give(kind: ReceivedDescriptor, fd: number): void {
    this.given.push(fd);
    if (syncPoints[this.point].receives !== kind)
      throw internal(`the init receives no ${kind} at ${this.point}`);
  }

  /** Removes and returns the descriptors that are still open here. */
  left(): number[] {
    const fds = [...this.given, ...(this.#sent === undefined ? [] : [this.#sent])];
    this.#sent = undefined;
    this.given.length = 0;
    return fds;
  }
}

/** The container that `create` makes. */
export interface NewContainer {
  readonly id: string;
  readonly prepared: Prepared;
  /** The container stays in the caller's session keyring. */
  readonly noNewKeyring: boolean;
}

/** The container as described to hooks and to a seccomp agent. */
export interface Subject {
  readonly id: string;
  readonly bundle: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Current status, as the specification names it. */
  status(): Status;
  /** pid of the container's init. Default: pid of the process that is being started. */
  readonly initPid?: number;
}

/** Data that the steps of one `create` or `exec` share. */
export class HostContext {
  readonly runtime: Runtime;
  /** Replaced if a step finds that a free address of the plan was taken meanwhile. */
  plan: Plan;
  /** Config of the container; used to explain failed mounts. Absent for `exec`. */
  readonly config: Config | undefined;
  readonly console: Console;
  readonly subject: Subject;
  /** Standard input, output and error of the init. Default: those of the runtime. */
  readonly standard: StandardDescriptors | undefined;
  readonly startsNothing: boolean;
  readonly undo = new UndoList();
  /** Descriptors for the init, by slot. */
  readonly slots = new Map<number, number>();
  /** Namespaces that the init is cloned in, with the step that opened each. */
  readonly cloneIn: { readonly step: HostStepOf<'openNamespace'>; readonly fd: number }[] = [];
  /** Restores the runtime's own oom_score_adj. */
  restoreOomScore: (() => void) | undefined;
  deviceFilter: DeviceFilter | undefined;
  spawned: Spawned | undefined;
  waiting: WaitingInit | undefined;
  /** Index at which the host steps of `mapTree` continue. */
  nextMapTree = 0;
  /** User namespaces of id-mapped mounts, by their mappings; closed at the end. */
  readonly ownerNamespaces = new Map<string, number>();
  /** Start time of the init, if it was found in /proc. */
  startTime: number | undefined;
  lock: StateLock | undefined;
  /** Bridges that existed before the clone, by name. */
  readonly bridges = new Map<string, LinkFacts>();
  /** The mount that the steps add to a running container. */
  addedMount: Omit<RecordedMount, 'identity'> | undefined;
  /** Networks of the container, in the order of the plan. */
  attachments: AttachmentRecord[] = [];
  /** Sockets of the published ports. */
  readonly heldPorts: HeldPorts[] = [];
  /** The socket for notifications of a container that runs at once. */
  readiness: Readiness | undefined;
  keeper: InitRecord | undefined;
  readonly #container: NewContainer | undefined;
  #record: ContainerRecord | undefined;
  #cgroup: string | undefined;
  readonly #handed: number[] = [];
  readonly #atEnd: (() => void)[] = [];
  #channelOpen = false;

  constructor(fields: {
    readonly runtime: Runtime;
    readonly plan: Plan;
    readonly console: Console;
    readonly subject: Subject;
    readonly config?: Config;
    readonly container?: NewContainer;
    /** Record of an existing container. */
    readonly record?: ContainerRecord;
    readonly standard?: StandardDescriptors | undefined;
    /** The init starts no program: errors lack the prefixes of a failed start. Default false. */
    readonly startsNothing?: boolean;
  }) {
    this.runtime = fields.runtime;
    this.plan = fields.plan;
    this.config = fields.config;
    this.console = fields.console;
    this.subject = fields.subject;
    this.startsNothing = fields.startsNothing ?? false;
    this.#container = fields.container;
    this.#record = fields.record;
    this.standard = fields.standard;
  }

  get container(): NewContainer {
    return this.#container ?? missing('container');
  }

  get record(): ContainerRecord {
    return this.#record ?? missing('record');
  }

  set record(record: ContainerRecord) {
    this.#record = record;
  }

  get stateDirectory(): string {
    return this.lock?.directory ?? missing('state directory');
  }

  /** The init, after the clone. */
  get init(): Spawned {
    return this.spawned ?? missing('init');
  }

  /** The cgroup of the init; its out-of-memory kills are read after the init has exited. */
  get cgroup(): string | undefined {
    return this.#cgroup ?? this.#record?.cgroup?.path;
  }

  /** Set if the init was cloned into a cgroup other than the record's. */
  set cgroup(path: string | undefined) {
    this.#cgroup = path;
  }

  /** The init at the current sync point. */
  get at(): WaitingInit {
    return this.waiting ?? missing('sync point');
  }

  /** A descriptor that the clone needs; closed here right after the clone. */
  handOver(slot: number | undefined, fd: number): void {
    this.#handed.push(fd);
    if (slot !== undefined) this.slots.set(slot, fd);
  }

  closeHanded(): void {
    for (const fd of this.#handed.splice(0)) this.runtime.binding.close(fd);
    this.slots.clear();
    this.cloneIn.length = 0;
  }

  /** Records the cloned init. */
  cloned(spawned: Spawned): void {
    this.spawned = spawned;
    this.#channelOpen = true;
  }

  /** The cloned process has exited, and process `pid`, another child of the runtime, runs the rest of the plan. */
  continueAs(pid: number): void {
    const { binding } = this.runtime;
    const before = this.init;
    // The pid cannot have been reused: it is a child of the runtime and not yet reaped.
    const pidfd = binding.pidfdOpen(pid);
    if (pidfd === undefined) throw internal(`there is no process ${pid}`);
    this.spawned = { ...before, pid, pidfd };
    binding.pidfdWait(before.pidfd, -1);
    binding.reap(before.pid);
    binding.close(before.pidfd);
  }

  closeChannel(): void {
    if (this.#channelOpen) this.runtime.binding.close(this.init.channel);
    this.#channelOpen = false;
  }

  /** Registers work to be done after all steps have been performed or undone. */
  atEnd(work: () => void): void {
    this.#atEnd.push(work);
  }

  end(): void {
    for (const work of this.#atEnd.splice(0).reverse()) work();
  }

  /** Resumes the init at its sync point, passes the descriptors that the steps gave, and closes them here. */
  resume(): void {
    const { binding } = this.runtime;
    const { given } = this.at;
    try {
      onHost('unable to resume the init', () => {
        if (given.length === 0) binding.resume(this.init.channel);
        else binding.resume(this.init.channel, { fds: given });
      });
    } finally {
      this.leaveSyncPoint();
    }
  }

  leaveSyncPoint(): void {
    for (const fd of this.waiting?.left() ?? []) this.runtime.binding.close(fd);
    this.waiting = undefined;
  }
}

function missing(object: string): never {
  throw internal(`a step needs the ${object} before it exists`);
}

function internal(message: string): RuntimeError {
  return new RuntimeError({ code: 'internal', message });
}
