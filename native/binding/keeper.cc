// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "binding/interrupt.h"
#include "binding/table.h"
#include "binding/write_to_end.h"
#include "core/fd.h"
#include "keeper/container_request.h"
#include "keeper/request.h"
#include "spawn/child.h"
#include "spawn/sealed_image.h"

namespace tsubo::binding {

namespace {

// Returns false if the text is not an address.
bool parse_address(const std::string& text, uint8_t* to) {
  in_addr four;
  if (inet_pton(AF_INET, text.c_str(), &four) == 1) {
    memset(to, 0, 10);
    memset(to + 10, 0xff, 2);
    memcpy(to + 12, &four, sizeof four);
    return true;
  }
  return inet_pton(AF_INET6, text.c_str(), to) == 1;
}

std::string with_lengths(const std::vector<Value>& batches) {
  std::string out;
  for (const Value& batch : batches) {
    auto size = static_cast<uint32_t>(batch.size());
    out.append(reinterpret_cast<const char*>(&size), sizeof size);
    out.append(reinterpret_cast<const char*>(batch.data()), size);
  }
  return out;
}

// Starts the embedded keeper with this input, and with these descriptors under their numbers. It is not a child of the
// runtime, which may run for years and would have to reap it. Returns the call that failed.
SpawnFailure launch(const std::string& input, std::vector<int> keep) {
  UniqueFd image;
  if (SpawnFailure f = sealed_image(kKeeperImage, &image); f.syscall != nullptr) return f;
  UniqueFd memory(memfd_create("tsubo-keeper", MFD_CLOEXEC));
  if (!memory.open()) return failed("memfd_create");
  if (int error = write_to_end(memory.get(), input); error != 0) return failed("write", error);
  if (lseek(memory.get(), 0, SEEK_SET) < 0) return failed("lseek");
  char number[12];
  *std::to_chars(number, number + sizeof number - 1, memory.get()).ptr = '\0';
  keep.push_back(memory.get());
  // Both processes run on the memory of the runtime until the exec: copying its page tables would take longer than
  // all the rest, and each page that the runtime writes later would be copied.
  alignas(16) char stacks[2][8192];
  clone_args first = {}, second = {};
  first.flags = second.flags = CLONE_VM | CLONE_VFORK;
  first.stack = reinterpret_cast<uint64_t>(stacks[0]);
  second.stack = reinterpret_cast<uint64_t>(stacks[1]);
  first.stack_size = second.stack_size = sizeof stacks[0];
  second.exit_signal = SIGCHLD;
  Child child = {};
  child.again = &second;
  child.image = image.get();
  child.keep = keep.data();
  child.keep_count = keep.size();
  child.argv[0] = "tsubo: [keeper]";
  child.argv[1] = number;
  // A handler of the runtime must not run in them.
  uint64_t all = ~0ull, before = 0;
  if (long r = sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&all), sys::arg(&before), 8); r < 0)
    return failed("rt_sigprocmask", static_cast<int>(-r));
  long pid = clone_on_stack(&first, &child);
  // This cannot fail: the same call has just succeeded.
  sys::unchecked(sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&before), 0, 8));
  if (pid < 0) return failed("clone3", static_cast<int>(-pid));
  // This is the first process, which exits after it has cloned the keeper. It has no exit signal: only a wait with
  // __WALL reaps it.
  siginfo_t ended;
  sys::unchecked(
      sys::uninterrupted([&] { return sys::call(__NR_waitid, P_PID, pid, sys::arg(&ended), WEXITED | __WALL, 0); }));
  return child.syscall == nullptr ? SpawnFailure{} : failed(child.syscall, child.error);
}

// Reads the keeper's status from the pipe until the keeper closes it, at most `size` bytes. Returns -1 on failure.
ssize_t read_status(int fd, char* to, size_t size) {
  size_t filled = 0;
  while (filled < size) {
    ssize_t n = ::read(fd, to + filled, size - filled);
    if (n < 0 && call_again()) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    filled += static_cast<size_t>(n);
  }
  return static_cast<ssize_t>(filled);
}

Outcome failure_of(const keeper::Status& status) {
  // An outcome keeps a pointer to the name.
  static char syscall[sizeof status.syscall];
  memcpy(syscall, status.syscall, sizeof syscall);
  return refused(syscall, status.error);
}

}  // namespace

