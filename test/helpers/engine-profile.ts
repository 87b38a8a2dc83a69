// SPDX-License-Identifier: Apache-2.0
import type { Seccomp, SeccompArchitecture, Syscall } from '../../src/oci/seccomp.ts';
import { x86Syscalls } from '../../src/seccomp/syscalls-x86.ts';

/**
 * Profiles with the size and form of those of engines: some 400 names in alphabetical order, rules with conditions,
 * names that are in no table, two more architectures. They are generated from the tables here. `short`: calls that are
 * not named return EPERM. `long`: calls that are not named return ENOSYS, and known but denied ones EPERM.
 */
export function engineProfile(form: 'short' | 'long', architectures = x86): Seccomp {
  const dangerous = Object.values(privileged).join(' ').split(' ');
  const special = new Set([...dangerous, ...old, 'personality', 'clone', 'clone3', 'socket']);
  const plain = [...Object.keys(x86Syscalls.places), ...unknown].filter(name => !special.has(name)).sort();
  const shared: Syscall[] = [
    { names: plain, action: 'SCMP_ACT_ALLOW' },
    ...[0x0, 0x8, 0x20000, 0x20008, 0xffffffff].map(value => allow('personality', equal(0, value))),
    { names: ['arch_prctl'], action: 'SCMP_ACT_ALLOW' },
    { names: ['modify_ldt'], action: 'SCMP_ACT_ALLOW' },
    { names: ['chroot'], action: 'SCMP_ACT_ALLOW' },
  ];
  if (form === 'short') {
    return {
      defaultAction: 'SCMP_ACT_ERRNO',
      architectures,
      syscalls: [
        ...shared,
        allow('socket', [{ index: 0, value: 40, op: 'SCMP_CMP_NE' }]),
        // No new namespaces.
        allow('clone', [{ index: 0, value: 0x7e020000, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }]),
        { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
      ],
    };
  }
  const deny = (names: readonly string[]): Syscall => ({ names, action: 'SCMP_ACT_ERRNO', errnoRet: 1 });
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 38,
    architectures,
    syscalls: [
      deny(old),
      ...shared,
      ...Object.values(privileged).map(names => deny(names.split(' '))),
      { names: ['clone', 'clone3'], action: 'SCMP_ACT_ALLOW' },
      ...[0, 3, 9].map(protocol => allow('socket', [...equal(0, 16), ...equal(2, protocol)])),
      allow('socket', [{ index: 0, value: 16, op: 'SCMP_CMP_NE' }]),
      {
        names: ['socket'],
        action: 'SCMP_ACT_ERRNO',
        errnoRet: 22,
        args: [...equal(0, 16), ...equal(2, 9)],
      },
    ],
  };
}

const x86: readonly SeccompArchitecture[] = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'];

function allow(name: string, args: NonNullable<Syscall['args']>): Syscall {
  return { names: [name], action: 'SCMP_ACT_ALLOW', args };
}

function equal(index: number, value: number): NonNullable<Syscall['args']> {
  return [{ index, value, op: 'SCMP_CMP_EQ' }];
}

/** Names that engines list and these tables lack. */
const unknown = [
  'arm_fadvise64_64',
  'arm_sync_file_range',
  'breakpoint',
  'cacheflush',
  'set_tls',
  'sync_file_range2',
];

/** Calls that need a capability which containers rarely have, by purpose. */
const privileged: Readonly<Record<string, string>> = {
  mounts:
    'fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree open_tree_attr pivot_root umount umount2',
  namespaces: 'setns unshare sethostname setdomainname',
  modules: 'create_module delete_module finit_module get_kernel_syms init_module query_module',
  kernel: 'kexec_file_load kexec_load reboot syslog swapoff swapon',
  clocks: 'clock_settime clock_settime64 settimeofday stime',
  tracing: 'bpf fanotify_init lookup_dcookie perf_event_open userfaultfd kcmp',
  ports: 'ioperm iopl',
  accounting: 'acct quotactl quotactl_fd vhangup',
  handles: 'open_by_handle_at',
  keys: 'add_key keyctl request_key',
  memory: 'get_mempolicy mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node',
};

/** Obsolete calls. */
const old = (
  'afs_syscall bdflush break ftime getpmsg gtty idle lock mpx nfsservctl oldfstat oldlstat oldolduname oldstat olduname ' +
  'prof profil putpmsg security ssetmask sgetmask stty sysfs tuxcall ulimit uselib ustat vm86 vm86old vserver _sysctl'
).split(' ');
