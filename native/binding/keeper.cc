// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "binding/interrupt.h"
#include "binding/short_lived.h"
#include "binding/table.h"
#include "binding/write_to_end.h"
#include "core/fd.h"
#include "keeper/request.h"
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
  const std::string batches = with_lengths(restore) + with_lengths(end);
  if (listeners.size() > keeper::kMostListeners || batches.size() > keeper::kMostBytes)
    return refused("execveat", E2BIG);

  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) < 0) return refused("pipe2", errno);
  UniqueFd read_end(pipe[0]), write_end(pipe[1]), image, memory;
  if (SpawnFailure f = sealed_image(kKeeperImage, &image); f.syscall != nullptr) return refused(f.syscall, f.error);

  keeper::Request request = {};
  request.magic = keeper::kMagic;
  request.init = static_cast<int32_t>(r.field("pidfd").number());
  request.status = write_end.get();
  request.listeners = static_cast<uint32_t>(listeners.size());
  request.restore = static_cast<uint32_t>(restore.size());
  request.end = static_cast<uint32_t>(end.size());
  request.bytes = static_cast<uint32_t>(batches.size());
  std::string all(reinterpret_cast<const char*>(&request), sizeof request);
  all.append(reinterpret_cast<const char*>(listeners.data()), listeners.size() * sizeof(keeper::Listener));
  all += batches;
  memory.reset(memfd_create("tsubo-keeper", MFD_CLOEXEC));
  if (!memory.open()) return refused("memfd_create", errno);
  if (int error = write_to_end(memory.get(), all); error != 0) return refused("write", error);
  if (lseek(memory.get(), 0, SEEK_SET) < 0) return refused("lseek", errno);

  std::vector<int> keep = {request.init, request.status, memory.get()};
  for (const keeper::Listener& one : listeners) keep.push_back(one.fd);
  char number[12];
  *std::to_chars(number, number + sizeof number - 1, memory.get()).ptr = '\0';
  const char* argv[] = {"tsubo: [keeper]", number, nullptr};
  const char* envp[] = {nullptr};
  long pid = in_child(0, [&] {
    keeper::Status failure = {};
    for (int fd : keep) {
      long result = sys::fcntl(fd, F_SETFD, 0);
      if (result < 0) failure = {0, static_cast<int32_t>(-result), "fcntl"};
    }
    if (failure.error == 0) {
      long result = sys::call(__NR_execveat, image.get(), sys::arg(""), sys::arg(argv), sys::arg(envp), AT_EMPTY_PATH);
      failure = {0, static_cast<int32_t>(-result), "execveat"};
    }
    sys::unchecked(sys::write(request.status, &failure, sizeof failure));
  });
  if (pid < 0) return refused("clone3", static_cast<int>(-pid));
  await_end(pid, Zombie::reap);
  // Only the keeper's copy stays open: end of file means that it has ended.
  write_end.reset();
  keeper::Status status = {};
  ssize_t n;
  do n = ::read(read_end.get(), &status, sizeof status);
  while (n < 0 && call_again());
  if (n < 0) return refused("read", errno);
  if (n != sizeof status) return refused("execveat", ECHILD);
  if (status.error != 0) {
    // An outcome keeps a pointer to the name.
    static char syscall[sizeof status.syscall];
    memcpy(syscall, status.syscall, sizeof syscall);
    return refused(syscall, status.error);
  }
  return Value::record({{"pid", Value::number(status.pid)}});
}

}  // namespace function

}  // namespace tsubo::binding
