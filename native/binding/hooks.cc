// SPDX-License-Identifier: Apache-2.0
//
// Programs of the host in the runtime's namespaces. Hooks: the runtime spawns the program, gives it the state, reads
// its output and waits for it. Helpers: the program has the runtime's standard streams, and returns a result on
// descriptor 3.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "binding/host_program.h"
#include "binding/interrupt.h"
#include "binding/table.h"
#include "binding/wait_status.h"
#include "binding/write_to_end.h"
#include "core/fd.h"
#include "core/syscall.h"

namespace tsubo::binding {

namespace {

// The number of bytes kept of each output, unless the caller requests more: the last ones, which usually contain the
// error message.
constexpr size_t kKept = 4096;
// The descriptor on which a helper returns its result, and its greatest length.
constexpr int kResult = 3;
constexpr size_t kLongestResult = 1 << 20;
// The time limit for the exit of a hook after SIGKILL.
constexpr int64_t kKillMs = 10'000;

// One output of a hook, or the result of a helper. Reads are non-blocking, and only the end is kept.
struct Output {
  UniqueFd read_end, write_end;
  std::string text;
  size_t kept = kKept;

  bool open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return false;
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
    return fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
  }
  void drain() {
    char piece[4096];
    ssize_t n;
    while ((n = ::read(read_end.get(), piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR)) {
      if (n < 0) continue;
      text.append(piece, static_cast<size_t>(n));
      if (text.size() > kept) text.erase(0, text.size() - kept);
    }
    if (n == 0) read_end.reset();
  }
};

// The bundle may be removed before its container is deleted.
long enter_directory(const void* path, const char** call) {
  *call = "chdir";
  const long r = sys::chdir(static_cast<const char*>(path));
  return r < 0 ? sys::chdir("/") : r;
}

int64_t now_ms() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<int64_t>(t.tv_sec) * 1000 + t.tv_nsec / 1'000'000;
}

enum class Waited { ended, late, refused };

// Waits until the process of `pidfd` has exited, or until `deadline` (in milliseconds; negative for none).
Waited await_end(int pidfd, Output* out, Output* err, int64_t deadline) {
  while (true) {
    int64_t left = deadline < 0 ? -1 : deadline - now_ms();
    if (deadline >= 0 && left < 0) left = 0;
    // The descriptor of a closed output is -1, which poll ignores.
    pollfd watched[] = {{pidfd, POLLIN, 0}, {out->read_end.get(), POLLIN, 0}, {err->read_end.get(), POLLIN, 0}};
    int n = poll(watched, 3, left > 1'000'000'000 ? 1'000'000'000 : static_cast<int>(left));
    if (n < 0 && !call_again(Wait::hook)) return Waited::refused;
    if (n > 0 && watched[1].revents != 0) out->drain();
    if (n > 0 && watched[2].revents != 0) err->drain();
    if (n > 0 && watched[0].revents != 0) return Waited::ended;
    if (deadline >= 0 && now_ms() >= deadline) return Waited::late;
  }
}

}  // namespace

