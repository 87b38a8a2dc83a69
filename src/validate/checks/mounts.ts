// SPDX-License-Identifier: Apache-2.0
import { parsePointer } from '../../bundle/pointer.ts';
import { isRuntimeError, type RuntimeError } from '../../errors/error.ts';
import { joinPath } from '../../host/paths.ts';
import type { Mount } from '../../oci/config.ts';
import { isBind, mayBeRefused, readMountWords } from '../../plan/mount-options.ts';
import { targetFlags } from '../../plan/mount-target.ts';
import { isRootMount, readRootMount } from '../../plan/root-mount.ts';
import type { Check, CheckContext } from '../context.ts';
import { mountWordHint } from '../mount-words.ts';

const spec = 'config.md#mounts';

/** Applies the plan's rules for options and targets in advance, because all problems must be reported together. */
export const checkMounts: Check = context => {
  context.config.mounts?.forEach((draft, index) => {
    const mount = (draft.destination === undefined ? { ...draft, destination: '' } : draft) as Mount;
    // Without a destination it is a mistake, and not the root.
    if (draft.destination !== undefined && isRootMount(mount, index)) {
      checkRootMount(context, mount);
      return;
    }
    const bind = isBind(mount);
    const refused = mayBeRefused(mount) && reportInvalidOptions(context, mount, index);
    if (!refused) checkKind(context, mount, bind, `/mounts/${index}`);
    checkDestination(context, mount, bind, index);
  });
};

/** The root as a union of layers. */
function checkRootMount(context: CheckContext, mount: Mount): void {
  if (mayBeRefused(mount) && reportInvalidOptions(context, mount, 0)) return;
  readRootMount(mount, fields => context.problem(fields));
}

/** Reports each invalid option. */
function reportInvalidOptions(context: CheckContext, mount: Mount, index: number): boolean {
  const options = [...(mount.options ?? [])];
  for (let refused = false; ; refused = true) {
    const error = refusal(() => readMountWords({ ...mount, options }, index));
    if (error === undefined) return refused;
    const meant = error.code === 'config.mount.bind-options' ? mountWordHint(error.value ?? '') : undefined;
    const fields = { ...error.fields(), pointer: error.pointer ?? '' };
    context.problem(meant === undefined ? fields : { ...fields, hint: meant });
    // Replaces the option by an empty one, which has no effect and keeps the positions of the others.
    const position = Number(parsePointer(error.pointer ?? '').at(-1));
    if (!options[position]) return true;
    options[position] = '';
  }
}

function checkKind(context: CheckContext, mount: Mount, bind: boolean, pointer: string): void {
  const { source = '', type = '', destination } = mount;
  if (bind && source === '') {
    context.problem({
      code: 'config.mount.source',
      message: `the bind mount on "${destination}" has no source`,
      pointer: `${pointer}/source`,
      spec,
    });
  } else if (!bind && type === '') {
    context.problem({
      code: 'config.mount.type',
      message: `the mount on "${destination}" has no type, and neither bind nor rbind among its options`,
      pointer: `${pointer}/type`,
      hint: source.includes('/') ? 'add "bind" to its options to show a directory of the host' : undefined,
      spec,
    });
  }
}

function checkDestination(context: CheckContext, mount: Mount, bind: boolean, index: number): void {
  const { destination } = mount;
  const pointer = `/mounts/${index}/destination`;
  if (destination === '') {
    context.problem({
      code: 'config.mount.destination',
      message: 'the mount has no destination',
      pointer,
      spec,
    });
    return;
  }
  if (!destination.startsWith('/')) {
    context.warn({
      code: 'config.mount.relative-destination',
      message: `the mount destination "${destination}" is not absolute: it is taken as relative to /`,
      pointer,
      value: destination,
      hint: `write "/${destination}"`,
      spec,
    });
  }
  const error = refusal(() =>
    targetFlags(joinPath('/', destination), bind ? undefined : (mount.type ?? ''), index),
  );
  if (error !== undefined) context.problem({ ...error.fields(), pointer: error.pointer ?? '' });
}

function refusal(work: () => void): RuntimeError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!isRuntimeError(error)) throw error;
    return error;
  }
}
