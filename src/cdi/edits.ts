// SPDX-License-Identifier: Apache-2.0
import { formatPointer } from '../bundle/pointer.ts';
import type { CdiHook, CdiMount, ContainerEdits, DeviceNode } from './spec.ts';

/** Edits of one device, or of all devices of a file. */
export interface NamedEdits {
  /** `vendor.com/class=name`, for messages. */
  readonly device: string;
  readonly edits: ContainerEdits;
}

/** A device node of the host. */
export interface HostDevice {
  readonly type: string;
  readonly major: number;
  readonly minor: number;
}

export interface EditOptions {
  /** The runtime may change device rules of cgroups. */
  readonly isRoot: boolean;
  /** Looks a device up on the host. */
  deviceAt(path: string, device: string): HostDevice;
}

/** The changed config, and the device that each added part comes from, by its pointer. */
export interface EditedConfig {
  readonly document: unknown;
  readonly origins: ReadonlyMap<string, string>;
}

type Members = Record<string, unknown>;

/**
 * Applies edits to config.json before it is checked: the additions of a device are checked like the rest. An entry for
 * the same path, variable or interface replaces the config's entry at its position; other entries are appended.
 */
export function applyEdits(
  document: unknown,
  all: readonly NamedEdits[],
  options: EditOptions,
): EditedConfig {
  const origins = new Map<string, string>();
  const config = { ...(document as Members) };
  for (const { device, edits } of all) {
    /** Returns a copy of the list at this path, which replaces the list in the config. */
    const list = (...path: readonly string[]): unknown[] => copied(config, path, true) as unknown[];
    const members = (...path: readonly string[]): Members => copied(config, path, false) as Members;
    const put = (
      entries: unknown[],
      entry: unknown,
      same: (other: Members) => boolean,
      ...path: string[]
    ) => {
      const found = entries.findIndex(other => isMembers(other) && same(other));
      const index = found < 0 ? entries.length : found;
      entries[index] = entry;
      origins.set(formatPointer([...path, index]), device);
    };
    for (const variable of edits.env ?? []) {
      const name = `${variable.slice(0, Math.max(0, variable.indexOf('=')))}=`;
      const env = list('process', 'env');
      const found = env.findIndex(other => typeof other === 'string' && other.startsWith(name));
      const index = found < 0 ? env.length : found;
      env[index] = variable;
      origins.set(formatPointer(['process', 'env', index]), device);
    }
    for (const node of edits.deviceNodes ?? []) {
      const made = deviceOf(node, device, config, options);
      put(list('linux', 'devices'), made, other => other['path'] === node.path, ...['linux', 'devices']);
      const { type, major, minor } = made;
      if (type === 'p' || !options.isRoot) continue;
      const rules = list('linux', 'resources', 'devices');
      origins.set(formatPointer(['linux', 'resources', 'devices', rules.length]), device);
      rules.push({
        allow: true,
        type: type === 'u' ? 'c' : type,
        major,
        minor,
        access: node.permissions ?? 'rwm',
      });
    }
    for (const mount of edits.mounts ?? []) {
      put(list('mounts'), mountOf(mount), other => other['destination'] === mount.containerPath, 'mounts');
    }
    for (const hook of edits.hooks ?? []) {
      put(list('hooks', hook.hookName), hookOf(hook), () => false, 'hooks', hook.hookName);
    }
    for (const { hostInterfaceName, name } of edits.netDevices ?? []) {
      members('linux', 'netDevices')[hostInterfaceName] = { name };
      origins.set(formatPointer(['linux', 'netDevices', hostInterfaceName]), device);
    }
    for (const gid of edits.additionalGids ?? []) {
      const gids = list('process', 'user', 'additionalGids');
      if (gid === 0 || gids.includes(gid)) continue;
      origins.set(formatPointer(['process', 'user', 'additionalGids', gids.length]), device);
      gids.push(gid);
    }
    if (edits.intelRdt !== undefined) {
      Object.assign(members('linux', 'intelRdt'), edits.intelRdt);
      origins.set('/linux/intelRdt', device);
    }
  }
  return { document: config, origins };
}

/** Returns the device that added the part of the config with this pointer; undefined for the config's own parts. */
export function deviceBehind(origins: ReadonlyMap<string, string>, pointer: string): string | undefined {
  for (let part = pointer; part !== ''; part = part.slice(0, part.lastIndexOf('/'))) {
    const device = origins.get(part);
    if (device !== undefined) return device;
  }
  return undefined;
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Copies the objects on the path and the value at its end, which is made if it is missing. */
function copied(config: Members, path: readonly string[], asList: boolean): unknown {
  let at = config;
  path.forEach((name, index) => {
    const value = at[name];
    const last = index === path.length - 1;
    if (last && asList) at[name] = Array.isArray(value) ? [...value] : [];
    else at[name] = isMembers(value) ? { ...value } : {};
    if (!last) at = at[name] as Members;
  });
  return at[path.at(-1) ?? ''];
}

function deviceOf(
  { hostPath, permissions: _, ...node }: DeviceNode,
  device: string,
  config: Members,
  { deviceAt }: EditOptions,
) {
  const given =
    node.type !== undefined && (node.type === 'p' || (node.major ?? 0) !== 0 || (node.minor ?? 0) !== 0);
  const found = given ? {} : deviceAt(hostPath ?? node.path, device);
  const { uid, gid } = owner(config);
  // A program that is not root owns its devices, unless the specification names an owner.
  return {
    ...(uid !== 0 && { uid }),
    ...(gid !== 0 && { gid }),
    ...node,
    ...found,
  } as DeviceNode & HostDevice;
}

function owner(config: Members): { readonly uid: unknown; readonly gid: unknown } {
  const process = isMembers(config['process']) ? config['process'] : {};
  const { uid = 0, gid = 0 } = isMembers(process['user']) ? process['user'] : {};
  return { uid, gid };
}

function mountOf({ hostPath, containerPath, type, options = [] }: CdiMount) {
  const bound = type !== undefined || options.includes('bind') || options.includes('rbind');
  return {
    destination: containerPath,
    source: hostPath,
    ...(type !== undefined && type !== '' && { type }),
    options: bound ? options : ['rbind', ...options],
  };
}

function hookOf({ path, args, env, timeout }: CdiHook) {
  return {
    path,
    ...(args !== undefined && { args }),
    ...(env !== undefined && { env }),
    ...(timeout !== undefined && { timeout }),
  };
}
