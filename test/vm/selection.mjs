// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { top } from '../../native/build/stage.mjs';

/** Tests of features that this machine has and many lack: every controller, AppArmor, systemd, SELinux. */
const selected = {
  tiny: [
    ...['cgroup', 'resources', 'update', 'device-rules', 'pause', 'events', 'ps'],
    ...['beside-runc', 'events-beside-runc', 'labels', 'direct/limits'],
  ],
  selinux: ['selinux'],
  network: [
    ...['network', 'network-ports', 'network-files', 'network-config', 'network-command', 'network-check'],
    ...['network-firewall', 'union-root', 'net-devices'],
  ],
  systemd: ['systemd', 'systemd-beside-runc', 'systemd-killed', 'systemd-user'],
};

/**
 * @param {{ readonly systemd: boolean, readonly selinux: boolean, readonly network: boolean }} options
 * @returns {string[]}
 */
export function filesFor({ systemd, selinux, network }) {
  return selected[systemd ? 'systemd' : selinux ? 'selinux' : network ? 'network' : 'tiny']
    .map(name => (name.includes('/') ? `test/${name}.test.ts` : `test/oci/${name}.test.ts`))
    .filter(file => existsSync(join(top, file)));
}
