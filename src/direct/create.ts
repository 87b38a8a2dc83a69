// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import { makeDirectories } from '../host/files.ts';
import { entryPath } from '../host/paths.ts';
import type { JsonObject } from '../image/members.ts';
import { capabilityNumbers } from '../kernel/capabilities.ts';
import { S_IF, S_IFMT } from '../kernel/files.ts';
import type { Runtime } from '../lifecycle/runtime.ts';
import { signalNumber } from '../lifecycle/signals.ts';
import { timestamp } from '../lifecycle/timestamp.ts';
import { hostsFile } from '../network/hosts-file.ts';
import { parsePublished } from '../network/publish.ts';
import type { Seccomp } from '../oci/seccomp.ts';
import { exactJson } from '../plan/exact-json.ts';
import {
  type ConfigInput,
  type ConfigMachine,
  commandOf,
  type FoundDevice,
  type ImageDefaults,
  makeConfig,
} from './config.ts';
import type { DirectContainer, DirectMount } from './container.ts';
import { defaultCapabilities, defaultStopSignal, defaultStopTimeout } from './defaults.ts';
import { fillVolume } from './fill-volume.ts';
import { healthCheckOf } from './health-check.ts';
import { openUnion, readInLayers, readInRoot } from './image-files.ts';
import { joinedNetwork } from './joined-network.ts';
import { shortId } from './names.ts';
import { type ContainerRequest, capabilitiesOf, type MountRequest } from './request.ts';
import { readProfile } from './seccomp-profile.ts';
import { containerFiles, type DirectStore, findContainer, type NewContainer, newContainer } from './store.ts';
import { findUser } from './users.ts';
import { anonymousName, claimVolumes, makeVolume, removeUnusedVolume, volumeData } from './volumes.ts';

/** An image whose layers are unpacked. */
export interface UsableImage {
  /** Digest of the config. */
  readonly id: string;
  readonly config: ImageDefaults & {
    readonly User: string;
    readonly ExposedPorts: readonly string[];
    readonly Volumes: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
    readonly StopSignal?: string;
    readonly Healthcheck?: JsonObject;
    readonly Shell?: readonly string[];
  };
  /** Absolute paths of the trees, lowest first. */
  readonly layers: readonly string[];
}

/**
 * Makes a container: its directory with config.json, its name and its volumes. Nothing runs. A failure removes all of it.
 *
 * @throws RuntimeError `direct.name-taken`, `direct.bad-name`, `direct.no-user`, `direct.no-command`, `usage.bad-value`,
 *   `host.syscall`
 */
export function createDirect(
  runtime: Runtime,
  store: DirectStore,
  image: UsableImage,
  request: ContainerRequest,
): DirectContainer {
  const command = commandOf(request, image.config);
  if (command.entrypoint.length + command.args.length === 0) {
    throw new RuntimeError({
      code: 'direct.no-command',
      message: 'no command specified',
      hint: `the image ${request.image} has no program of its own: write one after its name`,
    });
  }
  const stopSignal = signalNumber(request.stopSignal ?? image.config.StopSignal ?? defaultStopSignal);
  const made = newContainer(store, request.name);
  const volumes: NewVolumes = { made: [], endClaim: () => {} };
  try {
    const container = fill(runtime, store, image, request, made, volumes);
    const whole: DirectContainer = {
      ...container,
      command: [...command.entrypoint, ...command.args],
      entrypoint: command.entrypoint,
      stopSignal,
    };
    made.finish(whole);
    return whole;
  } catch (error) {
    made.abandon();
    volumes.endClaim();
    // A volume that another container uses by now stays.
    for (const name of volumes.made) removeUnusedVolume(store, name);
    throw error;
  } finally {
    volumes.endClaim();
  }
}

/** Volumes of a container that is being made. */
interface NewVolumes {
  /** Names of the volumes that did not exist before. */
  readonly made: string[];
  /** Ends the claim, until which no command removes the volumes. Calls after the first one have no effect. */
  endClaim: () => void;
}

