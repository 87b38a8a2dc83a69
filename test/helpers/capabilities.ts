// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';

/** Names by number, without `CAP_`. */
const names = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE ' +
  'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN ' +
  'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE ' +
  'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
).split(' ');

/** Sorted names (`CAP_CHOWN`, ...) of a mask from /proc/PID/status. */
export function capabilityNames(hex: string | undefined): string[] {
  const mask = BigInt(`0x${hex}`);
  return names
    .filter((_, number) => (mask >> BigInt(number)) & 1n)
    .map(name => `CAP_${name}`)
    .sort();
}

/** The bounding set of this process. */
export const ownBoundingSet = capabilityNames(
  /CapBnd:\s*(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0',
);
