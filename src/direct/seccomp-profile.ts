// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import type { Seccomp, SeccompArchitecture, Syscall, SyscallArg } from '../oci/seccomp.ts';
import { type ObjectShape, type Shape, string, strings } from '../oci/shape.ts';
import { checkShape } from '../validate/check-shape.ts';

/**
 * The system calls that a container may make by default: those that Docker allows, grouped by purpose. Calls that are
 * not listed fail with EPERM.
 */
const allowed: Readonly<Record<string, string>> = {
  files:
    'access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64 ' +
    'fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync flock fstat ' +
    'fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd getdents getdents64 ioctl lchown ' +
    'lchown32 link linkat _llseek lseek lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open openat ' +
    'openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv rename ' +
    'renameat renameat2 rmdir sendfile sendfile64 splice stat stat64 statfs statfs64 statx symlink symlinkat sync ' +
    'sync_file_range syncfs tee truncate truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes vmsplice ' +
    'write writev',
  mountTables: 'listmount statmount',
  attributes:
    'fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr lremovexattr ' +
    'lsetxattr removexattr removexattrat setxattr setxattrat',
  events:
    'epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 ' +
    'fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch _newselect poll ppoll ppoll_time64 pselect6 ' +
    'pselect6_time64 select signalfd signalfd4',
  asynchronous: 'io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit',
  memory:
    'brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2 ' +
    'mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages',
  processes:
    'capget capset execve execveat exit exit_group fork getpgid getpgrp getpid getppid getpriority getrlimit getrusage getsid ' +
    'gettid kill pause pidfd_open pidfd_send_signal prctl prlimit64 process_mrelease restart_syscall setpgid setpriority ' +
    'setrlimit setsid tgkill times tkill ugetrlimit uname vfork wait4 waitid waitpid',
  scheduling:
    'getcpu ioprio_get ioprio_set sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr ' +
    'sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr ' +
    'sched_setparam sched_setscheduler sched_yield',
  threads:
    'futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake get_robust_list get_thread_area rseq set_robust_list ' +
    'set_thread_area set_tid_address',
  users:
    'getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32 getresuid getresuid32 ' +
    'getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setregid setregid32 ' +
    'setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32',
  restrictions: 'landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp',
  signals:
    'alarm rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait ' +
    'rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn',
  messages:
    'ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink ' +
    'msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget',
  sockets:
    'accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64 recvmsg send ' +
    'sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair',
  clocks:
    'adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep ' +
    'clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time timer_create timer_delete timer_getoverrun ' +
    'timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 ' +
    'timerfd_settime timerfd_settime64',
  machine: 'getrandom sysinfo uretprobe',
  // Safe since Linux 4.8, which applies the filter after a tracer has changed the call.
  tracing: 'process_vm_readv process_vm_writev ptrace',
};

/** Calls that a capability allows in addition. */
const withCapability: Readonly<Record<string, string>> = {
  CAP_BPF: 'bpf',
  CAP_DAC_READ_SEARCH: 'open_by_handle_at',
  CAP_PERFMON: 'perf_event_open',
  CAP_SYS_ADMIN:
    'bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount open_tree ' +
    'perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare',
  CAP_SYS_BOOT: 'reboot',
  CAP_SYS_CHROOT: 'chroot',
  CAP_SYS_MODULE: 'delete_module finit_module init_module',
  CAP_SYS_NICE: 'get_mempolicy mbind set_mempolicy set_mempolicy_home_node',
  CAP_SYS_PACCT: 'acct',
  CAP_SYS_PTRACE: 'kcmp pidfd_getfd process_madvise',
  CAP_SYS_RAWIO: 'ioperm iopl',
  CAP_SYS_TIME: 'clock_settime clock_settime64 settimeofday stime',
  CAP_SYS_TTY_CONFIG: 'vhangup',
  CAP_SYSLOG: 'syslog',
};

/** Calls that exist only on one architecture. */
const ofMachine: Readonly<Record<string, string>> = {
  x86_64: 'arch_prctl modify_ldt',
  aarch64: 'arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2',
};

const architecturesOf: Readonly<Record<string, readonly SeccompArchitecture[]>> = {
  x86_64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  aarch64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

/** The personalities that programs use: Linux and Linux 2.6 in 64 and 32 bits, and the query. */
const personalities = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];
/** AF_VSOCK reaches the hypervisor, past every network namespace. */
const vsock = 40;
/** CLONE_NEW* flags in the first argument of clone(2). */
const namespaceFlags = 0x7e020000;

/**
 * Returns the default profile.
 *
 * @param machine - of uname(2)
 */
export function defaultProfile(capabilities: readonly string[], machine: string): Seccomp {
  const has = new Set(capabilities);
  const always = [...Object.values(allowed), ofMachine[machine] ?? ''].flatMap(words);
  const granted = Object.entries(withCapability).flatMap(([name, calls]) =>
    has.has(name) ? words(calls) : [],
  );
  const free: Syscall[] = has.has('CAP_SYS_ADMIN')
    ? []
    : [
        allow(['clone'], [{ index: 0, value: namespaceFlags, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }]),
        // clone3(2) passes its flags in memory, where a filter cannot read them: ENOSYS makes programs use clone(2).
        { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: errno.ENOSYS },
      ];
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: errno.EPERM,
    architectures: architecturesOf[machine] ?? [],
    syscalls: [
      allow([...new Set([...always, ...granted])]),
      ...personalities.map(value => allow(['personality'], [{ index: 0, value, op: 'SCMP_CMP_EQ' }])),
      allow(['socket'], [{ index: 0, value: vsock, op: 'SCMP_CMP_NE' }]),
      ...free,
    ],
  };
}

