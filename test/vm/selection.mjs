// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { top } from '../../native/build/stage.mjs';

/** Tests of features that this machine has and many lack: every controller, AppArmor, systemd, SELinux. */
const selected = {
  tiny: [
    ...['cgroup', 'resources', 'update', 'device-rules', 'pause', 'events', 'ps'],
    ...['beside-runc', 'events-beside-runc', 'labels'],
  ],
  selinux: ['selinux'],
  systemd: ['systemd', 'systemd-beside-runc', 'systemd-killed', 'systemd-user'],
};

/**
 * @param {{ readonly systemd: boolean, readonly selinux: boolean }} options
 * @returns {string[]}
 */
export function filesFor({ systemd, selinux }) {
  return selected[systemd ? 'systemd' : selinux ? 'selinux' : 'tiny']
    .map(name => `test/oci/${name}.test.ts`)
    .filter(file => existsSync(join(top, file)));
}
