// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../../errors/error.ts';
import { allowedWordHint } from '../../errors/spelling.ts';
import type { CheckpointOptions } from '../../lifecycle/checkpoint.ts';
import type { ImageOptions } from '../../lifecycle/criu-options.ts';
import type { BuildOptions } from './build.ts';
import type { CommandOptions } from './command.ts';
import type {
  CreateContainerOptions,
  LibraryOptions,
  NetworkOptions,
  RestoreContainerOptions,
  RunOptions,
} from './container.ts';
import type { ConfigOptions } from './define-config.ts';
import type {
  CommitOptions,
  ImageContainerOptions,
  LimitOptions,
  ListContainersOptions,
  LogsOptions,
  PruneContainersOptions,
  PruneImagesOptions,
  RunImageOptions,
  StopOptions,
} from './image-options.ts';
import type { PullOptions, RemoveImageOptions } from './images.ts';
import type { CheckOptions } from './inspect.ts';
import type { CreateNetworkOptions } from './networks.ts';
import type { ContainerExecOptions, ContainerSpawnOptions, WaitOptions } from './options.ts';
import type { CreateVolumeOptions } from './volumes.ts';

export function wrongOption(message: string, hint: string, value?: unknown): RuntimeError {
  return new RuntimeError({
    code: 'usage.option',
    message,
    ...(value !== undefined && { value: String(value) }),
    hint,
  });
}

/** The names of all options of a call: the compiler finds one that is missing here. */
type Names<Options> = { readonly [Name in keyof Required<Options>]: true };

const library: Names<LibraryOptions> = { root: true, systemdCgroup: true, log: true };

const network: Names<NetworkOptions> = { network: true, publish: true, networkConfig: true };

const wait: Names<WaitOptions> = { input: true, timeout: true, signal: true, maxBuffer: true };

const create: Names<CreateContainerOptions> = {
  ...library,
  ...network,
  id: true,
  bundle: true,
  config: true,
  stdio: true,
  signal: true,
  pidFile: true,
  consoleSocket: true,
  pidfdSocket: true,
  preserveFds: true,
  cleanup: true,
  noPivot: true,
  noNewKeyring: true,
};

const run: Names<RunOptions> = { ...create, ...wait };

const spawn: Names<ContainerSpawnOptions> = {
  args: true,
  process: true,
  cwd: true,
  env: true,
  user: true,
  additionalGids: true,
  tty: true,
  size: true,
  selinuxLabel: true,
  apparmorProfile: true,
  capabilities: true,
  noNewPrivileges: true,
  consoleSocket: true,
  pidfdSocket: true,
  pidFile: true,
  preserveFds: true,
  cgroup: true,
  ignorePaused: true,
  stdio: true,
};

const exec: Names<ContainerExecOptions> = { ...spawn, ...wait, detach: true };

const check: Names<CheckOptions> = { ...library, ...network, offline: true };

const define: Names<ConfigOptions> = {
  args: true,
  rootfs: true,
  layers: true,
  writable: true,
  cwd: true,
  env: true,
  user: true,
  capabilities: true,
  hostname: true,
  terminal: true,
  mounts: true,
  memory: true,
  cpus: true,
  pids: true,
};

const images: Names<ImageOptions> = {
  imagePath: true,
  workPath: true,
  tcpEstablished: true,
  extUnixSk: true,
  shellJob: true,
  fileLocks: true,
  lazyPages: true,
  autoDedup: true,
  manageCgroupsMode: true,
  networkLock: true,
};

const checkpoint: Names<CheckpointOptions> = {
  ...images,
  parentPath: true,
  leaveRunning: true,
  preDump: true,
  tcpSkipInFlight: true,
  linkRemap: true,
  pageServer: true,
  statusFd: true,
};

const restore: Names<RestoreContainerOptions> = {
  ...library,
  ...images,
  id: true,
  bundle: true,
  pidFile: true,
  consoleSocket: true,
  lsmProfile: true,
  lsmMountContext: true,
};

const command: Names<CommandOptions> = { ...library, signal: true };

const limits: Names<LimitOptions> = {
  ...command,
  memory: true,
  memorySwap: true,
  memoryReservation: true,
  cpus: true,
  cpuShares: true,
  cpusetCpus: true,
  pidsLimit: true,
};

const runImage: Names<RunImageOptions> = {
  ...limits,
  ...wait,
  image: true,
  args: true,
  name: true,
  publish: true,
  publishAll: true,
  expose: true,
  volume: true,
  mount: true,
  tmpfs: true,
  env: true,
  envFile: true,
  workdir: true,
  user: true,
  groupAdd: true,
  entrypoint: true,
  hostname: true,
  domainname: true,
  network: true,
  ip: true,
  macAddress: true,
  addHost: true,
  dns: true,
  shmSize: true,
  ulimit: true,
  capAdd: true,
  capDrop: true,
  privileged: true,
  securityOpt: true,
  init: true,
  readOnly: true,
  device: true,
  sysctl: true,
  label: true,
  labelFile: true,
  stopSignal: true,
  stopTimeout: true,
  healthCmd: true,
  healthInterval: true,
  healthTimeout: true,
  healthRetries: true,
  healthStartPeriod: true,
  healthStartInterval: true,
  noHealthcheck: true,
  pull: true,
  platform: true,
  cidfile: true,
};

