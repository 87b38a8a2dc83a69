// SPDX-License-Identifier: Apache-2.0
//
// Prints the log of a kept container: the rotated files and the current one, and new records until the container ends.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "binding/interrupt.h"
#include "binding/table.h"
#include "binding/write_to_end.h"
#include "core/fd.h"

namespace tsubo::binding {

namespace {

// `TIME STREAM TAG TEXT`: the time has a fixed length, and so have the names of the program's streams.
constexpr size_t kTime = 30, kStream = kTime + 1, kTag = kStream + 7, kText = kTag + 2;
constexpr size_t kBlock = 64 << 10;
// More files than the keeper keeps.
constexpr int kMostFiles = 1001;

struct LogFile {
  UniqueFd fd;
  ino_t inode = 0;
  off_t size = 0;
};

// One of the two streams of the program.
struct Stream {
  bool wanted = false;
  // The line has begun: its next record gets no time.
  bool in_line = false;
};

class LogPrinter {
 public:
  explicit LogPrinter(const Value& request);
  Outcome run();

 private:
  bool open_file(int number, LogFile* file);
  std::vector<LogFile> open_all();
  size_t find_tail(const std::vector<LogFile>& files);
  void print(LogFile& file);
  void record(const char* at, size_t size);
  void add(int target, const char* data, size_t size);
  void flush();
  void print_rotated();
  bool await_more(int watch);