type Unfinished = Omit<DirectContainer, 'command' | 'entrypoint' | 'stopSignal'>;

function fill(
  runtime: Runtime,
  store: DirectStore,
  image: UsableImage,
  request: ContainerRequest,
  { id, name, directory }: NewContainer,
  newVolumes: NewVolumes,
): Unfinished {
  const { binding } = runtime;
  onHost(`unable to make the container directory ${directory}`, () => {
    // The mode of the upper layer is that of the root directory.
    binding.mkdir(entryPath(directory, containerFiles.upper), 0o755);
    binding.mkdir(entryPath(directory, containerFiles.work), 0o700);
    binding.mkdir(entryPath(directory, containerFiles.rootfs), 0o755);
  });
  const machine = machineOf(runtime);
  // Without root, the kernel allows a union only in a user namespace.
  const union = machine.isRoot
    ? openUnion(
        binding,
        image.layers.length > 0 ? image.layers : [entryPath(directory, containerFiles.upper)],
        entryPath(directory, containerFiles.rootfs),
      )
    : undefined;
  const read = (path: string): string =>
    union === undefined ? readInLayers(binding, image.layers, path) : readInRoot(binding, union, path);
  try {
    const user = findUser(
      request.user ?? image.config.User,
      { passwd: read('/etc/passwd'), group: read('/etc/group') },
      request.groups,
    );
    const mounts = resolveMounts(runtime, store, image, request, newVolumes, union);
    const joined = joinedContainer(store, request);
    const hostname =
      joined?.hostname ?? request.hostname ?? (request.network === 'host' ? hostName(runtime) : shortId(id));
    const seccomp = profileOf(runtime, request, machine);
    const input: ConfigInput = {
      request,
      image: image.config,
      id,
      hostname,
      user,
      machine,
      layers: image.layers,
      directory,
      mounts,
      files: writeFiles(runtime, request, directory, hostname),
      devices: devicesOf(runtime, request),
      ...(seccomp !== undefined && { seccomp }),
    };
    if (request.init) {
      const path = entryPath(directory, containerFiles.init);
      onHost(`unable to write ${path}`, () => binding.writeReaper(path, 0o755));
    }
    const health = healthCheckOf(image.config.Healthcheck, request.health, image.config.Shell);
    const config = entryPath(directory, containerFiles.config);
    onHost(`unable to write ${config}`, () =>
      binding.replaceText(config, `${exactJson(makeConfig(input))}\n`, 0o600),
    );
    return {
      version: 1,
      id,
      name,
      image: request.image,
      imageId: image.id,
      layers: image.layers.map(path => path.split('/').at(-2) ?? ''),
      created: timestamp(binding.now()),
      hostname,
      user: request.user ?? image.config.User,
      labels: { ...image.config.Labels, ...request.labels },
      networks: joined === undefined ? networksOf(request) : [joinedNetwork(joined)],
      ports: request.ports,
      exposed: [...new Set([...image.config.ExposedPorts, ...request.exposed])],
      mounts,
      cdiDevices: request.cdiDevices,
      terminal: request.terminal,
      openStdin: request.openStdin,
      remove: request.remove,
      stopTimeout: request.stopTimeout ?? defaultStopTimeout,
      privileged: request.privileged,
      readOnly: request.readOnly,
      ...(request.restart !== undefined && { restart: request.restart }),
      ...(health !== undefined && { health }),
      init: request.init,
    };
  } finally {
    if (union !== undefined) binding.close(union);
  }
}

function machineOf({ binding }: Runtime): ConfigMachine {
  const { machine, release, euid, egid, boundingCapabilities, lastCapability } = binding.identity();
  const capabilities = Object.entries(capabilityNumbers)
    .filter(
      ([, number]) => number <= lastCapability && ((boundingCapabilities >> BigInt(number)) & 1n) === 1n,
    )
    .map(([name]) => name);
  return { machine, release, capabilities, isRoot: euid === 0, uid: euid, gid: egid };
}

