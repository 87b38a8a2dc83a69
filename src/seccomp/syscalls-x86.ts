// SPDX-License-Identifier: Apache-2.0
// Written by .ci/syscalls.mjs from the headers of the kernel.
import type { SyscallTable } from './architectures.ts';

/** A function, so that a start which needs no filter does not make the lists. */
export function x86Syscalls(): SyscallTable {
  return {
    names:
      'read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask ' +
      'rt_sigreturn ioctl pread64 pwrite64 readv writev access pipe select sched_yield mremap msync mincore madvise ' +
      'shmget shmat shmctl dup dup2 pause nanosleep getitimer alarm setitimer getpid sendfile socket connect accept ' +
      'sendto recvfrom sendmsg recvmsg shutdown bind listen getsockname getpeername socketpair setsockopt ' +
      'getsockopt clone fork vfork execve exit wait4 kill uname semget semop semctl shmdt msgget msgsnd msgrcv ' +
      'msgctl fcntl flock fsync fdatasync truncate ftruncate getdents getcwd chdir fchdir rename mkdir rmdir creat ' +
      'link unlink symlink readlink chmod fchmod chown fchown lchown umask gettimeofday getrlimit getrusage sysinfo ' +
      'times ptrace getuid syslog getgid setuid setgid geteuid getegid setpgid getppid getpgrp setsid setreuid ' +
      'setregid getgroups setgroups setresuid getresuid setresgid getresgid getpgid setfsuid setfsgid getsid capget ' +
      'capset rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_sigsuspend sigaltstack utime mknod uselib ' +
      'personality ustat statfs fstatfs sysfs getpriority setpriority sched_setparam sched_getparam ' +
      'sched_setscheduler sched_getscheduler sched_get_priority_max sched_get_priority_min sched_rr_get_interval ' +
      'mlock munlock mlockall munlockall vhangup modify_ldt pivot_root _sysctl prctl arch_prctl adjtimex setrlimit ' +
      'chroot sync acct settimeofday mount umount2 swapon swapoff reboot sethostname setdomainname iopl ioperm ' +
      'create_module init_module delete_module get_kernel_syms query_module quotactl nfsservctl getpmsg putpmsg ' +
      'afs_syscall tuxcall security gettid readahead setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr ' +
      'listxattr llistxattr flistxattr removexattr lremovexattr fremovexattr tkill time futex sched_setaffinity ' +
      'sched_getaffinity set_thread_area io_setup io_destroy io_getevents io_submit io_cancel get_thread_area ' +
      'lookup_dcookie epoll_create epoll_ctl_old epoll_wait_old remap_file_pages getdents64 set_tid_address ' +
      'restart_syscall semtimedop fadvise64 timer_create timer_settime timer_gettime timer_getoverrun timer_delete ' +
      'clock_settime clock_gettime clock_getres clock_nanosleep exit_group epoll_wait epoll_ctl tgkill utimes ' +
      'vserver mbind set_mempolicy get_mempolicy mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify ' +
      'mq_getsetattr kexec_load waitid add_key request_key keyctl ioprio_set ioprio_get inotify_init ' +
      'inotify_add_watch inotify_rm_watch migrate_pages openat mkdirat mknodat fchownat futimesat newfstatat ' +
      'unlinkat renameat linkat symlinkat readlinkat fchmodat faccessat pselect6 ppoll unshare set_robust_list ' +
      'get_robust_list splice tee sync_file_range vmsplice move_pages utimensat epoll_pwait signalfd timerfd_create ' +
      'eventfd fallocate timerfd_settime timerfd_gettime accept4 signalfd4 eventfd2 epoll_create1 dup3 pipe2 ' +
      'inotify_init1 preadv pwritev rt_tgsigqueueinfo perf_event_open recvmmsg fanotify_init fanotify_mark ' +
      'prlimit64 name_to_handle_at open_by_handle_at clock_adjtime syncfs sendmmsg setns getcpu process_vm_readv ' +
      'process_vm_writev kcmp finit_module sched_setattr sched_getattr renameat2 seccomp getrandom memfd_create ' +
      'kexec_file_load bpf execveat userfaultfd membarrier mlock2 copy_file_range preadv2 pwritev2 pkey_mprotect ' +
      'pkey_alloc pkey_free statx io_pgetevents rseq uretprobe uprobe pidfd_send_signal io_uring_setup ' +
      'io_uring_enter io_uring_register open_tree move_mount fsopen fsconfig fsmount fspick pidfd_open clone3 ' +
      'close_range openat2 pidfd_getfd faccessat2 process_madvise epoll_pwait2 mount_setattr quotactl_fd ' +
      'landlock_create_ruleset landlock_add_rule landlock_restrict_self memfd_secret process_mrelease futex_waitv ' +
      'set_mempolicy_home_node cachestat fchmodat2 map_shadow_stack futex_wake futex_wait futex_requeue statmount ' +
      'listmount lsm_get_self_attr lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat listxattrat ' +
      'removexattrat open_tree_attr file_getattr file_setattr _llseek _newselect bdflush break chown32 ' +
      'clock_adjtime64 clock_getres_time64 clock_gettime64 clock_nanosleep_time64 clock_settime64 fadvise64_64 ' +
      'fchown32 fcntl64 fstat64 fstatat64 fstatfs64 ftime ftruncate64 futex_time64 getegid32 geteuid32 getgid32 ' +
      'getgroups32 getresgid32 getresuid32 getuid32 gtty idle io_pgetevents_time64 ipc lchown32 lock lstat64 mmap2 ' +
      'mpx mq_timedreceive_time64 mq_timedsend_time64 nice oldfstat oldlstat oldolduname oldstat olduname ' +
      'ppoll_time64 prof profil pselect6_time64 readdir recvmmsg_time64 rt_sigtimedwait_time64 ' +
      'sched_rr_get_interval_time64 semtimedop_time64 sendfile64 setfsgid32 setfsuid32 setgid32 setgroups32 ' +
      'setregid32 setresgid32 setresuid32 setreuid32 setuid32 sgetmask sigaction signal sigpending sigprocmask ' +
      'sigreturn sigsuspend socketcall ssetmask stat64 statfs64 stime stty timer_gettime64 timer_settime64 ' +
      'timerfd_gettime64 timerfd_settime64 truncate64 ugetrlimit ulimit umount utimensat_time64 vm86 vm86old ' +
      'waitpid',
    x86_64: [
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
      231, 232, 233, 234, 235, 236, 237, 238, 239, 240, 241, 242, 243, 244, 245, 246, 247, 248, 249, 250, 251,
      252, 253, 254, 255, 256, 257, 258, 259, 260, 261, 262, 263, 264, 265, 266, 267, 268, 269, 270, 271, 272,
      273, 274, 275, 276, 277, 278, 279, 280, 281, 282, 283, 284, 285, 286, 287, 288, 289, 290, 291, 292, 293,
      294, 295, 296, 297, 298, 299, 300, 301, 302, 303, 304, 305, 306, 307, 308, 309, 310, 311, 312, 313, 314,
      315, 316, 317, 318, 319, 320, 321, 322, 323, 324, 325, 326, 327, 328, 329, 330, 331, 332, 333, 334, 335,
      336, 424, 425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 435, 436, 437, 438, 439, 440, 441, 442, 443,
      444, 445, 446, 447, 448, 449, 450, 451, 452, 453, 454, 455, 456, 457, 458, 459, 460, 461, 462, 463, 464,
      465, 466, 467, 468, 469, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
      -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
      -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
      -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    ],
    x86: [
      3, 4, 5, 6, 106, 108, 107, 168, 19, 90, 125, 91, 45, 174, 175, 173, 54, 180, 181, 145, 146, 33, 42, 82,
      158, 163, 144, 218, 219, 395, 397, 396, 41, 63, 29, 162, 105, 27, 104, 20, 187, 359, 362, -1, 369, 371,
      370, 372, 373, 361, 363, 367, 368, 360, 366, 365, 120, 2, 190, 11, 1, 114, 37, 122, 393, -1, 394, 398,
      399, 400, 401, 402, 55, 143, 118, 148, 92, 93, 141, 183, 12, 133, 38, 39, 40, 8, 9, 10, 83, 85, 15, 94,
      182, 95, 16, 60, 78, 76, 77, 116, 43, 26, 24, 103, 47, 23, 46, 49, 50, 57, 64, 65, 66, 70, 71, 80, 81,
      164, 165, 170, 171, 132, 138, 139, 147, 184, 185, 176, 177, 178, 179, 186, 30, 14, 86, 136, 62, 99, 100,
      135, 96, 97, 154, 155, 156, 157, 159, 160, 161, 150, 151, 152, 153, 111, 123, 217, 149, 172, 384, 124,
      75, 61, 36, 51, 79, 21, 52, 87, 115, 88, 74, 121, 110, 101, 127, 128, 129, 130, 167, 131, 169, 188, 189,
      137, -1, -1, 224, 225, 226, 227, 228, 229, 230, 231, 232, 233, 234, 235, 236, 237, 238, 13, 240, 241,
      242, 243, 245, 246, 247, 248, 249, 244, 253, 254, -1, -1, 257, 220, 258, 0, -1, 250, 259, 260, 261, 262,
      263, 264, 265, 266, 267, 252, 256, 255, 270, 271, 273, 274, 276, 275, 277, 278, 279, 280, 281, 282, 283,
      284, 286, 287, 288, 289, 290, 291, 292, 293, 294, 295, 296, 297, 298, 299, -1, 301, 302, 303, 304, 305,
      306, 307, 308, 309, 310, 311, 312, 313, 315, 314, 316, 317, 320, 319, 321, 322, 323, 324, 325, 326, 364,
      327, 328, 329, 330, 331, 332, 333, 334, 335, 336, 337, 338, 339, 340, 341, 342, 343, 344, 345, 346, 318,
      347, 348, 349, 350, 351, 352, 353, 354, 355, 356, -1, 357, 358, 374, 375, 376, 377, 378, 379, 380, 381,
      382, 383, 385, 386, -1, -1, 424, 425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 435, 436, 437, 438,
      439, 440, 441, 442, 443, 444, 445, 446, 447, 448, 449, 450, 451, 452, 453, 454, 455, 456, 457, 458, 459,
      460, 461, 462, 463, 464, 465, 466, 467, 468, 469, 140, 142, 134, 17, 212, 405, 406, 403, 407, 404, 272,
      207, 221, 197, 300, 269, 35, 194, 422, 202, 201, 200, 205, 211, 209, 199, 32, 112, 416, 117, 198, 53,
      196, 192, 56, 419, 418, 34, 28, 84, 59, 18, 109, 414, 44, 98, 413, 89, 417, 421, 423, 420, 239, 216,
      215, 214, 206, 204, 210, 208, 203, 213, 68, 67, 48, 73, 126, 119, 72, 102, 69, 195, 268, 25, 31, 408,
      409, 410, 411, 193, 191, 58, 22, 412, 166, 113, 7,
    ],
    x32: [
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 512, 14, 513, 514, 17, 18, 515, 516, 21, 22, 23, 24, 25, 26,
      27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 517, 518, 519, 48, 49, 50, 51,
      52, 53, 541, 542, 56, 57, 58, 520, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76,
      77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 521,
      102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122,
      123, 124, 125, 126, 522, 523, 524, 130, 525, 132, 133, -1, 135, 136, 137, 138, 139, 140, 141, 142, 143,
      144, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, -1, 157, 158, 159, 160, 161, 162, 163, 164,
      165, 166, 167, 168, 169, 170, 171, 172, 173, -1, 175, 176, -1, -1, 179, -1, 181, 182, 183, 184, 185,
      186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196, 197, 198, 199, 200, 201, 202, 203, 204, -1, 543,
      207, 208, 544, 210, -1, 212, 213, -1, -1, 216, 217, 218, 219, 220, 221, 526, 223, 224, 225, 226, 227,
      228, 229, 230, 231, 232, 233, 234, 235, -1, 237, 238, 239, 240, 241, 242, 243, 527, 245, 528, 529, 248,
      249, 250, 251, 252, 253, 254, 255, 256, 257, 258, 259, 260, 261, 262, 263, 264, 265, 266, 267, 268, 269,
      270, 271, 272, 530, 531, 275, 276, 277, 532, 533, 280, 281, 282, 283, 284, 285, 286, 287, 288, 289, 290,
      291, 292, 293, 294, 534, 535, 536, 298, 537, 300, 301, 302, 303, 304, 305, 306, 538, 308, 309, 539, 540,
      312, 313, 314, 315, 316, 317, 318, 319, 320, 321, 545, 323, 324, 325, 326, 546, 547, 329, 330, 331, 332,
      333, 334, -1, -1, 424, 425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 435, 436, 437, 438, 439, 440,
      441, 442, 443, 444, 445, 446, 447, 448, 449, 450, 451, 452, -1, 454, 455, 456, 457, 458, 459, 460, 461,
      462, 463, 464, 465, 466, 467, 468, 469, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
      -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
      -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
      -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    ],
  };
}
