// SPDX-License-Identifier: Apache-2.0
//
// Contents of files, and descriptors.
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "binding/interrupt.h"
#include "binding/path.h"
#include "binding/table.h"
#include "binding/write_to_end.h"
#include "core/fd.h"

namespace tsubo::binding {

namespace {

int descriptor(const Value& v) { return static_cast<int>(v.number()); }

// The raw call, because musl's open(3) sets close-on-exec with an additional call, for very old kernels.
int open_retrying(const char* path, int flags, mode_t mode) {
  int fd;
  do fd = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode));
  while (fd < 0 && call_again());
  return fd;
}

// True if root or the runtime's own user owns the file, and no other user can write to it.
bool is_trusted(const struct stat& st) {
  constexpr mode_t kOthers = S_IWGRP | S_IWOTH;
  return (st.st_uid == 0 || st.st_uid == getauxval(AT_EUID)) && (st.st_mode & kOthers) == 0;
}

enum class From { any_owner, trusted };
// A pipe without a writer would block its reader without end: only a caller that expects one waits for it.
enum class Pipes { wait, refuse };

Outcome read_to_end(int fd, const std::string& path, size_t limit, From from = From::any_owner,
                    Pipes pipes = Pipes::wait) {
  std::string text;
  size_t filled = 0;
  struct stat st;
  const bool has_status = fstat(fd, &st) == 0;
  if (from == From::trusted && (!has_status || !is_trusted(st)))
    return refused("fstat", has_status ? EPERM : errno, path);
  if (pipes == Pipes::refuse && has_status && S_ISFIFO(st.st_mode)) return refused("open", ENXIO, path);
  const size_t expected = has_status && st.st_size > 0 ? static_cast<size_t>(st.st_size) : 0;
  text.resize(expected > 0 && expected < limit ? expected + 1 : 4096);
  while (true) {
    if (filled == text.size()) text.resize(text.size() * 2);
    ssize_t n = read(fd, text.data() + filled, text.size() - filled);
    if (n < 0 && call_again()) continue;
    if (n < 0) return refused("read", errno, path);
    if (n == 0) break;
    filled += static_cast<size_t>(n);
    if (filled > limit) return refused("read", EFBIG, path);
    // The buffer had room for more bytes, therefore this is the end of the file. Files of /proc report no size.
    if (filled == expected && S_ISREG(st.st_mode)) break;
  }
  text.resize(filled);
  return Value::text(std::move(text));
}

constexpr size_t kDefaultLimit = 16u << 20;

Outcome read_file(const std::string& path, size_t limit, From from, Pipes pipes) {
  if (has_nul(path)) return refused("open", EINVAL, path);
  UniqueFd fd(open_retrying(path.c_str(), pipes == Pipes::wait ? O_RDONLY : O_RDONLY | O_NONBLOCK, 0));
  if (fd.get() < 0) return refused("open", errno, path);
  return read_to_end(fd.get(), path, limit, from, pipes);
}

}  // namespace

