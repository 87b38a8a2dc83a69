// SPDX-License-Identifier: Apache-2.0
//
// A runtime in the foreground, until the program exits: it forwards signals to the program, reaps orphans, and copies
// between the container's terminal and the terminal of the runtime.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "binding/interrupt.h"
#include "binding/proxy.h"
#include "binding/readiness.h"
#include "binding/table.h"
#include "binding/wait_status.h"
#include "spawn/wait.h"

namespace tsubo::binding {

bool terminates(int signal) { return signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT; }

namespace {

// The handler writes to this pipe and the wait reads from it: a signal that arrives before the wait is not lost.
int signal_pipe[2] = {-1, -1};

// A terminating signal cannot be forwarded before the program runs, nor after its exit: it then ends the runtime.
enum : sig_atomic_t { kProgramRuns, kBeforeProgram, kAfterProgram };
volatile sig_atomic_t phase = kProgramRuns;
// The terminating signal that has arrived before or after the program's run, or 0.
volatile sig_atomic_t terminating = 0;

// A signal that arrives just before a blocking call does not interrupt the call. A timer repeats the interruption until
// the signal is noticed.
void interrupt_every(long us) {
  const itimerval timer = {{0, us}, {0, us}};
  setitimer(ITIMER_REAL, &timer, nullptr);
}

void on_signal(int signal, siginfo_t* info, void*) {
  int error = errno;
  if (signal == SIGALRM && info->si_code == SI_KERNEL && terminating != 0) return;
  if (phase != kProgramRuns && terminates(signal)) {
    terminating = signal;
    constexpr long kPauseUs = 20'000;
    interrupt_every(kPauseUs);
  }
  auto byte = static_cast<unsigned char>(signal);
  // If the pipe is full, enough signals are already pending in it.
  [[maybe_unused]] ssize_t n = write(signal_pipe[1], &byte, 1);
  errno = error;
}

// Faults of the runtime itself are not forwarded.
bool caught(int signal) {
  switch (signal) {
    case SIGKILL:
    case SIGSTOP:
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
    case SIGABRT:
    case SIGSYS:
    case SIGURG:
      return false;
    default:
      return true;
  }
}

void reap_orphans(pid_t init) {
  while (true) {
    siginfo_t info = {};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0) return;
    // The wait collects the init's status through its pidfd.
    if (info.si_pid == init) return;
    waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | WNOHANG);
  }
}

// Handles the signals in the pipe. Without a terminal SIGWINCH has no effect.
void handle_signals(pid_t init, int pidfd, bool ended, Proxy* proxy) {
  unsigned char signals[64];
  ssize_t n = signal_pipe[0] < 0 ? 0 : read(signal_pipe[0], signals, sizeof signals);
  for (ssize_t i = 0; i < n; i++) {
    const int signal = signals[i];
    if (signal == SIGCHLD) {
      reap_orphans(init);
    } else if (signal == SIGWINCH) {
      if (proxy != nullptr) proxy->resize();
    } else if (ended) {
      if (terminates(signal)) proxy->abandon();
    } else {
      // The runtime was stopped; another process may have changed the terminal meanwhile.
      if (signal == SIGCONT && proxy != nullptr) {
        proxy->enter_raw();
        proxy->resize();
      }
      // ESRCH: the init has exited, and the next poll reports it.
      syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0);
    }
  }
}

}  // namespace

int caught_signals() { return signal_pipe[0]; }

void program_runs() {
  phase = kProgramRuns;
  if (terminating != 0) interrupt_every(0);
  terminating = 0;
}

void program_ended() { phase = kAfterProgram; }

bool interrupted(Wait wait) {
  if (phase == kProgramRuns || terminating == 0) return false;
  if (phase == kAfterProgram && wait != Wait::hook) return false;
  phase = kProgramRuns;
  interrupt_every(0);
  // These calls cannot fail, because their arguments are valid.
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) ::signal(signal, SIG_DFL);
  errno = EINTR;
  return true;
}

