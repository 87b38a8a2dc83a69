// SPDX-License-Identifier: Apache-2.0
import { onHost } from '../../errors/system.ts';
import type { Binding } from '../../host/binding.d.ts';
import { entryPath, isBelow } from '../../host/paths.ts';
import { O, S_IF, S_IFMT } from '../../kernel/files.ts';
import { parseAddress } from '../../network/cidr.ts';
import { hostsFile } from '../../network/hosts-file.ts';
import { defaultNetwork } from '../../network/names.ts';
import {
  containerResolvConf,
  type DnsSettings,
  requestedResolvConf,
  resolvedServers,
} from '../../network/resolv-conf.ts';
import { locked, networkStore } from '../../network/store.ts';
import type { Config, Mount } from '../../oci/config.ts';
import { containerPath } from '../../plan/context.ts';
import { hasNamespace } from '../../plan/namespaces.ts';
import type { Plan } from '../../plan/plan.ts';
import { layerPath, layersOf, rootMount } from '../../plan/root-mount.ts';
import { nameFile, ownName } from '../../plan/uts-names.ts';
import type { HostContext, HostOperation } from '../host-context.ts';
import type { Warning } from '../warnings.ts';
import { addNames, removeNames } from './names.ts';

/** Files of a container with a network, in its state directory; each is bound at `/etc/NAME`. */
const names = [nameFile, 'hosts', 'resolv.conf'] as const;

export interface ContainerDirectories {
  readonly rootfs: string;
  readonly bundle: string;
  readonly stateDirectory: string;
}

/**
 * Returns the config with mounts for the files, except those on or below a mount of its own, and the paths of files
 * that have no mount point: in a user namespace the root may be unable to make one, and on a read-only root file system
 * no process can.
 */
export function withNetworkFiles(
  binding: Binding,
  config: Config,
  directories: ContainerDirectories,
): { readonly config: Config; readonly leftOut: readonly string[] } {
  const destinations = (config.mounts ?? []).map(({ destination }) => containerPath(destination));
  const wanted = names.filter(name => {
    const path = `/etc/${name}`;
    // Without a host name of its own, the container has that of the host.
    if (name === nameFile && !ownName(config)) return false;
    return !destinations.some(
      destination => destination === path || (destination !== '/' && isBelow(path, destination)),
    );
  });
  const leftOut = wanted.filter(name => !hasMountPoint(binding, config, directories, `/etc/${name}`));
  const mounts = wanted
    .filter(name => !leftOut.includes(name))
    .map(
      (name): Mount => ({
        destination: `/etc/${name}`,
        type: 'bind',
        source: entryPath(directories.stateDirectory, name),
        options: ['bind', 'nosuid', 'nodev', 'noexec'],
      }),
    );
  return {
    config: { ...config, mounts: [...(config.mounts ?? []), ...mounts] },
    leftOut: leftOut.map(name => `/etc/${name}`),
  };
}

/** Returns true if the file exists in the root file system, or can be made there. */
function hasMountPoint(
  binding: Binding,
  config: Config,
  { rootfs, bundle }: ContainerDirectories,
  path: string,
): boolean {
  const union = rootMount(config);
  const layers =
    union === undefined ? [rootfs] : layersOf(union).map(value => layerPath({ options: { bundle } }, value));
  for (const layer of layers) {
    const status = binding.stat(layer + path, true);
    // In a layer, a whiteout is a character device: the file does not exist, whatever the layers below it have.
    if (status !== undefined && (status.mode & S_IFMT) !== S_IF.S_IFCHR) return true;
    if (status !== undefined) break;
  }
  if (hasNamespace(config, 'user')) return false;
  return union === undefined ? !binding.isReadOnly(rootfs) : union.upper !== undefined;
}

/** Returns a warning for files that a container with a network does not get. */
export function warnOfLeftOut(paths: readonly string[], option: string): Warning[] {
  if (paths.length === 0) return [];
  return [
    {
      message: `the container gets no ${paths.join(', no ')}: its root file system has no such file, and the runtime does not make one there`,
      document: option,
      hint: 'add empty files to the root file system',
    },
  ];
}

/** Returns the plan with the option as the origin of the added mounts, because config.json does not contain them. */
export function withFileOrigins(plan: Plan, config: Config, planned: Config, flag: string): Plan {
  const mounts = planned.mounts ?? [];
  const before = config.mounts?.length ?? 0;
  const prefix = '/mounts/';
  const renamed = <T extends { readonly origin: string }>(step: T): T => {
    if (!step.origin.startsWith(prefix)) return step;
    const index = Number.parseInt(step.origin.slice(prefix.length), 10);
    const mount = index < before ? undefined : mounts[index];
    return mount === undefined ? step : { ...step, origin: `${flag} ${mount.destination}` };
  };
  return { ...plan, host: plan.host.map(renamed), container: plan.container.map(renamed) };
}

export const writeNetworkFiles: HostOperation<'writeNetworkFiles'> = {
  apply([step], context) {
    if (step === undefined) return;
    const { runtime, attachments, stateDirectory } = context;
    const own = context.config && ownName(context.config);
    if (own) write(context, nameFile, `${own}\n`);
    write(context, 'resolv.conf', resolvConf(context, step.dns));
    const writeHosts = (others: readonly string[]) =>
      write(context, 'hosts', hostsFile(addressesOf(context), step.names, others));
    const named = attachments.filter(({ name }) => name !== defaultNetwork);
    if (named.length === 0) {
      writeHosts([]);
      return;
    }
    const store = networkStore(runtime.binding);
    context.undo.arm('the names in the hosts files of other containers', () =>
      locked(store, () => {
        for (const { name, addresses } of named) {
          removeNames(
            runtime,
            store,
            name,
            addresses.flatMap(text => parseAddress(text) ?? []),
          );
        }
      }),
    );
    // In one hold of the lock: two containers that are made at the same time each get the line of the other once.
    locked(store, () =>
      writeHosts(named.flatMap(({ name }) => addNames(runtime, store, name, stateDirectory))),
    );
  },
};

function addressesOf({ attachments }: HostContext): string[] {
  return attachments.flatMap(({ addresses }) => addresses);
}

function write({ runtime, stateDirectory }: HostContext, name: string, text: string): void {
  const path = entryPath(stateDirectory, name);
  // All users of the container must be able to read it.
  onHost(`unable to write ${path}`, () => runtime.binding.writeText(path, text, O.O_CREAT | O.O_EXCL, 0o644));
}

/**
 * Returns the name servers of the host that the container can reach; if there are none, a comment and no other server.
 */
function resolvConf(context: HostContext, dns: DnsSettings = {}): string {
  if (dns.servers === undefined) return requestedResolvConf(hostResolvConf(context), dns);
  return requestedResolvConf(context.runtime.binding.readTextIfThere('/etc/resolv.conf') ?? '', dns);
}

function hostResolvConf(context: HostContext): string {
  const { binding, log } = context.runtime;
  const ipv6 = addressesOf(context).some(address => address.includes(':'));
  for (const path of ['/etc/resolv.conf', resolvedServers]) {
    const text = containerResolvConf(binding.readTextIfThere(path) ?? '', { ipv6 });
    if (text !== undefined) return text;
  }
  log.warn(
    'no name server of the host can be reached from the container: /etc/resolv.conf has none, or only loopback, link-local or (without IPv6 in the container) IPv6 addresses',
  );
  return '# no name server of the host can be reached from here\n';
}
