// SPDX-License-Identifier: Apache-2.0
import type { CommandOptions } from './command.ts';
import type { WaitOptions } from './options.ts';

/** When a container is started again after its end; `on-failure:5` limits the attempts. */
export type RestartPolicy = 'no' | 'always' | 'unless-stopped' | 'on-failure' | `on-failure:${number}`;

/** Limits of a container of an image. */
export interface LimitOptions extends CommandOptions {
  /** Bytes of memory. Default: no limit. */
  readonly memory?: number;
  /** Bytes of memory and swap together; -1: no limit. Default: twice `memory`. */
  readonly memorySwap?: number;
  /** Bytes of memory that are protected. Default: none. */
  readonly memoryReservation?: number;
  /** Number of processors, such as 0.5. Default: no limit. */
  readonly cpus?: number;
  /** Weight of the processor time, from 2 to 262144. Default: that of the machine. */
  readonly cpuShares?: number;
  /** Processors, such as `0-2,4`. Default: all. */
  readonly cpusetCpus?: string;
  /** Number of processes and threads; -1: no limit. Default: no limit. */
  readonly pidsLimit?: number;
}

/** Options of `containers.create`: those of the command `container create`, with the same names. */
export interface ImageContainerOptions extends LimitOptions {
  /** Name or id of an image; a missing one is pulled. */
  readonly image: string;
  /** Replaces the image's command or arguments. */
  readonly args?: readonly string[];
  /** Letters, digits and `_ . -`. Default: two random words. */
  readonly name?: string;
  /** Keeps standard input of the program open. Default false. */
  readonly interactive?: boolean;
  /** Gives the program a terminal. Default false. */
  readonly tty?: boolean;
  /** Removes the container, its changes and its anonymous volumes after its end. Default false. */
  readonly rm?: boolean;
  /** Starts it again after its end. Default `no`. */
  readonly restart?: RestartPolicy;
  /** `[ADDRESS:]PORT[-PORT]:PORT[-PORT][/udp]`, such as `8800:80`. */
  readonly publish?: readonly string[];
  /** Publishes all ports that the image declares, on free ports of the host. Default false. */
  readonly publishAll?: boolean;
  /** Ports of the container to declare. */
  readonly expose?: readonly string[];
  /** Directories and volumes: `/srv/www:/www:ro`, `data:/var/lib/data`. */
  readonly volume?: readonly string[];
  /** The same in words: `type=bind,source=/srv/www,target=/www,readonly`. */
  readonly mount?: readonly string[];
  /** File systems in memory: `/run`, `/tmp:size=64m`. */
  readonly tmpfs?: readonly string[];
  /** Variables by name. */
  readonly env?: Readonly<Record<string, string>>;
  /** Files with lines `NAME=VALUE`, relative to the working directory. */
  readonly envFile?: readonly string[];
  /** The working directory in the container. Default: that of the image. */
  readonly workdir?: string;
  /** User and group, as names or numbers: `www`, `1000:100`. Default: that of the image. */
  readonly user?: string;
  /** Groups to add, as names or numbers. */
  readonly groupAdd?: readonly string[];
  /** Replaces the image's entrypoint; an empty text removes it. */
  readonly entrypoint?: string;
  /** Default: the short id of the container. */
  readonly hostname?: string;
  /** The NIS domain name. Default: that of the host. */
  readonly domainname?: string;
  /** `NAME`, `NAME:ip=ADDRESS`, `none`, `host` or `container:NAME`. Default `default`. */
  readonly network?: readonly string[];
  /** The IPv4 address in the first network. Default: a free one. */
  readonly ip?: string;
  /** The hardware address in the first network. Default: a random one. */
  readonly macAddress?: string;
  /** Lines of /etc/hosts: `NAME:ADDRESS`. */
  readonly addHost?: readonly string[];
  /** Name servers. Default: those of the host. */
  readonly dns?: readonly string[];
  /** Bytes of /dev/shm. Default 64 MiB. */
  readonly shmSize?: number;
  /** Limits of each process: `nofile=1024:2048`. */
  readonly ulimit?: readonly string[];
  /** Capabilities to add, or `ALL`. */
  readonly capAdd?: readonly string[];
  /** Capabilities to drop, or `ALL`. */
  readonly capDrop?: readonly string[];
  /** All capabilities and devices, and no seccomp profile. Default false. */
  readonly privileged?: boolean;
  /** `seccomp=FILE` or `seccomp=unconfined`, `apparmor=PROFILE`, `no-new-privileges`. */
  readonly securityOpt?: readonly string[];
  /** Runs the program as the child of an init that passes signals on and reaps processes. Default false. */
  readonly init?: boolean;
  /** Mounts the root file system read-only. Default false. */
  readonly readOnly?: boolean;
  /** `/dev/fuse`, `/dev/sdb:/dev/xvdb:r`, or the CDI device `vendor.com/class=name`. */
  readonly device?: readonly string[];
  /** Parameters of the kernel in the namespaces of the container, by name. */
  readonly sysctl?: Readonly<Record<string, string>>;
  /** Labels by name. */
  readonly label?: Readonly<Record<string, string>>;
  /** Files with a label in each line, relative to the working directory. */
  readonly labelFile?: readonly string[];
  /** The signal that asks the program to end. Default: that of the image, or `SIGTERM`. */
  readonly stopSignal?: string;
  /** Seconds that it has to end. Default 10. */
  readonly stopTimeout?: number;
  /** A command for /bin/sh that checks the health of the container. Default: that of the image. */
  readonly healthCmd?: string;
  /** Milliseconds between two checks. Default 30,000. */
  readonly healthInterval?: number;
  /** Milliseconds that a check may take. Default 30,000. */
  readonly healthTimeout?: number;
  /** Failures in a row until the container is unhealthy. Default 3. */
  readonly healthRetries?: number;
  /** Milliseconds after the start in which failures do not count. Default 0. */
  readonly healthStartPeriod?: number;
  /** Milliseconds between two checks in that time. Default 5,000. */
  readonly healthStartInterval?: number;
  /** Ignores the health check of the image. Default false. */
  readonly noHealthcheck?: boolean;
  /** When the image is pulled. Default `missing`. */
  readonly pull?: 'missing' | 'always' | 'never';
  /** Pulls the image for this platform, such as `linux/arm64`. Default: that of the machine. */
  readonly platform?: string;
  /** A new file for the id of the container, relative to the working directory. Default: none. */
  readonly cidfile?: string;
}

