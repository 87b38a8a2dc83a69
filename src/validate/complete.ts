// SPDX-License-Identifier: Apache-2.0
import { joinPath } from '../host/paths.ts';
import type { Capabilities, Config, Linux, Mount, Process } from '../oci/config.ts';
import type { Draft } from './context.ts';

/**
 * The config as the rest of the runtime takes it: defaults that everybody would have to repeat, and one spelling where
 * documents have several.
 *
 * Precondition: no check has found a problem in the draft, which is what the casts rely on.
 */
export function completeConfig(draft: Draft<Config>): Config {
  const config = { ...draft } as { -readonly [Key in keyof Config]: Config[Key] };
  config.process = completeProcess((draft.process as Process | undefined) ?? noProcess);
  if (draft.mounts !== undefined) config.mounts = (draft.mounts as readonly Mount[]).map(completeMount);
  if (draft.linux !== undefined) config.linux = completeLinux(draft.linux as Linux);
  return config;
}

/** Of a container that cannot be started: what there is to prepare without a program. */
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
  // The check has warned: without a user namespace nothing may be mapped.
  if (!(draft.namespaces ?? []).some(({ type }) => type === 'user')) {
    delete linux.uidMappings;
    delete linux.gidMappings;
  }
  // runc takes an empty one for none.
  if ((draft.rootfsPropagation as string | undefined) === '') delete linux.rootfsPropagation;
  return linux;
}

/** `..` ends at the start of the path, also in a relative one. */
function withoutEscape(path: string): string {
  const absolute = joinPath('/', path);
  return path.startsWith('/') ? absolute : absolute.slice(1);
}