namespace function {

Outcome readText(const Arguments& a) {
  size_t limit = a.size() > 1 && !a[1].is_undefined() ? static_cast<size_t>(a[1].number()) : kDefaultLimit;
  return read_file(a[0].text(), limit, From::any_owner, Pipes::wait);
}

Outcome readTextIfThere(const Arguments& a) {
  bool trusted = a.size() > 1 && !a[1].is_undefined() && a[1].truth();
  Outcome text = read_file(a[0].text(), kDefaultLimit, trusted ? From::trusted : From::any_owner, Pipes::refuse);
  // ESRCH: a file in /proc whose process has exited meanwhile.
  const bool missing = text.error == ENOENT || text.error == ENOTDIR || text.error == ESRCH;
  return text.syscall != nullptr && missing ? Outcome() : text;
}

Outcome readStart(const Arguments& a) {
  const std::string& path = a[0].text();
  if (has_nul(path)) return refused("open", EINVAL, path);
  // O_NONBLOCK: a FIFO without a writer must not block the caller.
  UniqueFd fd(open_retrying(path.c_str(), O_RDONLY | O_NONBLOCK, 0));
  if (fd.get() < 0) return refused("open", errno, path);
  std::string bytes(static_cast<size_t>(a[1].number()), '\0');
  ssize_t n;
  do n = read(fd.get(), bytes.data(), bytes.size());
  while (n < 0 && errno == EINTR);
  if (n < 0) return refused("read", errno, path);
  bytes.resize(static_cast<size_t>(n));
  return Value::owned_bytes(std::move(bytes));
}

Outcome writeText(const Arguments& a) {
  const std::string& path = a[0].text();
  if (has_nul(path)) return refused("open", EINVAL, path);
  UniqueFd fd(
      open_retrying(path.c_str(), O_WRONLY | static_cast<int>(a[2].number()), static_cast<mode_t>(a[3].number())));
  if (fd.get() < 0) return refused("open", errno, path);
  // Kernel files accept a value whole or not at all, therefore it is written with one call. After a short write, on a
  // full disk or at a limit, the write of the rest returns the error.
  const int error = write_to_end(fd.get(), a[1].text());
  return error == 0 ? Outcome() : refused("write", error, path);
}

Outcome changeLines(const Arguments& a) {
  const Value& request = a[0];
  const std::string& path = request.field("path").text();
  const std::string& end = request.field("end").text();
  const std::vector<Value>& starts = request.field("starts").items();
  const std::string& added = request.field("added").text();
  if (has_nul(path)) return refused("open", EINVAL, path);
  UniqueFd fd(open_retrying(path.c_str(), O_RDWR, 0));
  if (fd.get() < 0) return refused("open", errno, path);
  struct stat st;
  if (fstat(fd.get(), &st) < 0) return refused("fstat", errno, path);
  const auto size = static_cast<size_t>(st.st_size);
  if (size > static_cast<size_t>(request.field("limit").number())) return refused("read", EFBIG, path);
  // Without removed lines, only the last byte matters.
  const size_t from = starts.empty() && size > 0 ? size - 1 : 0;
  std::string before(size - from, '\0');
  const ssize_t n = pread(fd.get(), before.data(), before.size(), static_cast<off_t>(from));
  if (n < 0) return refused("pread64", errno, path);
  before.resize(static_cast<size_t>(n));
  std::string after;
  for (size_t at = 0, next; at < before.size(); at = next) {
    const size_t stop = std::min(before.find('\n', at), before.size());
    next = std::min(stop + 1, before.size());
    const bool removed = stop - at >= end.size() && before.compare(stop - end.size(), end.size(), end) == 0 &&
                         std::any_of(starts.begin(), starts.end(), [&](const Value& start) {
                           return before.compare(at, start.text().size(), start.text()) == 0;
                         });
    if (!removed) after.append(before, at, next - at);
  }
  if (!added.empty() && !after.empty() && after.back() != '\n') after += '\n';
  after += added;
  size_t same = 0;
  while (same < before.size() && same < after.size() && before[same] == after[same]) same++;
  if (same < after.size()) {
    if (lseek(fd.get(), static_cast<off_t>(from + same), SEEK_SET) < 0) return refused("lseek", errno, path);
    if (int error = write_to_end(fd.get(), after.substr(same)); error != 0) return refused("write", error, path);
  }
  // Last: a reader never finds the file empty.
  if (after.size() < before.size() && ftruncate(fd.get(), static_cast<off_t>(from + after.size())) < 0) {
    return refused("ftruncate", errno, path);
  }
  return {};
}

Outcome replaceText(const Arguments& a) {
  const std::string& path = a[0].text();
  if (has_nul(path)) return refused("open", EINVAL, path);
  size_t slash = path.rfind('/');
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  std::string hidden = (slash == std::string::npos ? "" : path.substr(0, slash + 1)) + "." + name;
  auto mode = static_cast<mode_t>(a[2].number());
  int fd = open_retrying(hidden.c_str(), O_WRONLY | O_CREAT | O_EXCL, mode);
  if (fd < 0 && errno == EEXIST) {
    // A killed writer left the file, and no reader has opened it.
    ::unlink(hidden.c_str());
    fd = open_retrying(hidden.c_str(), O_WRONLY | O_CREAT | O_EXCL, mode);
  }
  if (fd < 0) return refused("open", errno, hidden);
  int error = write_to_end(fd, a[1].text());
  if (::close(fd) < 0 && error == 0) error = errno;
  const char* syscall = "write";
  if (error == 0 && ::rename(hidden.c_str(), path.c_str()) < 0) {
    error = errno;
    syscall = "rename";
  }
  if (error == 0) return {};
  ::unlink(hidden.c_str());
  return refused(syscall, error, path);
}

Outcome makeFullFifo(const Arguments& a) {
  const std::string& path = a[0].text();
  if (has_nul(path)) return refused("mkfifo", EINVAL, path);
  if (::mkfifo(path.c_str(), static_cast<mode_t>(a[1].number())) < 0) return refused("mkfifo", errno, path);
  UniqueFd fifo(open_retrying(path.c_str(), O_RDWR, 0));
  if (!fifo.open()) return refused("open", errno, path);
  // The kernel rounds this up to the minimum, one page.
  const int room = fcntl(fifo.get(), F_SETPIPE_SZ, 1);
  if (room < 0) return refused("fcntl", errno, path);
  if (int error = write_to_end(fifo.get(), std::string(static_cast<size_t>(room), '\0')); error != 0)
    return refused("write", error, path);
  return Value::number(fifo.release());
}

Outcome open(const Arguments& a) {
  const std::string& path = a[0].text();
  if (has_nul(path)) return refused("open", EINVAL, path);
  int fd = open_retrying(path.c_str(), static_cast<int>(a[1].number()), static_cast<mode_t>(a[2].number()));
  if (fd < 0) return refused("open", errno, path);
  return Value::number(fd);
}

Outcome openInRoot(const Arguments& a) {
  const std::string& path = a[1].text();
  if (has_nul(path)) return refused("openat2", EINVAL, path);
  const auto flags = static_cast<uint64_t>(a[2].number());
  open_how how = {};
  how.flags = flags | O_CLOEXEC;
  // The kernel refuses a mode for a file that is not created.
  how.mode = (flags & O_CREAT) != 0 ? static_cast<uint64_t>(a[3].number()) : 0;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  long fd;
  do fd = syscall(SYS_openat2, descriptor(a[0]), path.c_str(), &how, sizeof how);
  while (fd < 0 && (errno == EAGAIN || call_again()));
  return fd < 0 ? refused("openat2", errno, path) : Outcome(Value::number(fd));
}

Outcome pipe(const Arguments&) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return refused("pipe2", errno);
  return Value::list({Value::number(ends[0]), Value::number(ends[1])});
}

