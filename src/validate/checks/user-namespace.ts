// SPDX-License-Identifier: Apache-2.0

import type { IDMapping, Mount } from '../../oci/config.ts';
import { mayBeIdMapped } from '../../plan/host-trees.ts';
import { isBind } from '../../plan/mount-options.ts';
import { isRootMount } from '../../plan/root-mount.ts';
import type { Check, CheckContext, Draft } from '../context.ts';
import { checkIdMappings, mappedIds } from './id-mappings.ts';

const spec = 'config-linux.md#user-namespace-mappings';

type Mappings = readonly Draft<IDMapping>[];

/** Checks linux.uidMappings and gidMappings, and every property with a user or group id inside the namespace. */
export const checkUserNamespace: Check = context => {
  const { linux } = context.config;
  const uids = linux?.uidMappings ?? [];
  const gids = linux?.gidMappings ?? [];
  const index = linux?.namespaces?.findIndex(({ type }) => type === 'user') ?? -1;
  const given = uids.length > 0 ? 'uidMappings' : gids.length > 0 ? 'gidMappings' : undefined;
  if (index < 0) {
    if (given === undefined) return;
    // runc and crun run such a container with the host's ids.
    context.warn({
      code: 'config.user-namespace.missing',
      message: "user namespace mappings are ignored: user namespace isn't enabled in the config",
      pointer: `/linux/${given}`,
      hint: 'add {"type": "user"} to linux.namespaces, or remove the mappings',
      spec,
    });
    return;
  }
  checkIdMappings(context, uids, '/linux/uidMappings');
  checkIdMappings(context, gids, '/linux/gidMappings');
  const joined = (linux?.namespaces?.[index]?.path ?? '') !== '';
  if (!joined && (uids.length === 0 || gids.length === 0)) {
    context.problem({
      code: 'config.user-namespace.mappings',
      message:
        given === undefined
          ? 'user namespaces enabled, but no namespace path to join nor mappings to apply specified'
          : `user namespaces enabled, but no ${uids.length === 0 ? 'uid' : 'gid'} mappings specified`,
      pointer: `/linux/namespaces/${index}`,
      hint: 'give linux.uidMappings and linux.gidMappings, or the path of a namespace to join',
      spec,
    });
    return;
  }
  // The mappings of a joined namespace are unknown here, unless the config contains them too.
  if (uids.length > 0) checkIds(context, 'uid', uids);
  if (gids.length > 0) checkIds(context, 'gid', gids);
};

function checkIds(context: CheckContext, kind: 'uid' | 'gid', mappings: Mappings): void {
  const { process, linux, mounts } = context.config;
  const isMapped = mappedIds(mappings);
  const look = (id: number | undefined, pointer: string, what: string): void => {
    if (id === undefined || isMapped(id)) return;
    context.problem({
      code: 'config.id-mapping.unmapped',
      message: `${what} ${id} is not mapped in the user namespace`,
      pointer,
      value: String(id),
      hint: `add it to linux.${kind}Mappings`,
      spec,
    });
  };
  look(process?.user?.[kind] ?? 0, `/process/user/${kind}`, `the ${kind} of the process`);
  if (kind === 'gid') {
    for (const [index, gid] of process?.user?.additionalGids?.entries() ?? []) {
      look(gid, `/process/user/additionalGids/${index}`, 'the additional gid');
    }
  }
  for (const [index, device] of linux?.devices?.entries() ?? []) {
    look(device[kind], `/linux/devices/${index}/${kind}`, `the ${kind} of the device`);
  }
  for (const [index, mount] of mounts?.entries() ?? []) {
    for (const [position, option] of mount.options?.entries() ?? []) {
      if (!option.startsWith(`${kind}=`)) continue;
      const id = option.slice(kind.length + 1);
      const words = `the ${kind} of the mount on "${mount.destination ?? ''}"`;
      if (/^\d+$/.test(id)) look(Number(id), `/mounts/${index}/options/${position}`, words);
    }
  }
}

/** Checks `idmap`, `ridmap` and the mappings of a mount. */
export const checkIdMappedMounts: Check = context => {
  const user = context.hasNamespace('user');
  context.config.mounts?.forEach((mount, index) => {
    if (!mayBeIdMapped(mount as Mount)) return;
    const pointer = `/mounts/${index}`;
    const uids = mount.uidMappings ?? [];
    const gids = mount.gidMappings ?? [];
    checkIdMappings(context, uids, `${pointer}/uidMappings`);
    checkIdMappings(context, gids, `${pointer}/gidMappings`);
    const { options = [] } = mount;
    const option = Math.max(options.lastIndexOf('idmap'), options.lastIndexOf('ridmap'));
    const own = uids.length > 0 || gids.length > 0;
    if (!own && option < 0) return;
    const at =
      option >= 0 ? `${pointer}/options/${option}` : `${pointer}/${uids.length > 0 ? 'uid' : 'gid'}Mappings`;
    const wrong = (message: string, hint: string): void => {
      const value = option >= 0 ? options[option] : undefined;
      context.problem({
        code: 'config.mount.idmap',
        message,
        pointer: at,
        value,
        hint,
        spec: 'config.md#mounts',
      });
    };
    if (isRootMount(mount, index)) {
      wrong(
        'a root mount cannot have id mappings of its own',
        'remove them: its lower layers show the owners of the user namespace of the container',
      );
    } else if (!isBind(mount)) {
      wrong('id-mapped mounts are only supported for bind-mounts', 'add "bind" or "rbind" to its options');
    } else if (own && (uids.length === 0 || gids.length === 0)) {
      wrong(
        'id-mapped mounts must have both uid and gid mappings specified',
        'give both uidMappings and gidMappings',
      );
    } else if (!own && !user) {
      wrong(
        'the id-mapped mount has no mappings, and the container has no user namespace to take them from',
        'give the mount uidMappings and gidMappings',
      );
    }
  });
};
