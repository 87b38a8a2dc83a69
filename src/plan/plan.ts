// SPDX-License-Identifier: Apache-2.0
import type { DeviceRule } from '../cgroup/devices/rules.ts';
import type { UnitRequest } from '../cgroup/systemd/unit.ts';
import type { CgroupWrite } from '../cgroup/write.ts';
import type { Hook, IDMapping } from '../oci/config.ts';
import type { RdtRequest } from '../rdt/group.ts';
import type { Step } from '../wire/steps.ts';
import type { IdMap } from './host-trees.ts';
import type { Moment } from './moments.ts';

/**
 * What will be done for a container, in order, before anything is done. A pure value of the config and the host's
 * facts: it can be printed, compared and stored.
 */
export interface Plan {
  /** Performed by the runtime, outside of the container, in this order. */
  readonly host: readonly HostStep[];
  readonly spawn: SpawnPlan;
  /** Walked by the init, inside. A failure names its index here. */
  readonly container: readonly Step[];
  /** Things asked for that will not be as asked: logged at level warning, never fatal. */
  readonly warnings: readonly PlanWarning[];
}

/** As many are kept; nobody reads more, and a megabyte can ask for a hundred thousand. */
export const mostPlanWarnings = 1000;

export interface PlanWarning {
  readonly pointer: string;
  readonly message: string;
}

/**
 * When the runtime performs a step: before the clone, while the init prepares itself, at a moment at which the init waits,
 * when the init has prepared everything (`ready`), when its program runs (`poststart`), when the container is gone
 * (`poststop`). `lifecycle/host-walk.ts` performs the steps of each in the order of the plan.
 */
export type When = 'before' | 'after' | Moment | 'ready' | 'poststart' | 'poststop';

