// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { TestRunner } from 'vitest';
import { findProgram } from '../../native/build/programs.mjs';
import { nginxTree, seccompOptions, staticBusybox } from '../tools.mjs';
import { commands, host, standaloneFor } from './runtime.ts';
import { layouts } from './view.ts';

declare module '@vitest/runner' {
  interface TaskMeta {
    /** Why tests of this file or suite are skipped; test/helpers/summary.ts counts by it. */
    skipReason?: string;
  }
}

/** Programs that a test may need, found in PATH or among those that test/tools.mjs has fetched. */
const programs = [
  'runc',
  'crun',
  'criu',
  'iptables-restore',
  'ip',
  'strace',
  'newuidmap',
  'apparmor_parser',
  'jq',
  'ps',
  'script',
  'ping',
  'nc',
  'curl',
  'nft',
  'iptables-nft',
  'iptables-legacy',
  'pasta',
  'umoci',
  'docker-registry',
  'skopeo',
  'zstd',
  'openssl',
  'bzip2',
  'xz',
  'g++',
  'git',
  'npm',
  'fish',
  'groff',
  'zsh',
  'aarch64-linux-gnu-g++',
  'qemu-aarch64-static',
  'qemu-system-aarch64',
  'chromium',
] as const;

/**
 * Requirements of a test on the machine:
 * `root`; a program; `busybox` (static); `libseccomp` (header and library); `standalone` (the built executable) and
 * `standalone:arm64`; `host:standalone` (the tested program is the executable); `cgroup1` (version 1 beside version 2);
 * `systemd` (as first process), `other-init` (another one), `user-manager` (systemd runs one for the user 1000);
 * `cgroup2` (mounted) and `cgroup2:CONTROLLER` (available there);
 * `kernel:5.12` (or later); `no-resctrl` (not mounted); `lsm:apparmor` or `lsm:selinux` (enabled), `no-lsm:apparmor`
 * (disabled); `selinux-policy` (of test/vm); `capability:SYS_RESOURCE` (in the permitted set of this process);
 * `filesystem:overlay` (supported by the kernel); `tun` (the device /dev/net/tun);
 * `nginx` (the fetched files of Debian's package).
 */
export type Need =
  | 'root'
  | 'standalone'
  | (typeof programs)[number]
  | 'busybox'
  | 'libseccomp'
  | 'cgroup1'
  | 'systemd'
  | 'other-init'
  | 'user-manager'
  | 'cgroup2'
  | 'selinux-policy'
  | 'no-resctrl'
  | 'tun'
  | 'nginx'
  | 'standalone:arm64'
  | 'host:standalone'
  | `${'cgroup2' | 'kernel' | 'capability' | 'filesystem' | 'lsm' | 'no-lsm'}:${string}`;

/**
 * For `describe.skipIf(requires('root', 'runc'))`: true if the machine lacks something. The missing requirement is
 * recorded for the suite (or file) that is being collected, and the summary reports it for every test skipped there.
 */
export function requires(...needs: readonly Need[]): boolean {
  const all = host === 'standalone' ? (['standalone', ...needs] as const) : needs;
  const lacks = all.map(missing).filter(reason => reason !== undefined);
  if (lacks.length === 0) return false;
  const current = TestRunner.getCurrentSuite();
  const meta = (current.suite ?? current.file)?.meta;
  if (meta !== undefined) {
    const reasons = new Set([...(meta.skipReason?.split(' or ') ?? []), lacks.join(', ')]);
    meta.skipReason = [...reasons].join(' or ');
  }
  return true;
}

/** The reason why `need` is not met, or undefined. */
export function missing(need: Need): string | undefined {
  const [kind, argument] = need.split(':') as [string, string | undefined];
  const holds = argument === undefined ? simple(kind) : detailed(kind, argument);
  if (holds) return undefined;
  if (need === 'cgroup1') return 'no cgroup version 1 on this machine';
  if (need === 'cgroup2') return 'no cgroup2';
  if (need === 'other-init') return 'systemd is the first process here';
  if (need === 'systemd') return 'systemd is not the first process here';
  if (need === 'selinux-policy') return 'no SELinux with the policy of test/vm';
  if (need === 'no-resctrl') return 'resctrl is mounted here';
  if (need === 'tun') return 'no device /dev/net/tun';
  if (need === 'user-manager') return 'no /run/user/1000';
  if (need === 'standalone:arm64') return 'no standalone executable for arm64';
  if (need === 'host:standalone') return 'run with the executable alone';
  return sentences[kind]?.replace('%', argument ?? '') ?? `no ${kind}`;
}

