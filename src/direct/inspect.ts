// SPDX-License-Identifier: Apache-2.0
import type { Runtime } from '../lifecycle/runtime.ts';
import { formatAddress } from '../network/cidr.ts';
import { parsePublished } from '../network/publish.ts';
import type { DirectContainer } from './container.ts';
import { withProtocol } from './describe.ts';
import { healthOf, shownHealth } from './health.ts';
import type { HealthCheck } from './health-check.ts';
import { policyOf, restartCount } from './restart.ts';
import { type DirectState, isUp, stateOf } from './status.ts';
import { containerFiles, containerPath, type DirectStore } from './store.ts';

/** A container with Docker's members. Times are RFC 3339. */
export interface InspectedContainer {
  readonly Id: string;
  readonly Created: string;
  readonly Path: string;
  readonly Args: readonly string[];
  readonly State: {
    readonly Status: DirectState['status'];
    readonly Running: boolean;
    readonly Paused: boolean;
    readonly OOMKilled: boolean;
    readonly Dead: boolean;
    /** 0 if it does not run. */
    readonly Pid: number;
    readonly ExitCode: number;
    /** The error of the last start if it failed, otherwise empty. */
    readonly Error: string;
    /** The year 1 if there is none. */
    readonly StartedAt: string;
    readonly FinishedAt: string;
    readonly Health?: object;
  };
  /** The id of the image. */
  readonly Image: string;
  readonly ResolvConfPath: string;
  readonly HostnamePath: string;
  readonly HostsPath: string;
  readonly LogPath: string;
  /** With a slash in front. */
  readonly Name: string;
  readonly RestartCount: number;
  readonly Driver: string;
  readonly Platform: string;
  readonly HostConfig: {
    readonly AutoRemove: boolean;
    readonly RestartPolicy: { readonly Name: string; readonly MaximumRetryCount: number };
    readonly Init: boolean;
    readonly NetworkMode: string;
    readonly PortBindings: PortBindings;
    readonly Privileged: boolean;
    readonly ReadonlyRootfs: boolean;
  };
  readonly Mounts: readonly {
    readonly Type: string;
    readonly Name?: string;
    readonly Source?: string;
    readonly Destination: string;
    readonly Mode: string;
    readonly RW: boolean;
  }[];
  readonly Config: {
    readonly Hostname: string;
    readonly User: string;
    readonly Tty: boolean;
    readonly OpenStdin: boolean;
    readonly Env: readonly string[];
    readonly Cmd: readonly string[];
    readonly Entrypoint: readonly string[] | null;
    readonly Image: string;
    readonly WorkingDir: string;
    readonly Labels: Readonly<Record<string, string>>;
    readonly StopSignal: string;
    /** Seconds. */
    readonly StopTimeout: number;
    readonly Healthcheck?: object;
    /** Keys such as `80/tcp`. */
    readonly ExposedPorts: Readonly<Record<string, object>>;
  };
  readonly NetworkSettings: {
    readonly Ports: PortBindings;
    /** By the name of the network. */
    readonly Networks: Readonly<
      Record<string, { readonly IPAddress: string; readonly GlobalIPv6Address: string }>
    >;
  };
}

/** Ports of the host by the port of the container, such as `80/tcp`. */
export type PortBindings = Readonly<
  Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[]>
>;

/**
 * Returns the document of `container inspect`. The members have Docker's names and places; a member for which tsubo has
 * no value is absent.
 */