namespace function {

Outcome startKeeper(const Arguments& a) {
  const Value& r = a[0];
  std::vector<keeper::Listener> listeners;
  for (const Value& one : r.field("listeners").items()) {
    keeper::Listener listener = {};
    listener.fd = static_cast<int32_t>(one.field("fd").number());
    listener.datagram = one.field("protocol").text() == "udp";
    listener.port = static_cast<uint16_t>(one.field("port").number());
    if (!parse_address(one.field("address").text(), listener.address))
      return refused("inet_pton", EINVAL, one.field("address").text());
    listeners.push_back(listener);
  }
  std::sort(listeners.begin(), listeners.end(), [](const auto& x, const auto& y) { return x.fd < y.fd; });
  const std::vector<Value>& restore = r.field("restore").items();
  const std::vector<Value>& end = r.field("end").items();
  std::string batches = with_lengths(restore) + with_lengths(end);
  const Value& program = r.field("program");
  UniqueFd output;
  if (!program.is_undefined()) {
    batches += program.field("pidFile").text() + '\0';
    for (const Value& word : program.field("arguments").items()) batches += word.text() + '\0';
    output.reset(memfd_create("tsubo-program", MFD_CLOEXEC));
    if (!output.open()) return refused("memfd_create", errno);
  }
  if (listeners.size() > keeper::kMostListeners || batches.size() > keeper::kMostBytes)
    return refused("execveat", E2BIG);

  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) < 0) return refused("pipe2", errno);
  UniqueFd read_end(pipe[0]), write_end(pipe[1]);

  keeper::Request request = {};
  request.magic = keeper::kMagic;
  request.init = static_cast<int32_t>(r.field("pidfd").number());
  request.status = write_end.get();
  request.listeners = static_cast<uint32_t>(listeners.size());
  request.restore = static_cast<uint32_t>(restore.size());
  request.end = static_cast<uint32_t>(end.size());
  request.bytes = static_cast<uint32_t>(batches.size());
  request.output = output.open() ? output.get() : -1;
  const Value& removed = r.field("removed");
  request.removed = removed.is_undefined() ? -1 : static_cast<int32_t>(removed.number());
  if (output.open()) request.strings = static_cast<uint32_t>(program.field("arguments").items().size() + 1);
  std::string all(reinterpret_cast<const char*>(&request), sizeof request);
  all.append(reinterpret_cast<const char*>(listeners.data()), listeners.size() * sizeof(keeper::Listener));
  all += batches;

  std::vector<int> keep = {request.init, request.status};
  if (output.open()) keep.push_back(output.get());
  if (request.removed >= 0) keep.push_back(request.removed);
  for (const keeper::Listener& one : listeners) keep.push_back(one.fd);
  if (SpawnFailure f = launch(all, keep); f.syscall != nullptr) return refused(f.syscall, f.error);
  // Only the keeper's copy stays open: end of file means that it has ended.
  write_end.reset();
  keeper::Status status = {};
  const ssize_t n = read_status(read_end.get(), reinterpret_cast<char*>(&status), sizeof status);
  if (n < 0) return refused("read", errno);
  if (n != sizeof status) return refused("execveat", ECHILD);
  if (status.error != 0) return failure_of(status);
  if (status.ended != 0) {
    char text[4096];
    ssize_t size = pread(output.get(), text, sizeof text, 0);
    return Value::record({{"pid", Value::number(0)},
                          {"output", Value::text(std::string(text, size < 0 ? 0 : static_cast<size_t>(size)))}});
  }
  return Value::record({{"pid", Value::number(status.pid)}});
}

// Converts an interval to at least one millisecond and at most a day: with zero the keeper would use a processor fully.
static uint32_t milliseconds(const Value& value) {
  constexpr int64_t kMost = int64_t{24} * 3600 * 1000;
  return static_cast<uint32_t>(std::clamp<int64_t>(value.number(), 1, kMost));
}

Outcome startContainerKeeper(const Arguments& a) {
  const Value& r = a[0];
  keeper::ContainerRequest request = {};
  std::string texts;
  auto add = [&texts](const std::string& text) {
    texts += text;
    texts += '\0';
  };
  for (const Value& word : r.field("command").items()) add(word.text()), request.words++;
  for (char** variable = environ; *variable != nullptr; variable++) add(*variable), request.environment++;
  for (const Value& word : r.field("atEnd").items()) add(word.text()), request.end_words++;
  const Value& check = r.field("check");
  if (!check.is_undefined()) {
    for (const Value& word : check.field("command").items()) add(word.text()), request.check_words++;
    request.check_first = milliseconds(check.field("firstMs"));
    request.check_interval = milliseconds(check.field("intervalMs"));
    request.check_start_interval = milliseconds(check.field("startIntervalMs"));
  }
  if (request.words == 0) return refused("execve", EINVAL);
  if (texts.size() > keeper::kMostBytes) return refused("execve", E2BIG);
  const std::string& path = r.field("directory").text();
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.open()) return refused("open", errno, path);
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) < 0) return refused("pipe2", errno);
  UniqueFd read_end(pipe[0]), write_end(pipe[1]);
  request.magic = keeper::kContainerRequestMagic;
  request.status = write_end.get();
  request.directory = directory.get();
  request.flags = (r.field("terminal").truth() ? keeper::kTerminal : 0u) |
                  (r.field("openInput").truth() ? keeper::kOpenInput : 0u) |
                  (r.field("endsIfMarked").truth() ? keeper::kEndsIfMarked : 0u);
  request.log_bytes = static_cast<uint64_t>(r.field("logBytes").number());
  request.log_files = static_cast<uint32_t>(r.field("logFiles").number());
  request.bytes = static_cast<uint32_t>(texts.size());
  const std::string all = std::string(reinterpret_cast<const char*>(&request), sizeof request) + texts;
  if (SpawnFailure f = launch(all, {request.status, request.directory}); f.syscall != nullptr) {
    return refused(f.syscall, f.error);
  }
  write_end.reset();
  constexpr size_t kMostAnswer = 64 << 10;
  std::string answer(kMostAnswer, '\0');
  const ssize_t n = read_status(read_end.get(), answer.data(), answer.size());
  if (n < 0) return refused("read", errno);
  const auto size = static_cast<size_t>(n);
  keeper::CreateStatus status = {};
  memcpy(&status, answer.data(), std::min(size, sizeof status));
  if (size >= sizeof status.keeper && status.keeper.error != 0) return failure_of(status.keeper);
  if (size < sizeof status) return refused("execveat", ECHILD);
  return Value::record({{"pid", Value::number(status.keeper.pid)},
                        {"init", Value::number(status.init)},
                        {"status", Value::number(status.status)},
                        {"text", Value::text(answer.substr(sizeof status, size - sizeof status))}});
}

}  // namespace function

}  // namespace tsubo::binding