function networksOf({ network }: ContainerRequest): readonly string[] {
  if (typeof network === 'string') return [network];
  return 'networks' in network ? network.networks : [];
}

/** Returns the container of `--network container:NAME`; it need not run before the start. */
function joinedContainer(store: DirectStore, { network }: ContainerRequest): DirectContainer | undefined {
  if (typeof network === 'string' || 'networks' in network) return undefined;
  if (store.binding.identity().euid !== 0) {
    throw new RuntimeError({
      code: 'usage.bad-value',
      message: `unable to join the network of container ${network.container} without root`,
      value: `container:${network.container}`,
      hint: 'each container of a user has a user namespace of its own, which has no rights in the networks of others',
    });
  }
  return findContainer(store, network.container);
}

function hostName({ binding }: Runtime): string {
  return binding.readText('/proc/sys/kernel/hostname').trim();
}

function profileOf(
  { binding }: Runtime,
  { security: { seccomp: file }, privileged, capAdd, capDrop }: ContainerRequest,
  machine: ConfigMachine,
): Seccomp | undefined {
  if (file === undefined || file === 'unconfined') return undefined;
  const capabilities = privileged
    ? machine.capabilities
    : capabilitiesOf(defaultCapabilities, capAdd, capDrop, machine.capabilities);
  const text = onHost(`unable to read the seccomp profile ${file}`, () => binding.readText(file));
  return readProfile(text, file, capabilities, machine);
}

// ---- mounts --------------------------------------------------------------------------------------------------------

/**
 * Returns the requested mounts, and the volumes of the image that no request covers. A later request replaces an
 * earlier one.
 */
function resolveMounts(
  runtime: Runtime,
  store: DirectStore,
  image: UsableImage,
  request: ContainerRequest,
  newVolumes: NewVolumes,
  union: number | undefined,
): DirectMount[] {
  const byDestination = new Map<string, MountRequest>();
  for (const path of image.config.Volumes) {
    const declared = {
      type: 'volume',
      destination: path,
      readOnly: false,
      options: [],
      makeSource: false,
      copy: true,
    };
    byDestination.set(path, declared as MountRequest);
  }
  for (const mount of request.mounts) byDestination.set(mount.destination, mount);
  const all = [...byDestination.values()].map(mount =>
    mount.type === 'volume' && mount.source === undefined
      ? { ...mount, name: anonymousName(store), anonymous: true }
      : { ...mount, name: mount.source ?? '', anonymous: false },
  );
  const names = all.filter(({ type }) => type === 'volume').map(({ name }) => name);
  if (names.length > 0) {
    const end = claimVolumes(store, names);
    newVolumes.endClaim = () => {
      newVolumes.endClaim = () => {};
      end();
    };
  }
  return all.map(mount => {
    const { type, destination, readOnly, options, name, anonymous } = mount;
    const common = { type, destination, readOnly, options };
    if (type === 'tmpfs') return common;
    if (type === 'bind') return { ...common, source: bindSource(runtime, mount) };
    if (makeVolume(store, name, { anonymous })) newVolumes.made.push(name);
    if (mount.copy && union !== undefined) fillVolume(store, name, union, destination);
    return { ...common, name, source: volumeData(store, name), ...(anonymous && { anonymous }) };
  });
}

function bindSource({ binding }: Runtime, { source = '', makeSource }: MountRequest): string {
  if (binding.stat(source) !== undefined) return source;
  if (!makeSource) {
    throw new RuntimeError({
      code: 'usage.bad-value',
      message: `invalid mount config for type "bind": bind source path does not exist: ${source}`,
      path: source,
      value: source,
      hint: `make it first, or use --volume, which makes a directory`,
    });
  }
  onHost(`unable to make the source of the mount ${source}`, () => makeDirectories(binding, source, 0o755));
  return source;
}