namespace function {

Outcome runHook(const Arguments& a) {
  const Value& r = a[0];
  const std::string &path = r.field("path").text(), &input = r.field("input").text();
  std::vector<char*> args = exec_array(r.field("args").items()), env = exec_array(r.field("env").items());

  // The state is a file, not a pipe: a hook that does not read it blocks no process, however long the state is.
  UniqueFd state;
  Output out, err;
  state.reset(memfd_create("tsubo-state", MFD_CLOEXEC));
  if (state.get() < 0) return refused("memfd_create", errno);
  if (int error = write_to_end(state.get(), input); error != 0) return refused("write", error);
  if (lseek(state.get(), 0, SEEK_SET) < 0) return refused("lseek", errno);
  if (int64_t keep = r.field("keep").number(); keep > 0) out.kept = static_cast<size_t>(keep);
  if (!out.open() || !err.open()) return refused("pipe2", errno);

  HostProgram program = {.path = path.c_str(), .args = args.data()};
  if (!r.field("env").is_undefined()) program.env = env.data();
  program.fds = {state.get(), out.write_end.get(), err.write_end.get()};
  program.prepare = enter_directory;
  program.data = r.field("directory").text().c_str();
  SpawnedProgram hook;
  if (Outcome failure = spawn(program, &hook); failure.error != 0) return failure;
  out.write_end.reset();
  err.write_end.reset();
  int64_t timeout = r.field("timeoutMs").number();
  Waited waited = await_end(hook.pidfd.get(), &out, &err, timeout < 0 ? -1 : now_ms() + timeout);
  const int poll_error = errno;
  const bool late = waited == Waited::late;
  if (waited != Waited::ended) {
    // ESRCH: the hook has just exited.
    if (syscall(SYS_pidfd_send_signal, hook.pidfd.get(), SIGKILL, nullptr, 0) < 0 && errno != ESRCH)
      return refused("pidfd_send_signal", errno, path);
    if (waited == Waited::refused) {
      await_exit(hook.pid);
      return refused("poll", poll_error, path);
    }
    waited = await_end(hook.pidfd.get(), &out, &err, now_ms() + kKillMs);
  }
  siginfo_t end = {};
  if (waited == Waited::ended) end = await_exit(hook.pid);
  // Reads the rest of the output without a wait for end of file: a process that the hook left may hold the pipes open.
  out.drain();
  err.drain();
  return Value::record({wait_status_field(end),
                        {"timedOut", Value::boolean(late)},
                        {"stdout", Value::text(out.text)},
                        {"stderr", Value::text(err.text)}});
}

Outcome awaitOutput(const Arguments& a) {
  const Value& r = a[0];
  const int pidfd = static_cast<int>(r.field("pidfd").number());
  const auto pid = static_cast<pid_t>(r.field("pid").number());
  Output out, none;
  out.kept = static_cast<size_t>(r.field("keep").number());
  out.read_end.reset(fcntl(static_cast<int>(r.field("output").number()), F_DUPFD_CLOEXEC, 3));
  if (out.read_end.get() < 0 || fcntl(out.read_end.get(), F_SETFL, O_NONBLOCK) < 0) return refused("fcntl", errno);
  Waited waited = await_end(pidfd, &out, &none, now_ms() + r.field("timeoutMs").number());
  const int poll_error = errno;
  const bool late = waited == Waited::late;
  if (waited != Waited::ended) {
    // The process leads its group and is not reaped: the number belongs to it. ESRCH: it has just exited.
    if (kill(-pid, SIGKILL) < 0 && errno != ESRCH) return refused("kill", errno);
    const Waited killed = await_end(pidfd, &out, &none, now_ms() + kKillMs);
    if (waited == Waited::refused) {
      if (killed == Waited::ended) await_exit(pid);
      return refused("poll", poll_error);
    }
    waited = killed;
  }
  siginfo_t end = {};
  if (waited == Waited::ended) end = await_exit(pid);
  out.drain();
  return Value::record({wait_status_field(end), {"timedOut", Value::boolean(late)}, {"output", Value::text(out.text)}});
}

Outcome runHelper(const Arguments& a) {
  const Value& r = a[0];
  const std::string& path = r.field("path").text();
  std::vector<char*> args = exec_array(r.field("args").items());
  Output result, none;
  result.kept = kLongestResult;
  if (!result.open()) return refused("pipe2", errno);
  HostProgram program = {.path = path.c_str(), .args = args.data()};
  // A helper keeps the standard streams of the runtime.
  program.first = kResult;
  program.fds = {result.write_end.get()};
  SpawnedProgram helper;
  if (Outcome failure = spawn(program, &helper); failure.error != 0) return failure;
  result.write_end.reset();
  if (await_end(helper.pidfd.get(), &result, &none, -1) != Waited::ended) {
    const int error = errno;
    kill(helper.pid, SIGKILL);
    await_exit(helper.pid);
    return refused("poll", error, path);
  }
  siginfo_t end = await_exit(helper.pid);
  result.drain();
  return Value::record({wait_status_field(end), {"result", Value::text(result.text)}});
}

}  // namespace function

}  // namespace tsubo::binding