function words(text: string): string[] {
  return text === '' ? [] : text.split(' ');
}

function allow(names: readonly string[], args?: readonly SyscallArg[]): Syscall {
  return { names, action: 'SCMP_ACT_ALLOW', ...(args !== undefined && { args }) };
}

// ---- profiles of users -----------------------------------------------------------------------------------------------

/** Conditions of Docker's profiles on the container. */
interface Conditions {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
  /** `4.8` */
  readonly minKernel?: string;
}

interface DockerRule extends Syscall {
  readonly name?: string;
  readonly includes?: Conditions;
  readonly excludes?: Conditions;
  readonly comment?: string;
}

/** Members of Docker's profiles that config.json does not have. */
interface DockerMembers {
  readonly archMap?: readonly {
    readonly architecture?: SeccompArchitecture;
    readonly subArchitectures?: readonly SeccompArchitecture[];
  }[];
  readonly syscalls?: readonly Pick<DockerRule, 'name' | 'includes' | 'excludes'>[];
}

const conditions: Shape = {
  kind: 'object',
  properties: { caps: strings, arches: strings, minKernel: string },
  partial: true,
};

const dockerMembers: ObjectShape = {
  kind: 'object',
  properties: {
    archMap: {
      kind: 'list',
      of: { kind: 'object', properties: { architecture: string, subArchitectures: strings }, partial: true },
    },
    syscalls: {
      kind: 'list',
      of: {
        kind: 'object',
        properties: { name: string, includes: conditions, excludes: conditions },
        partial: true,
      },
    },
  },
  partial: true,
};

/** The machine that a profile is for. */
export interface ProfileMachine {
  readonly machine: string;
  /** As in uname(2): `6.1.0-18-amd64`. */
  readonly release: string;
}

/**
 * Parses a profile of `--security-opt seccomp=FILE`, in the format of config.json or in Docker's, whose rules may
 * depend on capabilities, architecture and kernel.
 *
 * @throws RuntimeError `usage.bad-value` if it is not JSON, or if a member that only Docker's format has is not valid;
 *   the checks of config.json find all other faults
 */
export function readProfile(
  text: string,
  file: string,
  capabilities: readonly string[],
  machine: ProfileMachine,
): Seccomp {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw badProfile(file, 'it is not valid JSON');
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw badProfile(file, 'it is not an object');
  }
  const { value, problems } = checkShape(dockerMembers, document, 'config-linux.md#seccomp', 'the document');
  if (problems[0] !== undefined) throw badProfile(file, problems[0].message);
  const { archMap, syscalls: checked = [] } = value as DockerMembers;
  const { archMap: _, syscalls, ...rest } = document as Seccomp & { readonly archMap?: unknown };
  const native = architecturesOf[machine.machine]?.[0];
  const mapped = archMap?.find(({ architecture }) => architecture === native);
  const rules = Array.isArray(syscalls) ? (syscalls as readonly DockerRule[]) : undefined;
  return {
    ...rest,
    ...(mapped !== undefined && {
      architectures: [native, ...(mapped.subArchitectures ?? [])] as readonly SeccompArchitecture[],
    }),
    ...(rules !== undefined && {
      syscalls: rules
        .filter((_rule, index) => applies(checked[index] ?? {}, capabilities, machine))
        .map(plainRule),
    }),
  };
}

function applies(
  { includes = {}, excludes = {} }: Pick<DockerRule, 'includes' | 'excludes'>,
  capabilities: readonly string[],
  machine: ProfileMachine,
): boolean {
  const arch = goArchitectures[machine.machine] ?? machine.machine;
  if ((includes.caps ?? []).some(name => !capabilities.includes(name))) return false;
  if ((includes.arches ?? []).length > 0 && includes.arches?.includes(arch) !== true) return false;
  if (includes.minKernel !== undefined && isOlder(machine.release, includes.minKernel)) return false;
  if ((excludes.caps ?? []).some(name => capabilities.includes(name))) return false;
  if (excludes.arches?.includes(arch) === true) return false;
  return excludes.minKernel === undefined || isOlder(machine.release, excludes.minKernel);
}

const goArchitectures: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' };

function isOlder(release: string, wanted: string): boolean {
  const [major = 0, minor = 0] = numbers(release);
  const [wantedMajor = 0, wantedMinor = 0] = numbers(wanted);
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
}

function numbers(release: string): number[] {
  return release.split(/[.-]/).map(Number);
}

/** Removes the members that config.json does not have. */
function plainRule({
  name,
  names,
  includes: _,
  excludes: __,
  comment: ___,
  args,
  ...rest
}: DockerRule): Syscall {
  return {
    ...rest,
    names: names ?? (name === undefined ? [] : [name]),
    // Docker's files have null for an absent list.
    ...(Array.isArray(args) && args.length > 0 && { args }),
  };
}

function badProfile(file: string, problem: string): RuntimeError {
  return new RuntimeError({
    code: 'usage.bad-value',
    message: `invalid seccomp profile ${file}: ${problem}`,
    path: file,
    value: file,
    hint: 'give a JSON file with defaultAction and syscalls, or seccomp=unconfined',
  });
}