Outcome readAll(const Arguments& a) { return read_to_end(descriptor(a[0]), "", kDefaultLimit); }

Outcome write(const Arguments& a) {
  int error = write_to_end(descriptor(a[0]), a[1].text());
  return error == 0 ? Outcome() : refused("write", error);
}

// The kernel closes the descriptor even if it returns an error, and the command has done all its work by then. Only
// EBADF is reported, because it is a bug of the caller.
Outcome close(const Arguments& a) {
  if (::close(descriptor(a[0])) < 0 && errno == EBADF) return refused("close", errno);
  return {};
}

Outcome lock(const Arguments& a) {
  int fd = descriptor(a[0]);
  int64_t left_us = a[1].number() * 1000;
  long pause_us = 200;
  while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
    if (call_again()) continue;
    if (errno != EWOULDBLOCK) return refused("flock", errno);
    if (left_us <= 0) return Value::boolean(false);
    timespec pause = {0, pause_us * 1000};
    // If a signal interrupts the pause, the next attempt only comes earlier.
    if (nanosleep(&pause, nullptr) < 0 && interrupted()) return refused("flock", EINTR);
    left_us -= pause_us;
    pause_us = std::min(pause_us * 2, 10000L);
  }
  struct stat st;
  if (fstat(fd, &st) < 0) return refused("fstat", errno);
  // The previous holder of the lock may have removed the directory.
  if (st.st_nlink == 0) return refused("flock", ENOENT);
  return Value::boolean(true);
}

Outcome isTerminal(const Arguments& a) { return Value::boolean(isatty(descriptor(a[0])) == 1); }

Outcome terminalWidth(const Arguments& a) {
  struct winsize size = {};
  if (ioctl(descriptor(a[0]), TIOCGWINSZ, &size) < 0 || size.ws_col == 0) return Value();
  return Value::number(size.ws_col);
}

Outcome isOpen(const Arguments& a) { return Value::boolean(fcntl(descriptor(a[0]), F_GETFD) >= 0); }

Outcome namespaceKind(const Arguments& a) {
  int kind = ioctl(descriptor(a[0]), NS_GET_NSTYPE);
  if (kind >= 0) return Value::number(kind);
  if (errno == ENOTTY) return Value();
  return refused("ioctl", errno);
}

}  // namespace function

}  // namespace tsubo::binding