/** Options of `containers.run`. */
export interface RunImageOptions
  extends Omit<ImageContainerOptions, 'interactive' | 'tty' | 'rm' | 'restart' | 'signal'>,
    WaitOptions {}

/** Options of `containers.prune`. */
export interface PruneContainersOptions extends CommandOptions {
  /** Removes only those with `until=` (created before), `label=` or `label!=`. Default: all that do not run. */
  readonly filter?: readonly string[];
}

/** Options of `images.prune`. */
export interface PruneImagesOptions extends PruneContainersOptions {
  /** Removes images with a name that no container uses, too. Default false. */
  readonly all?: boolean;
}

/** Options of `containers.list`. */
export interface ListContainersOptions extends CommandOptions {
  /** Lists containers that do not run, too. Default false. */
  readonly all?: boolean;
  /** The newest containers only, also those that do not run. Default: no limit. */
  readonly last?: number;
  /**
   * `name=`, `id=`, `status=`, `ancestor=`, `label=`, `exited=`, `network=`, `volume=` or `health=` and a value. Values of
   * one key are alternatives, except labels.
   */
  readonly filter?: readonly string[];
}

/** Options of `ImageContainer.logs`. */
export interface LogsOptions {
  /** Yields new lines until the container ends. Default false. */
  readonly follow?: boolean;
  /** Number of lines before the call. Default: all. */
  readonly tail?: number;
  /** Lines from this time on. A text may be `10m` for the last ten minutes. Default: all. */
  readonly since?: Date | string;
  /** Lines before this time. Default: all. */
  readonly until?: Date | string;
  /** Ends the iteration with the reason of the signal. */
  readonly signal?: AbortSignal;
}

/** A line that a program has written. */
export interface LogLine {
  readonly stream: 'stdout' | 'stderr';
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
  readonly text: string;
}

/** Options of `ImageContainer.commit`. */
export interface CommitOptions {
  /** `NAME` or `NAME:TAG`. Default: an image without a name. */
  readonly name?: string;
  readonly author?: string;
  /** Comment in the history of the image. */
  readonly message?: string;
  /** Instructions that change the image's config: CMD, ENV, EXPOSE, LABEL, USER and so on. */
  readonly change?: readonly string[];
  /** Suspends the container meanwhile. Default true. */
  readonly pause?: boolean;
}

/** Options of `ImageContainer.stop` and `restart`. */
export interface StopOptions {
  /** Seconds until the container is killed; -1: no limit. Default: that of the container. */
  readonly stopTimeout?: number;
}

/** The table of ps(1). */
export interface ProcessTable {
  readonly titles: readonly string[];
  /** The fields of each process. */
  readonly processes: readonly (readonly string[])[];
}

/** A file that a container has added, changed or deleted. */
export interface FileChange {
  readonly kind: 'added' | 'changed' | 'deleted';
  /** In the container. */
  readonly path: string;
}
