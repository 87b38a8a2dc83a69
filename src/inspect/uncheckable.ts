// SPDX-License-Identifier: Apache-2.0
import type { HostFacts } from '../host/facts.ts';
import type { Config } from '../oci/config.ts';
import { idMapOf } from '../plan/host-trees.ts';
import { readMountWords } from '../plan/mount-options.ts';
import { userNamespace } from '../plan/user-namespace.ts';
import type { Findings } from './findings.ts';

/** Items that only the kernel, a security module or the caller of `create` decides. */
const decidedLater: readonly (readonly [
  pointer: string,
  isRequested: (config: Config) => unknown,
  message: string,
])[] = [
  [
    '/process/terminal',
    ({ process }) => process.terminal,
    'the terminal: create needs --console-socket for it',
  ],
  ['/process/apparmorProfile', ({ process }) => process.apparmorProfile, 'whether the profile is loaded'],
  ['/process/selinuxLabel', ({ process }) => process.selinuxLabel, 'whether the policy accepts the label'],
  ['/linux/mountLabel', ({ linux }) => linux?.mountLabel, 'whether the policy accepts the label'],
  ['/process/scheduler', ({ process }) => process.scheduler, 'whether the kernel accepts the scheduler'],
  ['/process/ioPriority', ({ process }) => process.ioPriority, 'whether the kernel accepts the I/O priority'],
  [
    '/process/oomScoreAdj',
    ({ process }) => (process.oomScoreAdj ?? 0) < 0,
    'whether the score may be lowered',
  ],
  ['/linux/memoryPolicy', ({ linux }) => linux?.memoryPolicy, 'whether the kernel accepts the memory policy'],
  ['/linux/timeOffsets', ({ linux }) => linux?.timeOffsets, 'whether the kernel accepts the offsets'],
  ['/linux/seccomp', ({ linux }) => linux?.seccomp, 'whether the container can start under the filter'],
];

export function addUncheckable(config: Config, facts: HostFacts, findings: Findings): void {
  for (const [pointer, isRequested, message] of decidedLater) {
    if (isRequested(config)) findings.addUnchecked(pointer, message);
  }
  const user = userNamespace(config);
  if (user !== undefined)
    findings.addUnchecked(user.origin, 'whether root of the user namespace can reach the files');
  config.mounts?.forEach((mount, index) => {
    if (idMapOf(mount, readMountWords(mount, index), user) === undefined) return;
    findings.addUnchecked(`/mounts/${index}`, 'whether the file system of the source can show other owners');
  });
  if (facts.euid === 0) return;
  // The caller of create may be another user.
  if (user === undefined)
    findings.addUnchecked('/linux/namespaces', 'create without root, which needs a user namespace');
  findings.addUnchecked('', 'whether this user has the rights that the container needs');
}
