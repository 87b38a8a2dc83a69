// SPDX-License-Identifier: Apache-2.0
//
// Writes changes as the archive of a layer. The same files give the same bytes on every machine.
#pragma once

#include <stdint.h>

#include <string>
#include <vector>

#include "pack/changes.h"
#include "unpack/sha256.h"

namespace tsubo::pack {

// The archive on its way to a file, with its digest.
class Output {
 public:
  explicit Output(int fd);
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output();

  // False after a failed write: errno has the reason.
  bool put(const void* data, size_t size);
  bool zeros(uint64_t size);
  // Zeros up to the next block.
  bool pad();
  bool flush();

  uint64_t size() const { return size_; }
  std::string digest() { return hash_.hex(); }

 private:
  int fd_;
  uint64_t size_ = 0;
  size_t used_ = 0;
  char* buffer_;
  unpack::Sha256 hash_;
};

struct Packing {
  // Later times become this one, in seconds since 1970. Default: none.
  bool has_latest = false;
  int64_t latest = 0;
  // A user without root's rights is root in the container: files of this user and group get the number 0.
  bool is_root = true;
  uint32_t uid = 0;
  uint32_t gid = 0;
  // The tree becomes that of the layer: it gets the times of the archive, and loses the attributes of its overlay.
  bool settle = false;
};

// Writes the archive. The order of the entries is that of the changes.
bool write_archive(const Tree& tree, const std::vector<Change>& changes, const Packing& packing, Output& out,
                   Problem& problem);
// Removes files and directories that find_changes ignored.
bool remove_stubs(const Tree& tree, const std::vector<std::string>& stubs, Problem& problem);

}  // namespace tsubo::pack
