// SPDX-License-Identifier: Apache-2.0
import type { DeviceRule } from '../cgroup/devices/rules.ts';
import type { UnitRequest } from '../cgroup/systemd/unit.ts';
import type { CgroupWrite } from '../cgroup/write.ts';
import type { Hook, IDMapping } from '../oci/config.ts';
import type { RdtRequest } from '../rdt/group.ts';
import type { Step } from '../wire/steps.ts';
import type { IdMap } from './host-trees.ts';

/**
 * What will be done for a container, in order, before anything is done. A pure value of the config and the host's
 * facts: it can be printed, compared and stored.
 */
export interface Plan {
  /** Done by the runtime, outside the container. */
  readonly host: readonly HostStep[];
  readonly spawn: SpawnPlan;
  /** Walked by the init, inside. A failure names its index here. */
  readonly container: readonly Step[];
  /** Things asked for that will not be as asked: logged at level warning, never fatal. */
  readonly warnings: readonly PlanWarning[];
}

export interface PlanWarning {
  readonly pointer: string;
  readonly message: string;
}

/**
 * What the runtime does itself: first those `before` the init is born, then those `after`, while it prepares; those of
 * `cgroup`, `mapIds`, `timeOffsets`, `hostTrees`, `network`, `mapTree`, `limits` and `runtime` while it waits at the
 * rendezvous of that name; `poststart` when its program runs, `poststop` when all is gone.
 */
export type HostStep =
  /** Makes the cgroup (with its missing parents); the init is born in it. */
  | { readonly op: 'makeCgroup'; readonly when: 'before'; readonly path: string; readonly origin: string }
  /** Has systemd make a unit with the init in it, whose cgroup is at `path` from the root of the hierarchy. */
  | ({ readonly op: 'startUnit'; readonly when: 'cgroup'; readonly path: string } & UnitRequest)
  /** Writes one value into a control file of that cgroup: before the init is born in it, or when systemd has made it. */
  | ({ readonly op: 'writeCgroup'; readonly when: 'before' | 'cgroup' } & CgroupWrite)
  /** Gives that cgroup to the user `uid` of the host, as far as the kernel has it given away; after the values. */
  | {
      readonly op: 'delegateCgroup';
      readonly when: 'before' | 'cgroup';
      readonly uid: number;
      readonly origin: string;
    }
  /** Finds or makes a class of service of resctrl; the init joins it as soon as it is born. */
  | ({ readonly op: 'makeRdtGroup'; readonly when: 'before' } & RdtRequest)
  /** Opens a namespace to join and hands it over in `slot` (0: a namespace to be born in). */
  | {
      readonly op: 'openNamespace';
      readonly when: 'before';
      readonly path: string;
      /** CLONE_NEW* of the kind that the file must be. */
      readonly kind: number;
      readonly slot: number;
      /** What a user namespace that is joined must have. Absent: anything. */
      readonly mappings?: { readonly uids: readonly IDMapping[]; readonly gids: readonly IDMapping[] };
      readonly origin: string;
    }
  /** Clones a tree of mounts as the container's mount namespace has it, shows its owners as `idmap` says, and hands it over in `slot`. */
  | {
      readonly op: 'cloneTree';
      readonly when: 'hostTrees';
      readonly path: string;
      readonly recursive: boolean;
      readonly idmap?: IdMap;
      readonly slot: number;
      readonly origin: string;
    }
  /** Shows the owners of a tree that the init has cloned as `idmap` says, while it waits at `mapTree` of this origin. */
  | {
      readonly op: 'mapTree';
      readonly when: 'mapTree';
      readonly idmap: IdMap;
      readonly origin: string;
    }
  /** Writes the mappings of the init's new user namespace. */
  | {
      readonly op: 'mapIds';
      readonly when: 'mapIds';
      readonly uids: readonly IDMapping[];
      readonly gids: readonly IDMapping[];
      readonly origin: string;
    }
  /** Opens a directory of the host and hands it over in `slot`. */
  | {
      readonly op: 'openDirectory';
      readonly when: 'before';
      readonly path: string;
      readonly slot: number;
      readonly origin: string;
    }
  /** Writes /proc/PID/oom_score_adj of the init. */
  | {
      readonly op: 'setOomScoreAdj';
      /** Who is not root lends the init its own score, which it is born with: the file of the init is root's. */
      readonly when: 'before' | 'after';
      readonly value: number;
      readonly origin: string;
    }
  /**
   * The device program of these rules (simplified) is loaded while the init prepares. It is attached to the cgroup when
   * all is mounted: at the rendezvous `runtime`, before any hook, else when the init is ready.
   */
  | {
      readonly op: 'setDeviceRules';
      readonly when: 'after';
      readonly rules: readonly DeviceRule[];
      readonly origin: string;
    }
  /** Writes the offsets of the init's new time namespace, which is nobody's as yet, and hands that over. */
  | {
      readonly op: 'writeTimeOffsets';
      readonly when: 'timeOffsets';
      readonly offsets: string;
      readonly origin: string;
    }
  /** Moves a network device into the container's namespace, while the init waits at the rendezvous `network`. */
  | {
      readonly op: 'moveNetDevice';
      readonly when: 'network';
      readonly name: string;
      /** In the container; may be a template such as `eth%d`. */
      readonly newName: string;
      readonly origin: string;
    }
  /** prlimit(2) of the init: who is root in a user namespace alone may raise nothing. */
  | {
      readonly op: 'limitInit';
      readonly when: 'limits';
      readonly resource: number;
      readonly soft: bigint;
      readonly hard: bigint;
      readonly origin: string;
    }
  /** Runs a hook in the runtime's namespaces. */
  | {
      readonly op: 'runHook';
      readonly when: 'runtime' | 'poststart' | 'poststop';
      readonly kind: 'prestart' | 'createRuntime' | 'poststart' | 'poststop';
      /** In the list of its kind. */
      readonly index: number;
      readonly hook: Hook;
      readonly origin: string;
    };

export interface FifoSlots {
  readonly go: number;
  readonly result: number;
}

export interface SpawnPlan {
  /**
   * CLONE_NEW* flags of clone3(2): every new namespace but cgroup (made later, inside its cgroup); with a user namespace
   * only that and pid.
   */
  readonly cloneFlags: number;
  readonly preserveFds: number;
  /** Slots of the two FIFOs of `awaitStart`; absent when the program runs at once. */
  readonly fifos?: FifoSlots;
}
