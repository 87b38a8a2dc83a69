// SPDX-License-Identifier: Apache-2.0
//
// The log of a container: `TIME STREAM TAG TEXT` for each line, the format of Kubernetes' container runtimes. TAG is F
// at the end of a line and P if the line continues in the next record of the same stream.
#pragma once

#include "core/text.h"

namespace tsubo::keeper {

class Log {
 public:
  // Opens `log` in the directory for appending. Returns 0 or a negative errno. Before it exceeds `limit` bytes (0: no
  // limit) it becomes `log.1`, and so on; at most `files` files exist.
  [[nodiscard]] long open(int directory, uint64_t limit, uint32_t files);
  // Writes the bytes of a stream. If the write fails, they are lost: the program must not wait for a disk.
  void add(const char* stream, const unsigned char* data, size_t size);
  // Bytes of the program that are not in the log, and the errno of the first failed write.
  uint64_t lost() const { return lost_; }
  int error() const { return error_; }

 private:
  void begin_record(const char* stream, const char* tag);
  void report_gap();
  void flush();
  void rotate();

  int directory_ = -1, fd_ = -1;
  uint64_t limit_ = 0, size_ = 0;
  uint32_t files_ = 1;
  uint64_t lost_ = 0, gap_ = 0, texts_ = 0;
  int error_ = 0;
  text::Buffer<32> time_;
  text::Buffer<(32 << 10) + 1> pending_;
};

// RFC 3339 in UTC with nine digits of a second.
void add_time(text::Buffer<32>& to);

}  // namespace tsubo::keeper
