// SPDX-License-Identifier: Apache-2.0

// Makes system calls under a filter and reports the action of the kernel, for test/native/seccomp-kernel.test.ts. One
// filter on standard input, in words of the byte order of the machine:
//
//   flags (of seccomp(2))   length (of the program, in instructions)   program (struct sock_filter)
//   count (of calls)        for each: way (0 syscall, 1 int 0x80), number, 0, 0, six arguments of 64 bits
//
// On standard output, for each call, 64 bits each: the outcome, and its data:
//
//   0 returned       the result of the call under the filter, and without one
//   1 SIGSYS, caught the data of SECCOMP_RET_TRAP; number << 32 | architecture, from the signal
//   2 thread ended   3 process ended (and the signal)   4 sent to the listener (number << 32 | architecture)
//
// Each filter is loaded by a new thread, which makes the calls and writes to shared memory without any other call:
// its filter may deny any call. If the thread ends, another thread continues with the next call.

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

struct Call {
  uint32_t way, number, unused[2];
  uint64_t args[6];
};

struct Answer {
  uint64_t what, first, second;
};

enum : uint64_t { kReturned, kCaught, kThreadEnded, kProcessEnded, kLeft };

// Shared by every process and thread here.
struct Shared {
  volatile uint32_t next;      // the current call
  volatile uint32_t finished;  // all calls have been made
  volatile int listener;       // of the filter, -1 without one
  volatile int error;          // errno of seccomp(2)
  volatile uint32_t loaded;
};

Shared* shared;
Answer* answers;
Call* calls;
uint32_t count, flags;
sock_fprog program;
__thread void* resume[5];

long perform(const Call& call) {
#ifdef __x86_64__
  if (call.way == 1) {
    // The kernel reads only the lower halves.
    long result = static_cast<long>(call.number);
    asm volatile("push %%rbp\n\tmov (%1), %%rbx\n\tmov 40(%1), %%rbp\n\tint $0x80\n\tpop %%rbp"
                 : "+a"(result)
                 : "r"(call.args), "c"(call.args[1]), "d"(call.args[2]), "S"(call.args[3]), "D"(call.args[4])
                 : "rbx", "r8", "r9", "r10", "r11", "memory");
    return static_cast<int>(result);
  }
#endif
  // syscall(3) of glibc sets errno, which involves no system call.
  errno = 0;
  const long result = syscall(static_cast<long>(call.number), call.args[0], call.args[1], call.args[2], call.args[3],
                              call.args[4], call.args[5]);
  return result == -1 && errno != 0 ? -errno : result;
}

// Does not return: that would call rt_sigreturn.
void caught(int, siginfo_t* info, void*) {
  Answer& answer = answers[shared->next];
  answer = {kCaught, static_cast<uint64_t>(info->si_errno),
            static_cast<uint64_t>(static_cast<uint32_t>(info->si_syscall)) << 32 | info->si_arch};
  __builtin_longjmp(resume, 1);
}

void* thread(void*) {
  // Results without the filter, which is not loaded yet.
  for (uint32_t i = shared->next; i < count; i++) answers[i].second = static_cast<uint64_t>(perform(calls[i]));
  const long loaded = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  shared->listener = flags & SECCOMP_FILTER_FLAG_NEW_LISTENER ? static_cast<int>(loaded) : -1;
  shared->error = loaded < 0 ? errno : 0;
  shared->loaded = 1;
  if (loaded >= 0) {
    if (__builtin_setjmp(resume) != 0) shared->next = shared->next + 1;
    while (shared->next < count) {
      const uint32_t at = shared->next;
      const long result = perform(calls[at]);
      if (answers[at].what != kLeft) answers[at] = {kReturned, static_cast<uint64_t>(result), answers[at].second};
      shared->next = at + 1;
    }
  }
  shared->finished = 1;
  for (;;) asm volatile("" ::: "memory");  // until the process ends
}

// Answers a call that the listener receives. Returns false if none arrives within a millisecond.
bool attend() {
  pollfd listener = {shared->listener, POLLIN, 0};
  if (shared->listener < 0 || poll(&listener, 1, 1) != 1 || (listener.revents & POLLIN) == 0) return false;
  seccomp_notif notification = {};
  if (ioctl(listener.fd, SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0) return true;
  answers[shared->next] = {
      kLeft, static_cast<uint64_t>(static_cast<uint32_t>(notification.data.nr)) << 32 | notification.data.arch, 0};
  seccomp_notif_resp answer = {notification.id, 0, -ENODATA, 0};
  ioctl(listener.fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
  return true;
}

// A process whose threads make the remaining calls in turn. Its own calls are not filtered.
[[noreturn]] void process() {
  while (shared->finished == 0) {
    shared->loaded = 0;
    shared->listener = -1;
    pthread_t made;
    if (pthread_create(&made, nullptr, thread, nullptr) != 0) _exit(1);
    for (;;) {
      if (shared->loaded == 0 || !attend()) usleep(20);
      if (shared->finished != 0) break;
      if (pthread_tryjoin_np(made, nullptr) != 0) continue;
      answers[shared->next] = {kThreadEnded, 0, 0};
      shared->next = shared->next + 1;
      if (shared->listener >= 0) close(shared->listener);
      break;
    }
  }
  _exit(shared->error != 0 ? 2 : 0);
}

void* common(size_t size) { return mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0); }

void* input(size_t size) {
  void* bytes = malloc(size + 1);
  if (fread(bytes, 1, size, stdin) != size) exit(3);
  return bytes;
}

}  // namespace

int main() {
  const uint32_t* head = static_cast<uint32_t*>(input(8));
  flags = head[0];
  program = {static_cast<unsigned short>(head[1]), static_cast<sock_filter*>(input(8 * head[1]))};
  count = *static_cast<uint32_t*>(input(4));
  calls = static_cast<Call*>(input(count * sizeof(Call)));
  shared = static_cast<Shared*>(common(sizeof(Shared)));
  answers = static_cast<Answer*>(common((count + 1) * sizeof(Answer)));
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // no core dump when the kernel kills it
  struct sigaction action = {};
  action.sa_sigaction = caught;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSYS, &action, nullptr);
  while (shared->next < count && shared->finished == 0) {
    const pid_t pid = fork();
    if (pid == 0) process();
    int status = 0;
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status)) {
      answers[shared->next] = {kProcessEnded, static_cast<uint64_t>(WTERMSIG(status)), 0};
      shared->next = shared->next + 1;
    } else if (WEXITSTATUS(status) != 0) {
      fprintf(stderr, "the filter cannot be loaded: %s\n", strerror(shared->error));
      return WEXITSTATUS(status);
    }
  }
  fwrite(answers, sizeof(Answer), count, stdout);
  return 0;
}