export function inspectDirect(
  runtime: Runtime,
  store: DirectStore,
  container: DirectContainer,
): InspectedContainer {
  const { binding } = runtime;
  const directory = containerPath(store, container.id);
  const state = stateOf(runtime, store, container);
  const config = readConfig(binding.readTextIfThere(`${directory}/${containerFiles.config}`));
  const { exit } = state;
  const failed = failedStart(binding.readTextIfThere(`${directory}/${containerFiles.failedStart}`));
  const health = healthOf(store, container);
  const policy = policyOf(container);
  const args = container.command;
  const attachments = isUp(state) ? (state.record?.network?.attachments ?? []) : [];
  return {
    Id: container.id,
    Created: container.created,
    Path: args[0] ?? '',
    Args: args.slice(1),
    State: {
      Status: state.status,
      Running: isUp(state),
      Paused: state.status === 'paused',
      OOMKilled: exit?.oomKilled ?? false,
      Dead: state.status === 'dead',
      Pid: state.pid,
      ExitCode: exit?.status ?? failed.exitCode,
      Error: failed.error,
      StartedAt: state.startedAt ?? '0001-01-01T00:00:00Z',
      FinishedAt: exit?.finishedAt ?? '0001-01-01T00:00:00Z',
      ...(health !== undefined && { Health: shownHealth(health) }),
    },
    Image: container.imageId,
    ResolvConfPath: pathOf(directory, config, '/etc/resolv.conf'),
    HostnamePath: `${directory}/${containerFiles.hostname}`,
    HostsPath: pathOf(directory, config, '/etc/hosts'),
    LogPath: `${directory}/${containerFiles.log}`,
    Name: `/${container.name}`,
    RestartCount: restartCount(store, container.id),
    Driver: 'overlayfs',
    Platform: 'linux',
    HostConfig: {
      AutoRemove: container.remove,
      RestartPolicy: { Name: policy?.kind ?? 'no', MaximumRetryCount: policy?.most ?? 0 },
      Init: container.init,
      NetworkMode: container.networks[0] ?? 'default',
      PortBindings: bindings(container),
      Privileged: container.privileged,
      ReadonlyRootfs: container.readOnly,
    },
    Mounts: container.mounts.map(({ type, name, source, destination, readOnly, options }) => ({
      Type: type,
      ...(name !== undefined && { Name: name }),
      ...(source !== undefined && { Source: source }),
      Destination: destination,
      Mode: options.join(','),
      RW: !readOnly,
    })),
    Config: {
      Hostname: container.hostname,
      User: container.user,
      Tty: container.terminal,
      OpenStdin: container.openStdin,
      Env: config.process?.env ?? [],
      Cmd: args.slice(container.entrypoint.length),
      Entrypoint: container.entrypoint.length === 0 ? null : container.entrypoint,
      Image: container.image,
      WorkingDir: config.process?.cwd ?? '/',
      Labels: container.labels,
      StopSignal: String(container.stopSignal),
      StopTimeout: container.stopTimeout,
      ...(container.health !== undefined && { Healthcheck: inNanoseconds(container.health) }),
      ExposedPorts: Object.fromEntries(container.exposed.map(port => [withProtocol(port), {}])),
    },
    NetworkSettings: {
      Ports: isUp(state) ? bindings(container) : {},
      Networks: Object.fromEntries(
        attachments.map(({ name, addresses }) => [
          name,
          {
            IPAddress: addresses.find(address => !address.includes(':')) ?? '',
            GlobalIPv6Address: addresses.find(address => address.includes(':')) ?? '',
          },
        ]),
      ),
    },
  };
}

function inNanoseconds({
  test,
  interval,
  timeout,
  startPeriod,
  startInterval,
  retries,
}: HealthCheck): object {
  return {
    Test: test,
    Interval: interval * 1e6,
    Timeout: timeout * 1e6,
    StartPeriod: startPeriod * 1e6,
    StartInterval: startInterval * 1e6,
    Retries: retries,
  };
}

/** A damaged file counts as none. */
function failedStart(text: string | undefined): { readonly exitCode: number; readonly error: string } {
  try {
    const { exitCode, error } = JSON.parse(text ?? '{}') ?? {};
    if (Number.isSafeInteger(exitCode) && typeof error === 'string') return { exitCode, error };
  } catch {}
  return { exitCode: 0, error: '' };
}

interface ReadConfig {
  readonly process?: { readonly env?: readonly string[]; readonly cwd?: string };
  readonly mounts?: readonly { readonly destination?: string; readonly source?: string }[];
}

function readConfig(text: string | undefined): ReadConfig {
  try {
    return text === undefined ? {} : ((JSON.parse(text) as ReadConfig | null) ?? {});
  } catch {
    return {};
  }
}

/** Returns the host path of a file in the container's directory; empty if the runtime writes the file at each start. */
function pathOf(directory: string, { mounts = [] }: ReadConfig, destination: string): string {
  const source = mounts.find(mount => mount.destination === destination)?.source;
  return source?.startsWith(`${directory}/`) ? source : '';
}

function bindings({ ports }: DirectContainer): Record<string, { HostIp: string; HostPort: string }[]> {
  const found: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { address, hostPort, containerPort, count, protocol } of ports.map(parsePublished)) {
    for (let at = 0; at < count; at++) {
      const key = `${containerPort + at}/${protocol}`;
      const binding = {
        HostIp: address === undefined ? '' : formatAddress(address),
        HostPort: String(hostPort + at),
      };
      found[key] = [...(found[key] ?? []), binding];
    }
  }
  return found;
}