  UniqueFd directory_;
  const std::string path_;
  const int64_t tail_;
  const std::string since_, until_;
  const int64_t until_ms_;
  const bool times_;
  // The connection to the keeper, or -1: the log does not grow.
  const int attachment_;
  Stream streams_[2];
  LogFile current_;
  std::string partial_;
  std::string pending_;
  int target_ = STDOUT_FILENO;
  int error_ = 0;
  bool past_end_ = false;
};

LogPrinter::LogPrinter(const Value& r)
    : directory_(::open(r.field("directory").text().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
      path_(r.field("directory").text()),
      tail_(r.field("tail").is_undefined() ? -1 : r.field("tail").number()),
      since_(r.field("since").text()),
      until_(r.field("until").text()),
      until_ms_(r.field("untilMs").is_undefined() ? -1 : r.field("untilMs").number()),
      times_(r.field("timestamps").truth()),
      attachment_(r.field("attachment").is_undefined() ? -1 : static_cast<int>(r.field("attachment").number())) {
  streams_[0].wanted = r.field("stdout").truth();
  streams_[1].wanted = r.field("stderr").truth();
}

bool LogPrinter::open_file(int number, LogFile* file) {
  const std::string name = number == 0 ? "log" : "log." + std::to_string(number);
  file->fd.reset(::openat(directory_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat at;
  if (!file->fd.open() || fstat(file->fd.get(), &at) < 0) return false;
  file->inode = at.st_ino;
  file->size = at.st_size;
  return true;
}

// Opens the files of the log, the oldest first. A rotation meanwhile moves a file to the next number: it is opened
// once.
std::vector<LogFile> LogPrinter::open_all() {
  std::vector<LogFile> newest_first;
  for (int number = 0; number < kMostFiles; number++) {
    LogFile file;
    if (!open_file(number, &file)) break;
    if (!newest_first.empty() && newest_first.back().inode == file.inode) continue;
    newest_first.push_back(std::move(file));
  }
  std::vector<LogFile> files;
  while (!newest_first.empty()) {
    files.push_back(std::move(newest_first.back()));
    newest_first.pop_back();
  }
  return files;
}

// Returns the index of the file in which the last lines begin, and sets its offset. A line ends with a record F; the
// last line may still be open.
size_t LogPrinter::find_tail(const std::vector<LogFile>& files) {
  int64_t lines = 0;
  bool last = true;
  std::string block;
  for (size_t i = files.size(); i-- > 0;) {
    const LogFile& file = files[i];
    // Everything from this record on is wanted.
    off_t wanted = file.size;
    // Returns true if the record at `start` ends a line that is not wanted any more.
    auto enough = [&](off_t start) {
      char head[kTag + 1] = {};
      if (pread(file.fd.get(), head, sizeof head, start) < 0) error_ = errno;
      if (head[kTag] == 'F' || last) {
        if (lines == tail_) return true;
        lines++;
      }
      last = false;
      wanted = start;
      return false;
    };
    bool found = false;
    for (off_t end = file.size; end > 0 && !found;) {
      const off_t begin = end > static_cast<off_t>(kBlock) ? end - static_cast<off_t>(kBlock) : 0;
      block.resize(static_cast<size_t>(end - begin));
      if (pread(file.fd.get(), block.data(), block.size(), begin) != static_cast<ssize_t>(block.size())) return 0;
      for (size_t at = block.size(); at-- > 0 && !found;) {
        const off_t next = begin + static_cast<off_t>(at) + 1;
        found = block[at] == '\n' && next < file.size && enough(next);
      }
      end = begin;
    }
    if (!found && file.size > 0) found = enough(0);
    if (!found) continue;
    if (lseek(file.fd.get(), wanted, SEEK_SET) < 0) error_ = errno;
    return i;
  }
  return 0;
}

void LogPrinter::print(LogFile& file) {
  std::string block(kBlock, '\0');
  while (error_ == 0 && !past_end_) {
    const ssize_t n = ::read(file.fd.get(), block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) error_ = errno;
    if (n <= 0) break;
    const char* at = block.data();
    for (size_t left = static_cast<size_t>(n); left > 0;) {
      const char* end = static_cast<const char*>(memchr(at, '\n', left));
      const size_t size = end == nullptr ? left : static_cast<size_t>(end - at);
      if (end == nullptr || !partial_.empty()) partial_.append(at, size);
      if (end == nullptr) break;
      if (partial_.empty()) {
        record(at, size);
      } else {
        record(partial_.data(), partial_.size());
        partial_.clear();
      }
      at += size + 1;
      left -= size + 1;
    }
  }
}

void LogPrinter::record(const char* at, size_t size) {
  if (size < kStream + 6 || at[kTime] != ' ' || past_end_) return;
  const std::string time(at, kTime);
  if (!until_.empty() && time > until_) {
    past_end_ = true;
    return;
  }
  if (!since_.empty() && time < since_) return;
  // The keeper's own stream records a gap.
  constexpr std::string_view kGap = "tsubo F ";
  const std::string_view after_time(at + kStream, size - kStream);
  if (after_time.substr(0, kGap.size()) == kGap) {
    const std::string text = "tsubo: the log has a gap: " + std::string(after_time.substr(kGap.size())) + "\n";
    return add(STDERR_FILENO, text.data(), text.size());
  }
  const bool error = memcmp(at + kStream, "stderr", 6) == 0;
  Stream& stream = streams_[error ? 1 : 0];
  if (!stream.wanted || size < kText) return;
  const int target = error ? STDERR_FILENO : STDOUT_FILENO;
  if (times_ && !stream.in_line) add(target, (time + " ").data(), kTime + 1);
  add(target, at + kText, size - kText);
  stream.in_line = at[kTag] != 'F';
  if (!stream.in_line) add(target, "\n", 1);
}

// Writes the pending text before the stream changes, because both streams may go to the same file.
void LogPrinter::add(int target, const char* data, size_t size) {
  if (target != target_ || pending_.size() + size > kBlock) flush();
  target_ = target;
  pending_.append(data, size);
}

void LogPrinter::flush() {
  if (error_ == 0) error_ = write_to_end(target_, pending_);
  pending_.clear();
}

// Prints the rest of the current file, which was rotated and does not grow any more, and the newer files.
void LogPrinter::print_rotated() {
  print(current_);
  partial_.clear();
  std::vector<LogFile> files = open_all();
  size_t next = 0;
  for (size_t i = 0; i < files.size(); i++) {
    if (files[i].inode == current_.inode) next = i + 1;
  }
  for (; next < files.size(); next++) {
    print(files[next]);
    partial_.clear();
  }
  if (files.empty()) return;
  current_.fd.reset(files.back().fd.release());
  current_.inode = files.back().inode;
}

// Returns false if the container or the keeper has ended, at the end of the requested time, or if the output has lost
// its reader.
bool LogPrinter::await_more(int watch) {
  // No requested event: poll reports only POLLERR of a pipe and POLLHUP of a socket or terminal whose other end is
  // closed.
  pollfd watched[] = {{watch, POLLIN, 0}, {attachment_, POLLIN, 0}, {STDOUT_FILENO, 0, 0}};
  int timeout = -1;
  if (until_ms_ >= 0) {
    timespec now = {};
    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t left = until_ms_ - (now.tv_sec * 1000 + now.tv_nsec / 1'000'000);
    timeout = static_cast<int>(std::clamp<int64_t>(left, 0, 3'600'000));
    if (left <= 0) return false;
  }
  const int n = poll(watched, 3, timeout);
  if (n < 0 && !call_again()) error_ = errno;
  if (n <= 0) return error_ == 0;
  if ((watched[2].revents & (POLLERR | POLLHUP)) != 0) error_ = EPIPE;
  alignas(inotify_event) char events[4096];
  while (::read(watch, events, sizeof events) > 0) {
  }
  // The only packet for this connection is the end.
  return watched[1].revents == 0;
}

Outcome LogPrinter::run() {
  if (!directory_.open()) return refused("open", errno, path_);
  UniqueFd watch;
  if (attachment_ >= 0) {
    watch.reset(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!watch.open()) return refused("inotify_init1", errno);
    // Before the first read: no change is missed.
    if (inotify_add_watch(watch.get(), path_.c_str(), IN_MODIFY | IN_MOVED_TO | IN_ONLYDIR) < 0) {
      return refused("inotify_add_watch", errno, path_);
    }
  }
  std::vector<LogFile> files = open_all();
  if (files.empty()) return refused("open", ENOENT, path_ + "/log");
  for (size_t i = tail_ < 0 ? 0 : find_tail(files); i < files.size(); i++) {
    partial_.clear();
    print(files[i]);
  }
  current_.fd.reset(files.back().fd.release());
  current_.inode = files.back().inode;
  flush();
  for (bool more = attachment_ >= 0; more && error_ == 0 && !past_end_;) {
    more = await_more(watch.get());
    print(current_);
    struct stat at;
    const bool rotated = fstatat(directory_.get(), "log", &at, AT_SYMLINK_NOFOLLOW) == 0 && at.st_ino != current_.inode;
    if (rotated) print_rotated();
    flush();
  }
  return error_ == 0 ? Outcome() : refused("write", error_);
}

}  // namespace

namespace function {

Outcome printLog(const Arguments& a) { return LogPrinter(a[0]).run(); }

}  // namespace function

}  // namespace tsubo::binding