const sentences: Readonly<Record<string, string>> = {
  root: 'not root',
  standalone: 'no standalone executable (npm run build:standalone says why)',
  busybox: 'no static busybox',
  libseccomp: 'no libseccomp to compile with',
  cgroup2: 'no cgroup2 controller %',
  kernel: 'kernel older than %',
  capability: 'no CAP_%',
  filesystem: 'no file system %',
  lsm: 'no % in the kernel',
  'no-lsm': '% in the kernel',
};

function simple(need: string): boolean {
  if (need === 'root') return process.geteuid?.() === 0;
  if (need === 'standalone') return existsSync(commands.standalone[0]);
  if (need === 'systemd') return existsSync('/run/systemd/system');
  if (need === 'other-init') return !existsSync('/run/systemd/system');
  if (need === 'no-resctrl') return !/ - resctrl /.test(readFileSync('/proc/self/mountinfo', 'utf8'));
  if (need === 'user-manager') return existsSync('/run/user/1000');
  if (need === 'selinux-policy') return hasContext('system_u:system_r:jar_t:s0');
  if (need === 'tun') return existsSync('/dev/net/tun');
  if (need === 'nginx') return existsSync(nginxTree);
  if (need === 'busybox') return staticBusybox() !== undefined;
  if (need === 'libseccomp') return seccompOptions() !== undefined;
  if (need === 'cgroup1') return layouts.includes('machine');
  if (need === 'cgroup2') return cgroup2() !== undefined;
  if ((programs as readonly string[]).includes(need)) return findProgram(need) !== undefined;
  throw new Error(`requires: unknown requirement ${need}`);
}

function detailed(kind: string, argument: string): boolean {
  switch (kind) {
    case 'cgroup2':
      return controllers().includes(argument);
    case 'standalone':
      return existsSync(standaloneFor(argument));
    case 'host':
      return host === argument;
    case 'lsm':
      return hasSecurityModule(argument);
    case 'no-lsm':
      return !hasSecurityModule(argument);
    case 'kernel':
      return kernelIsAtLeast(argument);
    case 'capability':
      return hasCapability(argument);
    case 'filesystem':
      return readFileSync('/proc/filesystems', 'utf8').split(/\s+/).includes(argument);
    default:
      throw new Error(`requires: unknown requirement ${kind}:${argument}`);
  }
}

function hasSecurityModule(name: string): boolean {
  if (name === 'selinux') return existsSync('/sys/fs/selinux/enforce');
  const enabled = `/sys/module/${name}/parameters/enabled`;
  return existsSync(enabled) && readFileSync(enabled, 'utf8').startsWith('Y');
}

/** Whether SELinux is enabled with a policy that contains this context. */
function hasContext(context: string): boolean {
  try {
    writeFileSync('/sys/fs/selinux/context', context, { flag: 'r+' });
    return true;
  } catch {
    return false;
  }
}

/** Mount point of cgroup2. */
function cgroup2(): string | undefined {
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find(mount => mount.includes(' - cgroup2 '));
  return line?.split(' ')[4];
}

function controllers(): string[] {
  const mountpoint = cgroup2();
  if (mountpoint === undefined) return [];
  return readFileSync(join(mountpoint, 'cgroup.controllers'), 'utf8').trim().split(' ');
}

function kernelIsAtLeast(wanted: string): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number.parseFloat);
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

/** Numbers from linux/capability.h, limited to those that tests use. */
const capabilities: Readonly<Record<string, number>> = {
  NET_ADMIN: 12,
  SYS_MODULE: 16,
  SYS_ADMIN: 21,
  SYS_RESOURCE: 24,
  SYS_TIME: 25,
  MKNOD: 27,
  BPF: 39,
};

function hasCapability(name: string): boolean {
  const number = capabilities[name];
  if (number === undefined) throw new Error(`requires: add the number of CAP_${name}`);
  const mask = /^CapPrm:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return ((BigInt(`0x${mask}`) >> BigInt(number)) & 1n) === 1n;
}
