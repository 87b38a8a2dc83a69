// SPDX-License-Identifier: Apache-2.0

// Runs a command of the runtime, and follows it and its init at each system call that has an effect. Prints them, or
// makes one of them fail, or kills the process at its entry.
//   injector OUTPUT record|error|kill PROCESS CALL ERRNO ATTACH PROGRAM ARG...
// PROCESS counts the followed processes from 0, the command itself; CALL counts the system calls of that process
// from 1. ATTACH is the pid of a process to follow from the start, as number 1, or 0. Programs that the command
// executes outside of the runtime (hooks, the program of the container) are not followed. The exit status is that of
// the command; 121 if PROCESS has ended without that CALL. OUTPUT gets one line for each call: PROCESS CALL NAME PATH.

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <string>

namespace {

struct Call {
  const char* name;
  long number;
  // Which arguments are texts, as bits.
  unsigned texts;
};

#define CALL(name, texts) \
  { #name, SYS_##name, texts }
// System calls that change the state of a process or of the machine, or send a message. A call that reads only, or that
// closes a descriptor, has no effect that an undo would have to remove.
const Call calls[] = {
#ifdef SYS_open
    CALL(open, 1),
    CALL(mkdir, 1),
    CALL(rmdir, 1),
    CALL(unlink, 1),
    CALL(rename, 3),
    CALL(symlink, 3),
    CALL(link, 3),
    CALL(mknod, 1),
    CALL(chmod, 1),
    CALL(chown, 1),
    CALL(creat, 1),
    CALL(fork, 0),
    CALL(vfork, 0),
    CALL(pipe, 0),
    CALL(dup2, 0),
    CALL(renameat, 0),
#endif
    CALL(openat, 2),
    CALL(openat2, 2),
    CALL(mkdirat, 2),
    CALL(unlinkat, 2),
    CALL(renameat2, 10),
    CALL(symlinkat, 5),
    CALL(linkat, 10),
    CALL(mknodat, 2),
    CALL(write, 0),
    CALL(writev, 0),
    CALL(pwrite64, 0),
    CALL(sendfile, 0),
    CALL(ftruncate, 0),
    CALL(truncate, 1),
    CALL(fallocate, 0),
    CALL(fchmod, 0),
    CALL(fchmodat, 2),
    CALL(fchown, 0),
    CALL(fchownat, 2),
    CALL(utimensat, 2),
    CALL(setxattr, 3),
    CALL(lsetxattr, 3),
    CALL(fsetxattr, 2),
    CALL(mount, 7),
    CALL(umount2, 1),
    CALL(fsopen, 1),
    CALL(fsconfig, 12),
    CALL(fsmount, 0),
    CALL(fspick, 2),
    CALL(open_tree, 2),
    CALL(move_mount, 10),
    CALL(mount_setattr, 2),
    CALL(pivot_root, 3),
    CALL(chroot, 1),
    CALL(chdir, 1),
    CALL(fchdir, 0),
    CALL(clone, 0),
    CALL(clone3, 0),
    CALL(execve, 1),
    CALL(execveat, 2),
    CALL(unshare, 0),
    CALL(setns, 0),
    CALL(kill, 0),
    CALL(tgkill, 0),
    CALL(pidfd_open, 0),
    CALL(pidfd_send_signal, 0),
    CALL(socket, 0),
    CALL(socketpair, 0),
    CALL(bind, 0),
    CALL(listen, 0),
    CALL(connect, 0),
    CALL(accept4, 0),
    CALL(sendto, 0),
    CALL(sendmsg, 0),
    CALL(setsockopt, 0),
    CALL(bpf, 0),
    CALL(memfd_create, 1),
    CALL(pipe2, 0),
    CALL(dup3, 0),
    CALL(fcntl, 0),
    CALL(prctl, 0),
    CALL(capset, 0),
    CALL(setresuid, 0),
    CALL(setresgid, 0),
    CALL(setgroups, 0),
    CALL(prlimit64, 0),
    CALL(sethostname, 1),
    CALL(setdomainname, 1),
    CALL(setsid, 0),
    CALL(keyctl, 0),
    CALL(seccomp, 0),
    CALL(sched_setaffinity, 0),
    CALL(sched_setattr, 0),
    CALL(ioprio_set, 0),
    CALL(ioctl, 0),
    CALL(personality, 0),
    CALL(set_mempolicy, 0),
    CALL(flock, 0),
    CALL(close_range, 0),
    CALL(epoll_ctl, 0),
    CALL(inotify_add_watch, 2),
    CALL(timerfd_settime, 0),
    CALL(rt_sigaction, 0),
    CALL(rt_sigprocmask, 0),
};
#undef CALL

const Call* call_of(unsigned long long number) {
  for (const Call& call : calls) {
    if (static_cast<unsigned long long>(call.number) == number) return &call;
  }
  return nullptr;
}

struct Followed {
  int index = 0;
  int count = 0;
  // At the exit of the current call its result becomes an error.
  bool failing = false;
};

std::map<pid_t, Followed> followed;
int next_index = 0;

[[noreturn]] void die(const char* what) {
  perror(what);
  exit(120);
}

std::string text_at(pid_t pid, unsigned long long address) {
  char buffer[256];
  iovec here = {buffer, sizeof buffer};
  // Up to the end of the page, because the next one may not be mapped.
  here.iov_len = sizeof buffer < 4096 - address % 4096 ? sizeof buffer : 4096 - address % 4096;
  iovec there = {reinterpret_cast<void*>(address), here.iov_len};
  const ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);
  std::string text;
  for (ssize_t i = 0; i < n && buffer[i] != '\0'; i++) text += buffer[i] < ' ' ? '?' : buffer[i];
  return text;
}

// Replaces the number of the call, at its entry, or the result, at its exit.
void replace_call(pid_t pid) {
#if defined(__x86_64__)
  if (ptrace(PTRACE_POKEUSER, pid, offsetof(user_regs_struct, orig_rax), -1L) < 0) die("PTRACE_POKEUSER");
#else
  int none = -1;
  iovec value = {&none, sizeof none};
  if (ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &value) < 0) die("PTRACE_SETREGSET");
#endif
}