namespace function {

Outcome endBySignal(const Arguments&) {
  if (terminating == 0 || phase != kProgramRuns) return {};
  raise(terminating);
  return {};
}

Outcome catchSignals(const Arguments& a) {
  if (signal_pipe[0] < 0 && pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) < 0) return refused("pipe2", errno);
  if (a[0].truth() && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) return refused("prctl", errno);
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  sigfillset(&action.sa_mask);
  for (int signal = 1; signal <= SIGRTMAX; signal++) {
    if (signal >= 32 && signal < SIGRTMIN) continue;  // reserved by the C library
    if (!caught(signal)) continue;
    action.sa_flags = SA_SIGINFO | (terminates(signal) || signal == SIGALRM ? 0 : SA_RESTART);
    // This call cannot fail, because its arguments are valid.
    sigaction(signal, &action, nullptr);
  }
  phase = kBeforeProgram;
  return {};
}

Outcome hostTerminal(const Arguments&) {
  // Each of the standard streams may be redirected.
  for (int fd : {STDERR_FILENO, STDOUT_FILENO, STDIN_FILENO}) {
    if (!isatty(fd)) continue;
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return own < 0 ? refused("fcntl", errno) : Outcome(Value::number(own));
  }
  int fd = ::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  return fd < 0 ? refused("open", errno, "/dev/tty") : Outcome(Value::number(fd));
}

Outcome adoptTerminal(const Arguments& a) {
  const char* refusing = prepare_master(static_cast<int>(a[0].number()), static_cast<int>(a[1].number()), a[2].truth());
  return refusing == nullptr ? Outcome() : refused(refusing, errno);
}

Outcome resizeTerminal(const Arguments& a) {
  winsize size = {};
  size.ws_col = static_cast<uint16_t>(a[1].number());
  size.ws_row = static_cast<uint16_t>(a[2].number());
  if (ioctl(static_cast<int>(a[0].number()), TIOCSWINSZ, &size) < 0) return refused("ioctl", errno);
  return {};
}

Outcome waitForeground(const Arguments& a) {
  auto init = static_cast<pid_t>(a[0].number());
  int pidfd = static_cast<int>(a[1].number());
  std::optional<Proxy> proxy;
  if (a.size() > 2 && !a[2].is_undefined())
    proxy.emplace(static_cast<int>(a[2].number()), static_cast<int>(a[3].number()));
  int notifications = a.size() > 4 && !a[4].is_undefined() ? static_cast<int>(a[4].field("socket").number()) : -1;
  siginfo_t end = {};
  bool ended = false, ready = false;
  // Terminating signals that arrived before this point are forwarded to the program.
  program_runs();
  while (true) {
    pollfd watched[3 + Proxy::kWatched] = {
        {ended ? -1 : pidfd, POLLIN, 0}, {signal_pipe[0], POLLIN, 0}, {notifications, POLLIN, 0}};
    int timeout = proxy ? proxy->watch(watched + 3) : -1;
    nfds_t count = proxy ? 3 + Proxy::kWatched : 3;
    int n = poll(watched, count, timeout);
    if (n < 0 && errno != EINTR) return refused("poll", errno);
    handle_signals(init, pidfd, ended, proxy ? &*proxy : nullptr);
    // An interrupted poll does not set revents.
    if (n < 0) continue;
    if (proxy) proxy->handle(watched + 3);
    // Later datagrams are read too: a full socket would block the program. A failure has no effect on the program.
    if (watched[2].revents != 0 && receive_ready(notifications) && !ready) {
      ready = true;
      announce_ready(a[4].field("host").text(), getpid(), false);
    }
    if ((watched[0].revents & POLLIN) != 0) {
      if (waitid(kPidfd, static_cast<id_t>(pidfd), &end, WEXITED) == 0) {
        ended = true;
        if (proxy) proxy->drain();
      } else if (errno != EINTR) {
        return refused("waitid", errno);
      }
    }
    if (!ended || (proxy && !proxy->drained())) continue;
    program_ended();
    return wait_status(end);
  }
}

}  // namespace function

}  // namespace tsubo::binding
