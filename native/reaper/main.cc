// SPDX-License-Identifier: Apache-2.0
//
// The first process of a container with `--init`: runs the program as its child, passes every signal on to it, reaps
// all processes that lose their parent, and exits with the program's status (128+N for a signal). It becomes a file of
// the container: reaper NAME [--] PROGRAM [ARGUMENTS...]
#include <asm/ioctls.h>
#include <asm/signal.h>
#include <linux/wait.h>

#include "core/syscall.h"
#include "init/stack_guard.h"

extern "C" [[noreturn, gnu::no_stack_protector]] void tsubo_main(long* stack);

namespace {

using namespace tsubo;

constexpr int kNotExecutable = 126, kNotFound = 127, kOwnFailure = 125, kSignalled = 128;
constexpr size_t kSignalBytes = 8;
// The default of execvp(3).
constexpr const char* kDefaultPath = "/bin:/usr/bin";
constexpr size_t kLongestPath = 4096;

size_t length_of(const char* text) {
  size_t n = 0;
  while (text[n] != '\0') n++;
  return n;
}

bool begins_with(const char* text, const char* start) {
  while (*start != '\0' && *text == *start) text++, start++;
  return *start == '\0';
}

void print(const char* text) {
  // Without a standard error there is no place for the message.
  sys::unchecked(sys::write(2, text, length_of(text)));
}

const char* path_variable(char* const* environment) {
  constexpr const char* kName = "PATH=";
  for (; *environment != nullptr; environment++) {
    if (begins_with(*environment, kName)) return *environment + length_of(kName);
  }
  return kDefaultPath;
}

bool has_slash(const char* text) {
  while (*text != '\0' && *text != '/') text++;
  return *text == '/';
}

long execute(const char* path, char* const* words, char* const* environment) {
  return sys::call(__NR_execve, sys::arg(path), sys::arg(words), sys::arg(environment));
}

// Looks the program up in the directories of PATH. A file that cannot be executed does not end the search, but its
// error has precedence over a missing one. Returns only on failure.
long execute_in_path(char* const* words, char* const* environment) {
  if (has_slash(words[0])) return execute(words[0], words, environment);
  const size_t name = length_of(words[0]);
  long result = -ENOENT;
  const char* at = path_variable(environment);
  while (name > 0) {
    size_t size = 0;
    while (at[size] != ':' && at[size] != '\0') size++;
    char path[kLongestPath];
    if (size + name + 2 <= sizeof path) {
      __builtin_memcpy(path, at, size);
      // An empty entry is the working directory.
      const size_t begin = size == 0 ? 0 : size + 1;
      path[size] = '/';
      __builtin_memcpy(path + begin, words[0], name + 1);
      const long failed = execute(path, words, environment);
      if (failed != -ENOENT && failed != -ENOTDIR) result = failed;
      if (result != -ENOENT && result != -EACCES) return result;
    }
    if (at[size] == '\0') return result;
    at += size + 1;
  }
  return result;
}

[[noreturn]] void run_program(char* const* words, char* const* environment, uint64_t mask) {
  // A group of its own, in the foreground of the terminal: then the terminal's signals reach the program and its
  // children, once. All signals are blocked, therefore the kernel does not stop the process for the request.
  sys::unchecked(sys::call(__NR_setpgid, 0, 0));
  const int group = static_cast<int>(sys::call(__NR_getpid));
  // Without a terminal this fails, and there is nothing to set.
  sys::unchecked(sys::call(__NR_ioctl, 0, TIOCSPGRP, sys::arg(&group)));
  sys::unchecked(sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&mask), 0, kSignalBytes));
  const long failed = execute_in_path(words, environment);
  print("unable to execute ");
  print(words[0]);
  if (failed == -ENOENT) {
    print(": no such file or directory\n");
    sys::exit(kNotFound);
  }
  print(failed == -EACCES ? ": permission denied\n" : ": the kernel does not accept the file as a program\n");
  sys::exit(kNotExecutable);
}

// Reaps all children that have ended. Returns the exit status of the program, or -1 while it runs.
int reap(long program) {
  int exit_status = -1;
  while (true) {
    int status = 0;
    const long pid = sys::call(__NR_wait4, -1, sys::arg(&status), WNOHANG, 0);
    if (pid <= 0) return exit_status;
    if (pid != program) continue;
    const int signal = status & 0x7f;
    exit_status = signal == 0 ? (status >> 8) & 0xff : kSignalled + signal;
  }
}

[[noreturn]] void wait_for(long program) {
  const uint64_t all = ~uint64_t{0};
  while (true) {
    const long signal = sys::call(__NR_rt_sigtimedwait, sys::arg(&all), 0, 0, kSignalBytes);
    if (signal == SIGCHLD) {
      // The kernel ends the other processes of the pid namespace.
      if (const int status = reap(program); status >= 0) sys::exit(status);
    } else if (signal > 0) {
      // ESRCH: the program has ended, and the next signal is SIGCHLD.
      sys::unchecked(sys::call(__NR_kill, program, signal));
    } else if (signal != -EINTR) {
      sys::exit(kOwnFailure);
    }
  }
}

}  // namespace

void tsubo_main(long* stack) {
  init::set_stack_guard(stack);
  char** words = reinterpret_cast<char**>(stack + 1);
  char** environment = words + stack[0] + 1;
  if (*words != nullptr) words++;
  if (*words != nullptr && words[0][0] == '-' && words[0][1] == '-' && words[0][2] == '\0') words++;
  if (*words == nullptr) {
    print("usage: init -- PROGRAM [ARGUMENTS...]\n");
    sys::exit(kOwnFailure);
  }
  // A blocked signal waits until rt_sigtimedwait(2) takes it, also for the first process of a pid namespace, which the
  // kernel protects from signals that it does not handle.
  const uint64_t all = ~uint64_t{0};
  uint64_t before = 0;
  if (sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&all), sys::arg(&before), kSignalBytes) < 0) {
    sys::exit(kOwnFailure);
  }
  const long program = sys::call(__NR_clone, SIGCHLD, 0, 0, 0, 0);
  if (program < 0) {
    print("unable to start a process: clone failed\n");
    sys::exit(kOwnFailure);
  }
  if (program == 0) run_program(words, environment, before);
  wait_for(program);
}