/** The steps of the runtime: each operation with its fields. The file of the facility in `lifecycle` has the operation. */
interface HostStepFields {
  /** Opens a namespace to join and hands it over in `slot` (0: the init is cloned in it). */
  readonly openNamespace: {
    readonly when: 'before';
    readonly path: string;
    /** CLONE_NEW* of the kind that the file must be. */
    readonly kind: number;
    readonly slot: number;
    /** The mappings that a joined user namespace must have. Absent: any. */
    readonly mappings?: { readonly uids: readonly IDMapping[]; readonly gids: readonly IDMapping[] };
  };
  /** Opens a directory of the host and hands it over in `slot`. */
  readonly openDirectory: { readonly when: 'before'; readonly path: string; readonly slot: number };
  /** Makes the state directory and locks it. */
  readonly makeState: { readonly when: 'before' };
  /**
   * Writes the record and a copy of config.json: what a later `delete --force` needs to find everything that the next
   * steps make.
   */
  readonly saveRecord: {
    readonly when: 'before';
    readonly cgroup?: CgroupRequest;
    readonly rdt?: RdtRequest;
    /** The mounts of the container lie in the runtime's mount namespace. */
    readonly sharesMounts: boolean;
  };
  /** Makes the cgroup (with its missing parents); the init is cloned into it. */
  readonly makeCgroup: { readonly when: 'before'; readonly path: string };
  /** Has systemd make a unit with the init in it, whose cgroup is at `path` from the root of the hierarchy. */
  readonly startUnit: {
    readonly when: 'cgroup';
    readonly path: string;
    /** What systemd has properties for; the files are written by the steps that follow. */
    readonly limits: readonly CgroupWrite[];
    /** Absent: everything is allowed. */
    readonly deviceRules?: readonly DeviceRule[];
  } & UnitRequest;
  /** Writes one value into a control file of that cgroup: before the init is cloned into it, or when systemd has made it. */
  readonly writeCgroup: { readonly when: 'before' | 'cgroup' } & CgroupWrite;
  /** Makes the user `uid` of the host the owner of that cgroup, after the values. */
  readonly delegateCgroup: { readonly when: 'before' | 'cgroup'; readonly uid: number };
  /** Finds or makes a class of service of resctrl. */
  readonly makeRdtGroup: { readonly when: 'before' } & RdtRequest;
  /** Makes the FIFO of `start`, full, and hands it over in the slot of `awaitStart`. */
  readonly makeStartFifo: { readonly when: 'before'; readonly slot: number };
  /**
   * Writes oom_score_adj: of the init, after the clone; or, because that file is root's, of the runtime that is not root,
   * before the clone, so that the init inherits it.
   */
  readonly setOomScoreAdj: { readonly when: 'before' | 'after'; readonly value: number };
  /** Gives the runtime its own oom_score_adj back. */
  readonly restoreOomScoreAdj: { readonly when: 'after' };
  /** Moves the init into its class of service. */
  readonly joinRdtGroup: { readonly when: 'after' };
  /** Loads the device program of these rules (simplified): the kernel's verifier runs while the init prepares itself. */
  readonly loadDeviceRules: { readonly when: 'after'; readonly rules: readonly DeviceRule[] };
  /** Writes what `exec` and a failed `start` need of the plan. */
  readonly saveExecData: { readonly when: 'after' };
  /** Writes the mappings of the init's new user namespace. */
  readonly mapIds: {
    readonly when: 'mapIds';
    readonly uids: readonly IDMapping[];
    readonly gids: readonly IDMapping[];
  };
  /** Writes the offsets of the init's new time namespace and hands the namespace over. */
  readonly writeTimeOffsets: { readonly when: 'timeOffsets'; readonly offsets: string };
  /** Moves a network device into the container's namespace. */
  readonly moveNetDevice: {
    readonly when: 'network';
    readonly name: string;
    /** In the container; may be a template such as `eth%d`. */
    readonly newName: string;
  };
  /** Clones a tree of mounts of the container's mount namespace, maps its owners with `idmap`, hands it over in `slot`. */
  readonly cloneTree: {
    readonly when: 'hostTrees';
    readonly path: string;
    readonly recursive: boolean;
    readonly idmap?: IdMap;
    readonly slot: number;
  };
  /** Maps the owners of the tree that the init has cloned, while it waits with the same origin. */
  readonly mapTree: { readonly when: 'mapTree'; readonly idmap: IdMap };
  /**
   * Attaches the loaded device program, when the init has mounted everything (mounting a disk opens it): before the hooks,
   * because hooks of vendors change the rules that they find.
   */
  readonly attachDeviceRules: { readonly when: 'runtime' | 'ready' };
  /** Runs a hook in the runtime's namespaces. */
  readonly runHook: {
    readonly when: 'runtime' | 'poststart' | 'poststop';
    readonly kind: 'prestart' | 'createRuntime' | 'poststart' | 'poststop';
    /** In the list of its kind. */
    readonly index: number;
    readonly hook: Hook;
  };
  /** Takes the master of the terminal: for the caller's socket, or for the terminal of the runtime. */
  readonly takeTerminal: { readonly when: 'console' };
  /** prlimit(2) of the init: the root of a user namespace cannot raise a limit. */
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
  /** The init goes on: to the FIFO of `start`, or to its program. From here on it outlives the runtime. */
  readonly resumeInit: { readonly when: 'ready' };
}

/** Where the cgroup of a container will be: what the record needs before it is made. */
export interface CgroupRequest {
  /** Of a unit from the root of the hierarchy, else absolute. */
  readonly path: string;
  readonly origin: string;
  readonly unit?: string;
  readonly manager?: UnitRequest['manager'];
}

export type HostOperationName = keyof HostStepFields;

/** One step of the runtime, with the place in config.json that asked for it (`''` when none did). */
export type HostStepOf<Op extends HostOperationName> = {
  readonly op: Op;
  readonly origin: string;
} & HostStepFields[Op];

export type HostStep = { [Op in HostOperationName]: HostStepOf<Op> }[HostOperationName];

export interface SpawnPlan {
  /**
   * CLONE_NEW* flags of clone3(2): every new namespace but cgroup (made later, inside its cgroup); with a user namespace
   * only that and pid.
   */
  readonly cloneFlags: number;
  readonly preserveFds: number;
  /** The place of a new user namespace. Absent: the plan makes none. */
  readonly userNamespace?: string;
  /** The slot of the FIFO of `awaitStart`; absent when the program runs at once. */
  readonly startFifo?: number;
}
