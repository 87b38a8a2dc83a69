// SPDX-License-Identifier: Apache-2.0
//
// Reads archives in the formats ustar, pax and GNU tar, from a stream that cannot seek. The archive is hostile: every
// number and length of it is checked.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unpack/sha256.h"

namespace tsubo::unpack {

// The reason why an archive cannot be unpacked: the refused system call, or the fault of the archive.
struct Problem {
  const char* syscall = nullptr;
  int error = 0;
  // Empty for a system call.
  std::string reason;
  // The name of the entry, as written in the archive; empty before the first.
  std::string entry;
  // Offset of the entry's header in the uncompressed archive.
  uint64_t offset = 0;
};

enum class Type { file, hard_link, symlink, char_device, block_device, directory, fifo };

struct Time {
  int64_t seconds = 0;
  uint32_t nanoseconds = 0;
};

// A part of a sparse file that is in the archive.
struct Part {
  uint64_t offset;
  uint64_t size;
};

struct Entry {
  Type type = Type::file;
  std::string name;
  // The target of a link.
  std::string link;
  // Only the bits below 010000.
  uint32_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  // Bytes in the archive.
  uint64_t stored = 0;
  // Bytes of the file, with the holes.
  uint64_t size = 0;
  Time modified;
  Time accessed;
  uint32_t major = 0;
  uint32_t minor = 0;
  std::vector<std::pair<std::string, std::string>> xattrs;
  bool sparse = false;
  // Ascending, without overlaps, inside the size; together as long as `stored`.
  std::vector<Part> parts;
};

// The bytes of the archive in order, with their digest.
class Input {
 public:
  // Returns the number of bytes, 0 at the end, or a negative errno.
  using Read = long (*)(void* context, void* to, size_t size);

  // The digest costs a fifth of the time in which small files are made: `hashes` is false where it is known already.
  // After `limit` bytes the input ends with the error EFBIG: a small compressed archive may be endless.
  Input(Read read, void* context, bool hashes = true, uint64_t limit = UINT64_MAX);

  // Returns the next bytes, at least one and at most `most`, and consumes them. Empty at the end or after an error.
  std::string_view some(size_t most);
  // Copies `size` bytes, or fewer at the end and after an error. Returns their number.
  size_t exactly(void* to, size_t size);
  // Reads the rest, for the digest.
  void drain();

  // The first failed read; 0 if none did.
  int error() const { return error_; }
  uint64_t offset() const { return offset_; }
  // Empty without `hashes`.
  std::string digest() { return hashes_ ? hash_.hex() : ""; }

 private:
  bool fill();

  Read read_;
  void* context_;
  bool hashes_;
  uint64_t limit_;
  std::vector<char> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  uint64_t offset_ = 0;
  // Bytes that were read, also those that are still in the buffer.
  uint64_t total_ = 0;
  int error_ = 0;
  Sha256 hash_;
};

class Reader {
 public:
  explicit Reader(Input& input) : input_(input) {}

  enum class Next { entry, end, failed };
  // Skips the rest of the previous entry, and reads the next one.
  Next next(Entry& entry);
  // Returns the next stored bytes of the entry. Empty after the last; `problem` has a reason if the archive ended
  // before.
  std::string_view data();

  const Problem& problem() const { return problem_; }
  bool failed() const { return problem_.syscall != nullptr || !problem_.reason.empty(); }

 private:
  struct Extended;

  bool fail(std::string reason);
  bool skip();
  bool read_text(uint64_t size, std::string& text);
  bool read_records(const std::string& text, Extended& extended);
  bool read_header(const uint8_t* header, Entry& entry, char& kind);
  bool apply(const Extended& extended, Entry& entry, char kind);
  bool read_old_sparse(const uint8_t* header, Entry& entry);
  bool read_sparse_map(Entry& entry);
  bool check_parts(Entry& entry);

  Input& input_;
  Problem problem_;
  // Stored bytes of the entry that are still to read, and the padding behind them.
  uint64_t left_ = 0;
  uint64_t padding_ = 0;
  bool ended_ = false;
};

}  // namespace tsubo::unpack
