// SPDX-License-Identifier: Apache-2.0
import { joinPath } from '../host/paths.ts';
import type { Capabilities, Config, Linux, Mount, Process } from '../oci/config.ts';
import type { Draft } from './context.ts';

/**
 * Returns the config with defaults and normalized spellings, as the rest of the runtime expects it.
 *
 * Precondition: no check has found a problem in the draft. The casts rely on it.
 */
export function completeConfig(draft: Draft<Config>): Config {
  const config = { ...draft } as { -readonly [Key in keyof Config]: Config[Key] };
  config.process = completeProcess((draft.process as Process | undefined) ?? noProcess);
  if (draft.mounts !== undefined) config.mounts = (draft.mounts as readonly Mount[]).map(completeMount);
  if (draft.linux !== undefined) config.linux = completeLinux(draft.linux as Linux);
  return config;
}

/** The process of a container without one, which can be created but not started. */
const noProcess: Process = { user: { uid: 0, gid: 0 }, cwd: '/', args: [] };

export function completeProcess(draft: Process): Process {
  const { capabilities } = draft;
  return {
    ...draft,
    user: { ...draft.user, uid: draft.user?.uid ?? 0, gid: draft.user?.gid ?? 0 },
    ...(capabilities === undefined ? {} : { capabilities: upperCase(capabilities) }),
  };
}

function upperCase(capabilities: Capabilities): Capabilities {
  return Object.fromEntries(
    Object.entries(capabilities).map(([set, names]: [string, readonly string[]]) => [
      set,
      names.map(name => name.toUpperCase()),
    ]),
  );
}

function completeMount(mount: Mount): Mount {
  const { destination } = mount;
  return destination.startsWith('/') ? mount : { ...mount, destination: `/${destination}` };
}

function completeLinux(draft: Linux): Linux {
  const linux = { ...draft } as { -readonly [Key in keyof Linux]: Linux[Key] };
  const { cgroupsPath } = draft;
  if (cgroupsPath === '') delete linux.cgroupsPath;
  else if (cgroupsPath !== undefined) linux.cgroupsPath = withoutEscape(cgroupsPath);
  // The check has warned that mappings have no effect without a user namespace.
  if (!(draft.namespaces ?? []).some(({ type }) => type === 'user')) {
    delete linux.uidMappings;
    delete linux.gidMappings;
  }
  // runc treats an empty value as missing.
  if ((draft.rootfsPropagation as string | undefined) === '') delete linux.rootfsPropagation;
  return linux;
}

/** Removes `..` that would lead out of the path, also in a relative path. */
function withoutEscape(path: string): string {
  const absolute = joinPath('/', path);
  return path.startsWith('/') ? absolute : absolute.slice(1);
}
