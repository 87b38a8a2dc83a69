// SPDX-License-Identifier: Apache-2.0
//
// A program of the host that decompresses a file into a pipe: gzip or zstd.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "binding/value.h"
#include "core/fd.h"

namespace tsubo::binding {

class Decompressor {
 public:
  Decompressor() = default;
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;
  // Kills the program if `finish` was not called.
  ~Decompressor();

  // `arguments[0]` is the absolute path. The program reads from `source`.
  Outcome start(const std::vector<Value>& arguments, int source);
  // The pipe with the decompressed data.
  int output() const { return output_.get(); }
  // Ends the program if it still runs. If it failed before, returns the start of its error output or, without one, its
  // exit status or signal; otherwise undefined.
  Value finish();

 private:
  pid_t pid_ = -1;
  UniqueFd output_;
  UniqueFd errors_;
};

}  // namespace tsubo::binding