void replace_result(pid_t pid, int error) {
  user_regs_struct registers;
  iovec value = {&registers, sizeof registers};
  if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &value) < 0) die("PTRACE_GETREGSET");
#if defined(__x86_64__)
  registers.rax = static_cast<unsigned long long>(-static_cast<long long>(error));
#else
  registers.regs[0] = static_cast<unsigned long long>(-static_cast<long long>(error));
#endif
  if (ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &value) < 0) die("PTRACE_SETREGSET");
}

bool is_own(pid_t pid, const char* program) {
  char path[32], exe[4096];
  snprintf(path, sizeof path, "/proc/%d/exe", pid);
  const ssize_t n = readlink(path, exe, sizeof exe - 1);
  if (n < 0) return false;
  exe[n] = '\0';
  return strncmp(exe, "/memfd:tsubo-", 13) == 0 || strcmp(exe, program) == 0;
}

}  // namespace

int main(int count, char** args) {
  if (count < 8) return 2;
  FILE* output = fopen(args[1], "w");
  if (output == nullptr) die(args[1]);
  const bool fails = strcmp(args[2], "error") == 0, kills = strcmp(args[2], "kill") == 0;
  const int process = atoi(args[3]), wanted = atoi(args[4]), error = atoi(args[5]);
  const pid_t attached = atoi(args[6]);
  char** command = args + 7;
  char program[4096];
  if (realpath(command[0], program) == nullptr) die(command[0]);

  constexpr long kOptions =
      PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;
  const pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    raise(SIGSTOP);
    execv(program, command);
    _exit(127);
  }
  int status;
  if (waitpid(child, &status, WUNTRACED) != child) die("waitpid");
  if (ptrace(PTRACE_SEIZE, child, 0, kOptions) < 0) die("PTRACE_SEIZE");
  followed[child].index = next_index++;
  if (attached > 0) {
    if (ptrace(PTRACE_SEIZE, attached, 0, kOptions) < 0 || ptrace(PTRACE_INTERRUPT, attached, 0, 0) < 0) {
      kill(child, SIGKILL);
      die("PTRACE_SEIZE");
    }
    followed[attached].index = next_index++;
  }
  kill(child, SIGCONT);

  bool reached = false, executed = false;
  int result = 0;
  while (true) {
    const pid_t pid = waitpid(-1, &status, __WALL);
    if (pid < 0) {
      if (errno == EINTR) continue;
      break;
    }
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      followed.erase(pid);
      if (pid != child) continue;
      result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      break;
    }
    if (!WIFSTOPPED(status)) continue;
    const int signal = WSTOPSIG(status), event = status >> 16;
    if (followed.count(pid) == 0) followed[pid].index = next_index++;
    Followed& at = followed[pid];
    if (event == PTRACE_EVENT_EXEC) {
      // The first one is that of the command itself.
      if (pid == child && !executed) {
        executed = true;
      } else if (!is_own(pid, program)) {
        ptrace(PTRACE_DETACH, pid, 0, 0);
        followed.erase(pid);
        continue;
      }
    }
    if (signal != (SIGTRAP | 0x80)) {
      const bool stop = event == PTRACE_EVENT_STOP &&
                        (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU);
      if (stop) {
        ptrace(PTRACE_LISTEN, pid, 0, 0);
        // Group stops end only with SIGCONT; the one before the execution of the command has got it.
        continue;
      }
      ptrace(PTRACE_SYSCALL, pid, 0, event != 0 ? 0 : signal);
      continue;
    }
    __ptrace_syscall_info info;
    if (ptrace(static_cast<__ptrace_request>(0x420e), pid, sizeof info, &info) < 0) {
      ptrace(PTRACE_SYSCALL, pid, 0, 0);
      continue;
    }
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
      const Call* call = pid == child && !executed ? nullptr : call_of(info.entry.nr);
      if (call != nullptr) {
        at.count++;
        fprintf(output, "%d %d %s", at.index, at.count, call->name);
        for (int i = 0; i < 5; i++) {
          if (call->texts >> i & 1) fprintf(output, " %s", text_at(pid, info.entry.args[i]).c_str());
        }
        fputc('\n', output);
        fflush(output);
        if (at.index == process && at.count == wanted && (fails || kills)) {
          reached = true;
          if (kills) {
            kill(pid, SIGKILL);
            continue;
          }
          replace_call(pid);
          at.failing = true;
        }
      }
    } else if (at.failing) {
      at.failing = false;
      replace_result(pid, error);
    }
    ptrace(PTRACE_SYSCALL, pid, 0, 0);
  }
  // The kernel resumes the processes that are still followed when this one ends.
  if ((fails || kills) && !reached) return 121;
  return result;
}
