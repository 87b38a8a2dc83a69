// SPDX-License-Identifier: Apache-2.0
#include "keeper/program.h"

#include <asm/fcntl.h>
#include <asm/signal.h>
#include <linux/errno.h>
#include <linux/prctl.h>

#include "core/fd.h"
#include "core/signals.h"

namespace tsubo::keeper {

namespace {

constexpr uint32_t kMostArguments = 16'384;
constexpr int kNotExecuted = 127;
constexpr int kLastSignal = 64;

[[noreturn]] void execute(const char* const* arguments, int output) {
  // If the keeper is killed before the program is in the background, the program ends too.
  sys::unchecked(sys::prctl(PR_SET_PDEATHSIG, SIGKILL));
  const char* environment[] = {nullptr};
  // A signal that Node ignores would stay ignored, and pasta refuses to start with an ignored SIGPIPE. SIGKILL and
  // SIGSTOP have no other action than the default.
  for (int signal = 1; signal <= kLastSignal; signal++) sys::unchecked(reset_signal(signal));
  for (int fd = 1; fd < 3; fd++) {
    if (sys::call(__NR_dup3, output, fd, 0) < 0) sys::exit(kNotExecuted);
  }
  // The keeper's null device is close-on-exec if the caller had no standard input.
  if (sys::fcntl(0, F_SETFD, 0) < 0) sys::exit(kNotExecuted);
  sys::unchecked(sys::call(__NR_execve, sys::arg(arguments[0]), sys::arg(arguments), sys::arg(environment)));
  sys::exit(kNotExecuted);
}

// The number at the start of a file; 0 if there is none.
int number_in(const char* path) {
  UniqueFd fd(sys::openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC));
  char text[16];
  const long n = fd.open() ? sys::read(fd.get(), text, sizeof text) : 0;
  int number = 0;
  for (long i = 0; i < n && i < 9 && text[i] >= '0' && text[i] <= '9'; i++) number = number * 10 + (text[i] - '0');
  return number;
}

}  // namespace

long Program::start(const char* strings, uint32_t count, int output) {
  if (count < 2 || count > kMostArguments) return -E2BIG;
  const char** arguments = table<const char*>(count);
  if (arguments == nullptr) return -ENOMEM;
  const char* file = strings;
  const char* at = strings;
  for (uint32_t i = 0; i < count; i++) {
    if (i > 0) arguments[i - 1] = at;
    while (*at++ != '\0') {
    }
  }
  // The process in the background becomes a child of the keeper: its pid is not reused while the keeper runs.
  if (long r = sys::prctl(PR_SET_CHILD_SUBREAPER, 1); r < 0) return r;
  const long child = sys::call(__NR_clone, SIGCHLD, 0, 0, 0, 0);
  if (child < 0) return child;
  if (child == 0) execute(arguments, output);
  int status = 0;
  long waited;
  do waited = sys::call(__NR_wait4, child, sys::arg(&status), 0, 0);
  while (waited == -EINTR);
  if (waited < 0) return waited;
  if (status != 0) return status;
  pid_ = number_in(file);
  return pid_ == 0 ? -ESRCH : 0;
}

void Program::end() const {
  // SIGKILL, because pasta is the first process of its own pid namespace, which ignores SIGTERM.
  if (pid_ != 0) sys::unchecked(sys::call(__NR_kill, pid_, SIGKILL));
}

}  // namespace tsubo::keeper
