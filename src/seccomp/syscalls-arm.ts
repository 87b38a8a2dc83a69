// SPDX-License-Identifier: Apache-2.0
// Written by .ci/syscalls.mjs from the headers of the kernel.
import type { SyscallTable } from './architectures.ts';

/** A function, so that a start which needs no filter does not make the lists. */
export function armSyscalls(): SyscallTable {
  return {
    names:
      'io_setup io_destroy io_submit io_cancel io_getevents setxattr lsetxattr fsetxattr getxattr lgetxattr ' +
      'fgetxattr listxattr llistxattr flistxattr removexattr lremovexattr fremovexattr getcwd lookup_dcookie ' +
      'eventfd2 epoll_create1 epoll_ctl epoll_pwait dup dup3 fcntl inotify_init1 inotify_add_watch inotify_rm_watch ' +
      'ioctl ioprio_set ioprio_get flock mknodat mkdirat unlinkat symlinkat linkat renameat umount2 mount ' +
      'pivot_root nfsservctl statfs fstatfs truncate ftruncate fallocate faccessat chdir fchdir chroot fchmod ' +
      'fchmodat fchownat fchown openat close vhangup pipe2 quotactl getdents64 lseek read write readv writev ' +
      'pread64 pwrite64 preadv pwritev sendfile pselect6 ppoll signalfd4 vmsplice splice tee readlinkat newfstatat ' +
      'fstat sync fsync fdatasync sync_file_range timerfd_create timerfd_settime timerfd_gettime utimensat acct ' +
      'capget capset personality exit exit_group waitid set_tid_address unshare futex set_robust_list ' +
      'get_robust_list nanosleep getitimer setitimer kexec_load init_module delete_module timer_create ' +
      'timer_gettime timer_getoverrun timer_settime timer_delete clock_settime clock_gettime clock_getres ' +
      'clock_nanosleep syslog ptrace sched_setparam sched_setscheduler sched_getscheduler sched_getparam ' +
      'sched_setaffinity sched_getaffinity sched_yield sched_get_priority_max sched_get_priority_min ' +
      'sched_rr_get_interval restart_syscall kill tkill tgkill sigaltstack rt_sigsuspend rt_sigaction ' +
      'rt_sigprocmask rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_sigreturn setpriority getpriority reboot ' +
      'setregid setgid setreuid setuid setresuid getresuid setresgid getresgid setfsuid setfsgid times setpgid ' +
      'getpgid getsid setsid getgroups setgroups uname sethostname setdomainname getrlimit setrlimit getrusage ' +
      'umask prctl getcpu gettimeofday settimeofday adjtimex getpid getppid getuid geteuid getgid getegid gettid ' +
      'sysinfo mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr msgget msgctl msgrcv msgsnd ' +
      'semget semctl semtimedop semop shmget shmctl shmat shmdt socket socketpair bind listen accept connect ' +
      'getsockname getpeername sendto recvfrom setsockopt getsockopt shutdown sendmsg recvmsg readahead brk munmap ' +
      'mremap add_key request_key keyctl clone execve mmap fadvise64 swapon swapoff mprotect msync mlock munlock ' +
      'mlockall munlockall mincore madvise remap_file_pages mbind get_mempolicy set_mempolicy migrate_pages ' +
      'move_pages rt_tgsigqueueinfo perf_event_open accept4 recvmmsg wait4 prlimit64 fanotify_init fanotify_mark ' +
      'name_to_handle_at open_by_handle_at clock_adjtime syncfs setns sendmmsg process_vm_readv process_vm_writev ' +
      'kcmp finit_module sched_setattr sched_getattr renameat2 seccomp getrandom memfd_create bpf execveat ' +
      'userfaultfd membarrier mlock2 copy_file_range preadv2 pwritev2 pkey_mprotect pkey_alloc pkey_free statx ' +
      'io_pgetevents rseq kexec_file_load pidfd_send_signal io_uring_setup io_uring_enter io_uring_register ' +
      'open_tree move_mount fsopen fsconfig fsmount fspick pidfd_open clone3 close_range openat2 pidfd_getfd ' +
      'faccessat2 process_madvise epoll_pwait2 mount_setattr quotactl_fd landlock_create_ruleset landlock_add_rule ' +
      'landlock_restrict_self memfd_secret process_mrelease futex_waitv set_mempolicy_home_node cachestat fchmodat2 ' +
      'map_shadow_stack futex_wake futex_wait futex_requeue statmount listmount lsm_get_self_attr lsm_set_self_attr ' +
      'lsm_list_modules mseal setxattrat getxattrat listxattrat removexattrat open_tree_attr file_getattr ' +
      'file_setattr _llseek _newselect _sysctl access arm_fadvise64_64 arm_sync_file_range bdflush breakpoint ' +
      'cacheflush chmod chown chown32 clock_adjtime64 clock_getres_time64 clock_gettime64 clock_nanosleep_time64 ' +
      'clock_settime64 creat dup2 epoll_create epoll_wait eventfd fchown32 fcntl64 fork fstat64 fstatat64 fstatfs64 ' +
      'ftruncate64 futex_time64 futimesat get_tls getdents getegid32 geteuid32 getgid32 getgroups32 getpgrp ' +
      'getresgid32 getresuid32 getuid32 inotify_init io_pgetevents_time64 lchown lchown32 link lstat lstat64 mkdir ' +
      'mknod mmap2 mq_timedreceive_time64 mq_timedsend_time64 nice open pause pciconfig_iobase pciconfig_read ' +
      'pciconfig_write pipe poll ppoll_time64 pselect6_time64 readlink recv recvmmsg_time64 rename rmdir ' +
      'rt_sigtimedwait_time64 sched_rr_get_interval_time64 semtimedop_time64 send sendfile64 set_tls setfsgid32 ' +
      'setfsuid32 setgid32 setgroups32 setregid32 setresgid32 setresuid32 setreuid32 setuid32 sigaction signalfd ' +
      'sigpending sigprocmask sigreturn sigsuspend stat stat64 statfs64 symlink sync_file_range2 sysfs ' +
      'timer_gettime64 timer_settime64 timerfd_gettime64 timerfd_settime64 truncate64 ugetrlimit unlink uselib ' +
      'usr26 usr32 ustat utimensat_time64 utimes vfork vserver',
    aarch64: [
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
      28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53,
      54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79,
      80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104,
      105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125,
      126, 127, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 140, 141, 142, 143, 144, 145, 146,
      147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 162, 163, 164, 165, 166, 167,
      168, 169, 170, 171, 172, 173, 174, 175, 176, 177, 178, 179, 180, 181, 182, 183, 184, 185, 186, 187, 188,
      189, 190, 191, 192, 193, 194, 195, 196, 197, 198, 199, 200, 201, 202, 203, 204, 205, 206, 207, 208, 209,
      210, 211, 212, 213, 214, 215, 216, 217, 218, 219, 220, 221, 222, 223, 224, 225, 226, 227, 228, 229, 230,
      231, 232, 233, 234, 235, 236, 237, 238, 239, 240, 241, 242, 243, 260, 261, 262, 263, 264, 265, 266, 267,
      268, 269, 270, 271, 272, 273, 274, 275, 276, 277, 278, 279, 280, 281, 282, 283, 284, 285, 286, 287, 288,
      289, 290, 291, 292, 293, 294, 424, 425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 435, 436, 437, 438,
      439, 440, 441, 442, 443, 444, 445, 446, 447, 448, 449, 450, 451, 452, 453, 454, 455, 456, 457, 458, 459,
      460, 461, 462, 463, 464, 465, 466, 467, 468, 469, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
      -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
      -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
      -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
      -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    ],
    arm: [
      243, 244, 246, 247, 245, 226, 227, 228, 229, 230, 231, 232, 233, 234, 235, 236, 237, 183, 249, 356, 357,
      251, 346, 41, 358, 55, 360, 317, 318, 54, 314, 315, 143, 324, 323, 328, 331, 330, 329, 52, 21, 218, 169,
      99, 100, 92, 93, 352, 334, 12, 133, 61, 94, 333, 325, 95, 322, 6, 111, 359, 131, 217, 19, 3, 4, 145,
      146, 180, 181, 361, 362, 187, 335, 336, 355, 343, 340, 342, 332, -1, 108, 36, 118, 148, -1, 350, 353,
      354, 348, 51, 184, 185, 136, 1, 248, 280, 256, 337, 240, 338, 339, 162, 105, 104, 347, 128, 129, 257,
      259, 260, 258, 261, 262, 263, 264, 265, 103, 26, 154, 156, 157, 155, 241, 242, 158, 159, 160, 161, 0,
      37, 238, 268, 186, 179, 174, 175, 176, 177, 178, 173, 97, 96, 88, 71, 46, 70, 23, 164, 165, 170, 171,
      138, 139, 43, 57, 132, 147, 66, 80, 81, 122, 74, 121, -1, 75, 77, 60, 172, 345, 78, 79, 124, 20, 64, 24,
      49, 47, 50, 224, 116, 274, 275, 276, 277, 278, 279, 303, 304, 302, 301, 299, 300, 312, 298, 307, 308,
      305, 306, 281, 288, 282, 284, 285, 283, 286, 287, 290, 292, 294, 295, 293, 296, 297, 225, 45, 91, 163,
      309, 310, 311, 120, 11, -1, -1, 87, 115, 125, 144, 150, 151, 152, 153, 219, 220, 253, 319, 320, 321,
      400, 344, 363, 364, 366, 365, 114, 369, 367, 368, 370, 371, 372, 373, 375, 374, 376, 377, 378, 379, 380,
      381, 382, 383, 384, 385, 386, 387, 388, 389, 390, 391, 392, 393, 394, 395, 396, 397, 399, 398, 401, 424,
      425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 435, 436, 437, 438, 439, 440, 441, 442, 443, 444, 445,
      446, -1, 448, 449, 450, 451, 452, 453, 454, 455, 456, 457, 458, 459, 460, 461, 462, 463, 464, 465, 466,
      467, 468, 469, 140, 142, 149, 33, 270, 341, 134, 983041, 983042, 15, 182, 212, 405, 406, 403, 407, 404,
      8, 63, 250, 252, 351, 207, 221, 2, 197, 327, 267, 194, 422, 326, 983046, 141, 202, 201, 200, 205, 65,
      211, 209, 199, 316, 416, 16, 198, 9, 107, 196, 39, 14, 192, 419, 418, 34, 5, 29, 271, 272, 273, 42, 168,
      414, 413, 85, 291, 417, 38, 40, 421, 423, 420, 289, 239, 983045, 216, 215, 214, 206, 204, 210, 208, 203,
      213, 67, 349, 73, 126, 119, 72, 106, 195, 266, 83, 341, 135, 408, 409, 410, 411, 193, 191, 10, 86,
      983043, 983044, 62, 412, 269, 190, 313,
    ],
  };
}
