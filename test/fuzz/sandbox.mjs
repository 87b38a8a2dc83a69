// SPDX-License-Identifier: Apache-2.0
// Runs the target `create` in mount, pid, network, UTS and IPC namespaces of its own. The mounts of the machine are read-only
// there, and nothing that it makes outlives it.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { findProgram } from '../../native/build/programs.mjs';

const script = `
set -e
mount -o remount,bind,ro /
for directory in /dev /sys; do
  mount --bind "$directory" "$directory"
  mount -o remount,bind,ro "$directory"
done
[ -e /sys/fs/cgroup/cgroup.controllers ] || mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
cd /
exec "$@"
`;

/**
 * @param {string} program the bundle of create.ts
 * @param {object} request its argument
 * @returns {{ output?: string, problem?: string }}
 */
export function runCreate(program, request) {
  if (process.getuid?.() !== 0) return { problem: 'it needs root' };
  const unshare = findProgram('unshare');
  if (unshare === undefined || !existsSync('/proc/self/ns/pid')) return { problem: 'there is no unshare' };
  const { status, stdout, stderr } = spawnSync(
    unshare,
    [
      ...['--mount', '--pid', '--net', '--uts', '--ipc', '--fork', '--mount-proc', '--kill-child'],
      ...['--propagation', 'private', 'sh', '-c', script, 'sh'],
      ...[process.execPath, program, JSON.stringify(request)],
    ],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  const output = stdout.trim().split('\n').at(-1);
  return status === 0 && output !== undefined ? { output } : { problem: `exit status ${status}: ${stderr}` };
}
