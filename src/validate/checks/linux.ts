// SPDX-License-Identifier: Apache-2.0

import { nearestWord } from '../../errors/spelling.ts';
import { joinPath } from '../../host/paths.ts';
import { rootfsPropagations } from '../../oci/config-linux.ts';
import { rootMask } from '../../plan/restricted-paths.ts';
import type { Check } from '../context.ts';

export const checkRootfsPropagation: Check = context => {
  // Any string is possible here, despite the type.
  const propagation: string | undefined = context.config.linux?.rootfsPropagation;
  if (propagation === undefined || propagation === '') return;
  const fields = {
    code: 'config.rootfsPropagation',
    pointer: '/linux/rootfsPropagation',
    value: propagation,
    spec: 'config-linux.md#rootfs-mount-propagation',
  } as const;
  const known: readonly string[] = rootfsPropagations;
  if (!known.includes(propagation)) {
    const meant = nearestWord(propagation, known);
    context.problem({
      ...fields,
      message: `rootfsPropagation=${propagation} is not supported`,
      hint: meant === undefined ? `the values are ${known.join(', ')}` : `did you mean ${meant}?`,
    });
  } else if (context.options.noPivot === true && /^r?private$/.test(propagation)) {
    // Without pivot_root, the host's mounts remain below the new root; private propagation would keep them busy on
    // the host.
    context.problem({
      ...fields,
      message: 'rootfsPropagation of [r]private is not safe without pivot_root',
      hint: 'omit --no-pivot, or use slave',
    });
  }
};

export const checkHiddenPaths: Check = context => {
  for (const [property, spec] of [
    ['maskedPaths', 'config-linux.md#masked-paths'],
    ['readonlyPaths', 'config-linux.md#readonly-paths'],
  ] as const) {
    const paths = context.config.linux?.[property] ?? [];
    const code = `config.${property}` as const;
    if (paths.length > 0 && !context.hasNamespace('mount')) {
      context.problem({
        code,
        message: 'unable to restrict sys entries without a private MNT namespace',
        pointer: `/linux/${property}`,
        hint: 'add {"type": "mount"} to linux.namespaces',
        spec,
      });
    }
    paths.forEach((path, index) => {
      const pointer = `/linux/${property}/${index}`;
      if (property === 'maskedPaths' && joinPath('/', path) === '/') {
        const hint = 'mask directories in it, or use readonlyPaths or root.readonly';
        context.problem({ code, message: rootMask(path), pointer, value: path, hint, spec });
      }
      if (path.startsWith('/')) return;
      context.problem({ code, message: `the path "${path}" is not absolute`, pointer, value: path, spec });
    });
  }
};

/** `..` at the start is dropped; the rest must name a cgroup below the root. */
export const checkCgroupsPath: Check = context => {
  const path = context.config.linux?.cgroupsPath;
  if (path === undefined || path === '') return;
  if (joinPath('/', path) !== '/') return;
  context.problem({
    code: 'config.cgroups-path',
    message: `cgroupsPath "${path}" does not name a cgroup of the container's own`,
    pointer: '/linux/cgroupsPath',
    value: path,
    hint: 'leave it out for a cgroup named after the container',
    spec: 'config-linux.md#cgroups-path',
  });
};
