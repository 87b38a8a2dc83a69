// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <errno.h>
#include <unistd.h>

#include <string>

#include "binding/interrupt.h"

namespace tsubo::binding {

// Returns 0 or the error. After a short write it writes the rest, and that write returns the error.
[[nodiscard]] inline int write_to_end(int fd, const std::string& text) {
  size_t done = 0;
  do {
    ssize_t n = ::write(fd, text.data() + done, text.size() - done);
    if (n < 0 && call_again()) continue;
    if (n < 0) return errno;
    done += static_cast<size_t>(n);
  } while (done < text.size());
  return 0;
}

}  // namespace tsubo::binding
