// SPDX-License-Identifier: Apache-2.0
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { unlessMissing } from '../host/files.ts';

const listOfFiles = '/sys/kernel/cgroup/delegate';
/** The list for a kernel without that file (before Linux 4.15). */
const usualFiles = 'cgroup.procs\ncgroup.subtree_control\ncgroup.threads';
/** (gid_t)-1 of chown(2). */
const sameGroup = 0xffffffff;

/**
 * Changes the owner of the cgroup's directory and of those of its files that the kernel lists as delegatable. The files
 * with limits keep their owner. config-linux.md#cgroup-ownership
 */
export function delegateCgroup(binding: Binding, path: string, uid: number, pointer: string): void {
  const files = (binding.readTextIfThere(listOfFiles) ?? usualFiles).split('\n').filter(name => name !== '');
  onHost(
    `unable to change the owner of the cgroup ${path} to user ${uid}`,
    () => {
      binding.chown(path, uid, sameGroup);
      for (const file of files) {
        if (file.includes('/')) continue;
        unlessMissing(() => binding.chown(`${path}/${file}`, uid, sameGroup));
      }
    },
    { pointer, value: String(uid), spec: 'config-linux.md#cgroup-ownership' },
  );
}
