// SPDX-License-Identifier: Apache-2.0
import type { DeviceRule } from '../cgroup/devices/rules.ts';
import type { UnitRequest } from '../cgroup/systemd/unit.ts';
import type { CgroupWrite } from '../cgroup/write.ts';
import type { Hook, IDMapping } from '../oci/config.ts';
import type { RdtRequest } from '../rdt/group.ts';
import type { Step } from '../wire/steps.ts';
import type { HostStepsOfFacilities } from './facilities.ts';
import type { IdMap } from './host-trees.ts';
import type { SyncPoint } from './sync-points.ts';

/**
 * All steps for a container, in order, before any is performed. A pure value of the config and the host's facts: it can
 * be printed, compared and stored.
 */
export interface Plan {
  /** Performed by the runtime, outside of the container, in this order. */
  readonly host: readonly HostStep[];
  readonly spawn: SpawnPlan;
  /** Performed by the init, inside the container. A failure has its index in this list. */
  readonly container: readonly Step[];
  /** Requests that will not be applied as written: logged as warnings, never fatal. */
  readonly warnings: readonly PlanWarning[];
}

/** The executor's limit for the binary form of the container part. */
export const maxPlanBytes = 64 * 1024 * 1024;

/** Limit of warnings: a config of a megabyte can cause a hundred thousand. */
export const mostPlanWarnings = 1000;

export interface PlanWarning {
  readonly pointer: string;
  readonly message: string;
}

/**
 * The time at which the runtime performs a step: before the clone, while the init prepares itself (`after`), while
 * the init waits, after it has prepared everything (`ready`), after the exec (`poststart`), after the container is
 * deleted (`poststop`). `lifecycle/perform-host-steps.ts` performs the steps of each time in the order of the plan.
 */
export type When = 'before' | 'after' | SyncPoint | 'ready' | 'poststart' | 'poststop';