function devicesOf({ binding }: Runtime, { devices }: ContainerRequest): FoundDevice[] {
  return devices.map(({ source, path, access }) => {
    const status = binding.stat(source);
    const kind = status === undefined ? 0 : status.mode & S_IFMT;
    const type = kind === S_IF.S_IFCHR ? 'c' : kind === S_IF.S_IFBLK ? 'b' : undefined;
    if (status === undefined || type === undefined) {
      throw new RuntimeError({
        code: 'usage.bad-value',
        message: `error gathering device information while adding custom device "${source}": ${status === undefined ? 'no such file or directory' : 'not a device node'}`,
        path: source,
        value: source,
      });
    }
    const { mode, uid, gid, rdevMajor, rdevMinor } = status;
    return { type, path, major: rdevMajor, minor: rdevMinor, fileMode: mode & 0o777, uid, gid, access };
  });
}

// ---- files in /etc -------------------------------------------------------------------------------------------------

/**
 * Writes the files for the container's /etc. For a container with a network, the start writes hosts and resolv.conf,
 * because they contain its addresses. With `--add-host`, hosts is written here, and the start adds the addresses.
 */
function writeFiles(
  runtime: Runtime,
  request: ContainerRequest,
  directory: string,
  hostname: string,
): ConfigInput['files'] {
  const { binding } = runtime;
  const { network } = request;
  const hasNoAddresses = typeof network === 'string' || 'container' in network;
  const texts: Partial<Record<ConfigInput['files'][number], string>> = { hostname: `${hostname}\n` };
  if (hasNoAddresses || request.hosts.length > 0) {
    const base =
      request.network === 'host' ? (binding.readTextIfThere('/etc/hosts') ?? '') : hostsFile([], [hostname]);
    texts.hosts = withLines(base, request.hosts);
  }
  if (request.dns.length > 0)
    texts['resolv.conf'] = withLines(
      '',
      request.dns.map(server => `nameserver ${server}`),
    );
  else if (hasNoAddresses) {
    texts['resolv.conf'] =
      request.network === 'host' ? (binding.readTextIfThere('/etc/resolv.conf') ?? '') : '# no network\n';
  }
  for (const [name, text] of Object.entries(texts)) {
    const path = entryPath(directory, name);
    onHost(`unable to write ${path}`, () => binding.replaceText(path, text, 0o644));
  }
  return Object.keys(texts) as ConfigInput['files'];
}

function withLines(text: string, lines: readonly string[]): string {
  const whole = text === '' || text.endsWith('\n') ? text : `${text}\n`;
  return whole + lines.map(line => `${line}\n`).join('');
}

/** Returns the ports of `-P`: each port that the image declares gets a free port of the host. */
export function publishedPorts(
  runtime: Runtime,
  values: readonly string[],
  exposed: readonly string[],
): string[] {
  return [
    ...values.map(value => (/^\d{1,5}(\/(tcp|udp))?$/.test(value) ? withFreePort(runtime, value) : value)),
    ...exposed.map(value => withFreePort(runtime, value)),
  ].map(value => {
    parsePublished(value);
    return value;
  });
}

/** The kernel's default range for the ports of clients, because few services use one of these ports. */
const firstFreePort = 32_768;
const lastFreePort = 60_999;

function withFreePort({ binding }: Runtime, value: string): string {
  const [port = '', protocol = 'tcp'] = value.split('/');
  const begin = binding.readStart('/dev/urandom', 2);
  const span = lastFreePort - firstFreePort + 1;
  const offset = (((begin[0] ?? 0) << 8) | (begin[1] ?? 0)) % span;
  for (let at = 0; at < span; at++) {
    const first = firstFreePort + ((offset + at) % span);
    try {
      const fds = binding.holdPorts({
        protocol: protocol === 'udp' ? 'udp' : 'tcp',
        address: '0.0.0.0',
        first,
        count: 1,
      });
      for (const fd of fds) binding.close(fd);
      return `${first}:${port}/${protocol}`;
    } catch {
      // In use.
    }
  }
  return `${firstFreePort}:${port}/${protocol}`;
}