const { input: _, timeout: __, maxBuffer: ___, ...withoutWait } = runImage;

const createImageContainer: Names<ImageContainerOptions> = {
  ...withoutWait,
  interactive: true,
  tty: true,
  rm: true,
  restart: true,
};

const build: Names<BuildOptions> = {
  ...command,
  context: true,
  file: true,
  tag: true,
  target: true,
  buildArg: true,
  label: true,
  noCache: true,
  network: true,
  pull: true,
  onEvent: true,
};

const pull: Names<PullOptions> = { ...command, platform: true, onProgress: true };
const removeImage: Names<RemoveImageOptions> = { ...command, force: true };
const logs: Names<LogsOptions> = { follow: true, tail: true, since: true, until: true, signal: true };
const commit: Names<CommitOptions> = { name: true, author: true, message: true, change: true, pause: true };
const stop: Names<StopOptions> = { stopTimeout: true };
const pruneContainers: Names<PruneContainersOptions> = { ...command, filter: true };

const pruneImages: Names<PruneImagesOptions> = { ...pruneContainers, all: true };

const listImageContainers: Names<ListContainersOptions> = { ...command, all: true, last: true, filter: true };
const createVolume: Names<CreateVolumeOptions> = { ...command, name: true, label: true };
const createNetwork: Names<CreateNetworkOptions> = {
  ...command,
  name: true,
  subnet: true,
  gateway: true,
  noIpv6: true,
  mtu: true,
  bridge: true,
  internal: true,
  isolated: true,
};

export const calls = {
  createContainer: create,
  run,
  spawn,
  exec,
  kill: { forceAfter: true },
  events: { interval: true },
  delete: { force: true },
  getContainer: library,
  listContainers: library,
  checkBundle: check,
  planBundle: { ...library, ...network },
  defineConfig: define,
  watchStats: { interval: true },
  checkpoint,
  restoreContainer: restore,
  'mounts.add': { source: true, target: true, type: true, options: true },
  'mounts.remove': { force: true },
  'containers.create': createImageContainer,
  'containers.run': runImage,
  'containers.get': command,
  'containers.list': listImageContainers,
  'containers.prune': pruneContainers,
  setLimits: limits,
  stop,
  restart: stop,
  logs,
  commit,
  deleteImageContainer: { force: true, volumes: true },
  buildImage: build,
  'images.pull': pull,
  'images.push': { ...command, onProgress: true },
  'images.list': command,
  'images.inspect': command,
  'images.history': command,
  'images.tag': command,
  'images.remove': removeImage,
  'images.prune': pruneImages,
  'images.load': command,
  'images.save': command,
  'volumes.create': createVolume,
  'volumes.inspect': command,
  'volumes.list': { ...command, dangling: true },
  'volumes.remove': { ...command, force: true },
  'volumes.prune': { ...command, all: true },
  'networks.create': createNetwork,
  'networks.inspect': command,
  'networks.list': command,
  'networks.remove': command,
  'networks.prune': command,
  'networks.reload': command,
  'networks.allowForward': command,
  'system.info': command,
  'system.diskUsage': command,
} as const;

/**
 * The options of a command: those of all commands, those in `names`, and the rest, which are options of the command
 * line.
 *
 * @throws RuntimeError `usage.option`
 */
export function splitOptions<Options extends CommandOptions, Name extends keyof Options>(
  call: keyof typeof calls,
  options: Options,
  names: readonly Name[],
): {
  readonly common: CommandOptions;
  readonly own: Pick<Options, Name>;
  readonly rest: Omit<Options, Name | keyof CommandOptions>;
} {
  checkNames(call, options);
  const common: Record<string, unknown> = {};
  const own: Record<string, unknown> = {};
  const rest: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (name in command) common[name] = value;
    else if ((names as readonly string[]).includes(name)) own[name] = value;
    else rest[name] = value;
  }
  return {
    common,
    own: own as Pick<Options, Name>,
    rest: rest as Omit<Options, Name | keyof CommandOptions>,
  };
}

/**
 * Refuses an option that a call does not have: a misspelt limit would otherwise not apply.
 *
 * @throws RuntimeError `usage.option`
 */
export function checkNames(call: keyof typeof calls, options: unknown): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new RuntimeError({
      code: 'usage.option',
      message: `the options of ${call} must be an object`,
      hint: `give an object with options such as ${Object.keys(calls[call]).slice(0, 3).join(', ')}`,
    });
  }
  const names = Object.keys(calls[call]);
  const unknown = Object.keys(options).find(name => !names.includes(name));
  if (unknown === undefined) return;
  throw new RuntimeError({
    code: 'usage.option',
    message: `${call} has no option ${JSON.stringify(unknown)}`,
    value: unknown,
    hint: allowedWordHint(unknown, names),
  });
}