/** The steps of the runtime: each operation with its fields. The file of the facility in `lifecycle` has the operation. */
interface HostStepFields extends HostStepsOfFacilities {
  /** Opens a namespace to join and passes it to the init in `slot` (0: the init is cloned in it). */
  readonly openNamespace: {
    readonly when: 'before';
    readonly path: string;
    /** CLONE_NEW* flag of the required type. */
    readonly kind: number;
    readonly slot: number;
    /** The mappings that a joined user namespace must have. Absent: any. */
    readonly mappings?: { readonly uids: readonly IDMapping[]; readonly gids: readonly IDMapping[] };
  };
  /** Opens a directory of the host and passes it to the init in `slot`. */
  readonly openDirectory: { readonly when: 'before'; readonly path: string; readonly slot: number };
  /** Makes the state directory and locks it. */
  readonly makeState: { readonly when: 'before' };
  /**
   * Writes the record and a copy of config.json: `delete --force` finds the objects of the following steps through
   * them.
   */
  readonly saveRecord: {
    readonly when: 'before';
    readonly cgroup?: CgroupRequest;
    readonly rdt?: RdtRequest;
    /** The container's mounts are in the runtime's mount namespace. */
    readonly sharesMounts: boolean;
    /** The record claims the directories that the root writes into. */
    readonly upper?: UpperRequest;
  };
  /** Makes the cgroup (with its missing parents); the init is cloned into it. */
  readonly makeCgroup: { readonly when: 'before'; readonly path: string };
  /** Asks systemd for a unit that contains the init; its cgroup is at `path` from the root of the hierarchy. */
  readonly startUnit: {
    readonly when: 'cgroup';
    readonly path: string;
    /** Limits with systemd properties; the following steps write the files. */
    readonly limits: readonly CgroupWrite[];
    /** Absent: everything is allowed. */
    readonly deviceRules?: readonly DeviceRule[];
  } & UnitRequest;
  /**
   * Writes one value into a control file of that cgroup: before the init is cloned into it, or after systemd has made
   * it.
   */
  readonly writeCgroup: { readonly when: 'before' | 'cgroup' } & CgroupWrite;
  /** Makes the user `uid` of the host the owner of that cgroup, after the values. */
  readonly delegateCgroup: { readonly when: 'before' | 'cgroup'; readonly uid: number };
  /** Finds or makes a class of service of resctrl. */
  readonly makeRdtGroup: { readonly when: 'before' } & RdtRequest;
  /** Makes the FIFO of `start`, full, and passes it to the init in the slot of `awaitStart`. */
  readonly makeStartFifo: { readonly when: 'before'; readonly slot: number };
  /**
   * Writes the init's oom_score_adj after the clone. A runtime without root cannot write that file: it writes its own
   * before the clone, and the init inherits it.
   */
  readonly setOomScoreAdj: { readonly when: 'before' | 'after'; readonly value: number };
  /** Restores the runtime's own oom_score_adj. */
  readonly restoreOomScoreAdj: { readonly when: 'after' };
  /** Moves the init into its class of service. */
  readonly joinRdtGroup: { readonly when: 'after' };
  /** Loads the device program of these rules (simplified): the kernel's verifier runs while the init prepares itself. */
  readonly loadDeviceRules: { readonly when: 'after'; readonly rules: readonly DeviceRule[] };
  /** Writes the data of the plan that `exec` and a failed `start` need. */
  readonly saveExecData: { readonly when: 'after' };
  /** Writes the mappings of the init's new user namespace. */
  readonly mapIds: {
    readonly when: 'mapIds';
    readonly uids: readonly IDMapping[];
    readonly gids: readonly IDMapping[];
  };
  /** Writes the offsets of the init's new time namespace and sends the namespace to the init. */
  readonly writeTimeOffsets: { readonly when: 'timeOffsets'; readonly offsets: string };
  /**
   * Clones a mount tree in the container's mount namespace, maps its owners with `idmap`, and sends it to the init for
   * `slot`.
   */
  readonly cloneTree: {
    readonly when: 'hostTrees';
    readonly path: string;
    readonly recursive: boolean;
    readonly idmap?: IdMap;
    readonly slot: number;
  };
  /**
   * Makes an overlay whose lower layers show the container's owners, and sends it to the init for `slot`. `options`
   * are those of `mountRoot`.
   */
  readonly makeUnion: {
    readonly when: 'hostTrees';
    readonly source: string;
    readonly options: readonly string[];
    readonly attributes: number;
    readonly idmap: IdMap;
    readonly slot: number;
  };
  /** Maps the owners of the tree that the init has cloned; the init waits at a step with the same origin. */
  readonly mapTree: { readonly when: 'mapTree'; readonly idmap: IdMap };
  /**
   * Attaches the loaded device program after the init's last mount (mounting a disk opens it) and before the hooks,
   * because vendors' hooks change the attached rules.
   */
  readonly attachDeviceRules: { readonly when: 'runtime' | 'ready' };
  /** Runs a hook in the runtime's namespaces. */
  readonly runHook: {
    readonly when: 'runtime' | 'poststart' | 'poststop';
    readonly kind: 'prestart' | 'createRuntime' | 'poststart' | 'poststop';
    /** Index in the list of its kind. */
    readonly index: number;
    readonly hook: Hook;
  };
  /** Receives the master of the terminal, for the caller's socket or the runtime's terminal. */
  readonly takeTerminal: { readonly when: 'console' };
  /** Calls prlimit(2) for the init: the root of a user namespace cannot raise a limit. */
  readonly limitInit: {
    readonly when: 'limits';
    readonly resource: number;
    readonly soft: bigint;
    readonly hard: bigint;
  };
  /** Gives the seccomp listener to the agent that listens at `path`. */
  readonly sendListener: { readonly when: 'seccomp'; readonly path: string; readonly metadata?: string };
  /** Writes the record again, with the init. */
  readonly saveInit: { readonly when: 'ready' };
  readonly writePidFile: { readonly when: 'ready'; readonly path: string };
  /** Sends a pidfd of the init to the socket at `path`. */
  readonly sendPidfd: { readonly when: 'ready'; readonly path: string };
  /**
   * Resumes the init, which then waits at the FIFO of `start` or executes its program. From here on it outlives the
   * runtime.
   */
  readonly resumeInit: { readonly when: 'ready' };
}

/** The future cgroup of a container, for the record. */
export interface CgroupRequest {
  /** For a unit, from the root of the hierarchy; otherwise absolute. */
  readonly path: string;
  readonly origin: string;
  readonly unit?: string;
  readonly manager?: UnitRequest['manager'];
}

/** The upper layer of a root mount. No two containers may write into it at once. */
export interface UpperRequest {
  /** Absolute. */
  readonly path: string;
  readonly work: string;
  readonly volatile: boolean;
  /** Pointer of the option `upperdir`. */
  readonly origin: string;
}

export type HostOperationName = keyof HostStepFields;

/** One step of the runtime, with the place in config.json that requested it (`''` if none). */
export type HostStepOf<Op extends HostOperationName> = {
  readonly op: Op;
  readonly origin: string;
} & HostStepFields[Op];

export type HostStep = { [Op in HostOperationName]: HostStepOf<Op> }[HostOperationName];

export interface SpawnPlan {
  /**
   * CLONE_NEW* flags of clone3(2): every new namespace except cgroup (made later, inside its cgroup) and time; with a
   * user namespace only user and pid.
   */
  readonly cloneFlags: number;
  readonly preserveFds: number;
  /** Pointer of a new user namespace. Absent: the plan makes none. */
  readonly userNamespace?: string;
  /** Slot of the directory that is the init's root from the clone on. Absent: the runtime's root. */
  readonly rootSlot?: number;
  /** Slot of the FIFO of `awaitStart`; absent if the program runs at once. */
  readonly startFifo?: number;
}
