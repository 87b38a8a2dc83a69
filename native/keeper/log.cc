// SPDX-License-Identifier: Apache-2.0
#include "keeper/log.h"

#include <asm/fcntl.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/time.h>

#include "core/kernel.h"
#include "core/syscall.h"

namespace tsubo::keeper {

namespace {

// A longer line is divided into several records, because readers of this format allocate a buffer for one.
constexpr size_t kMostText = 16 << 10;
// Time, stream, tag, blanks and the end of the line.
constexpr size_t kMostHeader = 64;
constexpr size_t kMostPending = 32 << 10;
constexpr unsigned kLogMode = 0600;
constexpr uint32_t kMostFiles = 1000;

void add_padded(text::Buffer<32>& to, uint64_t value, unsigned digits) {
  uint64_t least = 1;
  for (unsigned i = 1; i < digits; i++) least *= 10;
  for (; least > 1 && value < least; least /= 10) to.add("0");
  to.add_number(value);
}

using Name = text::Buffer<24>;

// `log` is number 0.
void name_of(Name& name, uint32_t number) {
  name.clear();
  name.add("log");
  if (number > 0) name.add(".").add_number(number);
}

long rename_in(int directory, const char* from, const char* to) {
  return sys::call(__NR_renameat2, directory, sys::arg(from), directory, sys::arg(to), 0);
}

}  // namespace

void add_time(text::Buffer<32>& to) {
  __kernel_timespec now = {};
  // This cannot fail: the clock exists on every kernel.
  sys::unchecked(sys::call(__NR_clock_gettime, CLOCK_REALTIME, sys::arg(&now)));
  const auto seconds = static_cast<uint64_t>(now.tv_sec);
  // The calendar's cycle of 400 years begins on a 1 March: the leap day is then the last day of a year.
  constexpr uint64_t kDay = 86'400, kCycle = 146'097, kFromMarch0 = 719'468;
  const uint64_t days = seconds / kDay + kFromMarch0, of_day = seconds % kDay;
  const uint64_t cycle = days / kCycle, of_cycle = days % kCycle;
  const uint64_t year = (of_cycle - of_cycle / 1460 + of_cycle / 36'524 - of_cycle / 146'096) / 365;
  const uint64_t of_year = of_cycle - (365 * year + year / 4 - year / 100);
  const uint64_t from_march = (5 * of_year + 2) / 153;
  const uint64_t month = from_march < 10 ? from_march + 3 : from_march - 9;
  to.clear();
  add_padded(to, year + cycle * 400 + (month <= 2 ? 1 : 0), 4);
  to.add("-");
  add_padded(to, month, 2);
  to.add("-");
  add_padded(to, of_year - (153 * from_march + 2) / 5 + 1, 2);
  to.add("T");
  add_padded(to, of_day / 3600, 2);
  to.add(":");
  add_padded(to, of_day / 60 % 60, 2);
  to.add(":");
  add_padded(to, of_day % 60, 2);
  to.add(".");
  add_padded(to, static_cast<uint64_t>(now.tv_nsec), 9);
  to.add("Z");
}

long Log::open(int directory, uint64_t limit, uint32_t files) {
  directory_ = directory;
  limit_ = limit;
  files_ = files == 0 ? 1 : files > kMostFiles ? kMostFiles : files;
  long fd = sys::openat(directory, "log", O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, kLogMode);
  if (fd < 0) return fd;
  fd_ = static_cast<int>(fd);
  long size = sys::call(__NR_lseek, fd_, 0, SEEK_END);
  if (size < 0) return size;
  size_ = static_cast<uint64_t>(size);
  return 0;
}

void Log::begin_record(const char* stream, const char* tag) {
  pending_.add(time_.c_str(), time_.size()).add(" ").add(stream).add(tag);
}

void Log::add(const char* stream, const unsigned char* data, size_t size) {
  add_time(time_);
  const char* at = reinterpret_cast<const char*>(data);
  while (size > 0) {
    size_t text = 0;
    while (text < size && text < kMostText && at[text] != '\n') text++;
    const bool whole = text < size && at[text] == '\n';
    const size_t with_next = pending_.size() + text + kMostHeader;
    // A file ends with its last record below the limit.
    if (with_next > kMostPending || (limit_ > 0 && size_ + with_next > limit_)) flush();
    if (gap_ > 0 && pending_.size() == 0) report_gap();
    begin_record(stream, whole ? " F " : " P ");
    pending_.add(at, text).add("\n");
    const size_t taken = text + (whole ? 1 : 0);
    texts_ += taken;
    at += taken;
    size -= taken;
  }
  flush();
}

// Adds a record of the stream `tsubo` at the place of the missing text.
void Log::report_gap() {
  begin_record("tsubo", " F ");
  pending_.add("lost ").add_number(gap_).add(" bytes: errno ").add_number(static_cast<uint64_t>(error_)).add("\n");
}

void Log::flush() {
  const uint64_t size = pending_.size();
  if (size == 0) return;
  if (limit_ > 0 && size_ > 0 && size_ + size > limit_) rotate();
  size_t written = 0;
  long failure = 0;
  while (written < size && failure == 0) {
    long n = sys::write(fd_, pending_.c_str() + written, size - written);
    if (n > 0) {
      written += static_cast<size_t>(n);
    } else {
      failure = n == 0 ? EIO : -n;
    }
  }
  if (failure == 0) {
    size_ += size;
    gap_ = 0;
  } else {
    // A part of a record would make the next one unreadable. If this fails, readers skip that line.
    sys::unchecked(sys::call(__NR_ftruncate, fd_, static_cast<long>(size_)));
    if (error_ == 0) error_ = static_cast<int>(failure);
    lost_ += texts_;
    gap_ += texts_;
  }
  texts_ = 0;
  pending_.clear();
}

void Log::rotate() {
  // A reader that follows the log has the old file open: a new file replaces it, also if the log has one file only. If
  // the new file cannot be created, the old one continues.
  constexpr const char* kFresh = ".log";
  long fd = sys::openat(directory_, kFresh, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, kLogMode);
  if (fd < 0) return;
  Name from, to;
  for (uint32_t number = files_ - 1; number > 0; number--) {
    name_of(from, number - 1);
    name_of(to, number);
    // ENOENT: there are not yet so many files.
    sys::unchecked(rename_in(directory_, from.c_str(), to.c_str()));
  }
  if (rename_in(directory_, kFresh, "log") < 0) {
    sys::close(static_cast<int>(fd));
    return;
  }
  sys::close(fd_);
  fd_ = static_cast<int>(fd);
  size_ = 0;
}

}  // namespace tsubo::keeper
