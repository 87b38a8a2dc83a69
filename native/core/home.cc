// SPDX-License-Identifier: Apache-2.0
//
// HOME of the program, from /etc/passwd in the container.
#include "core/files.h"

namespace tsubo {

Result run(Context& c, const wire::step::findHome& s) {
  c.home.clear();
  c.home.add("HOME=/");
  // Open it non-blocking and check that it is a regular file: an image may have a FIFO of that name.
  UniqueFd passwd(files::open_in_root(c.root, "/etc/passwd", O_NONBLOCK));
  files::Status at;
  if (!passwd.open() || files::status(passwd.get(), "", 0, &at) < 0 || !at.is(S_IFREG)) return {};
  char buffer[8192];
  size_t filled = 0;
  bool skipping = false;  // the rest of a line that was too long
  while (true) {
    long n = sys::read(passwd.get(), buffer + filled, sizeof buffer - filled);
    if (n < 0) return check("read", n);
    bool end = n == 0;
    filled += static_cast<size_t>(n);
    size_t line = 0;
    for (size_t i = 0; i <= filled; i++) {
      bool at_newline = i < filled && buffer[i] == '\n';
      if (!at_newline && !(end && i == filled && i > line)) continue;
      // The fields are name:password:uid:gid:comment:home:shell.
      size_t starts[8] = {line}, count = 1;
      for (size_t j = line; j < i && count < 8; j++) {
        if (buffer[j] == ':') starts[count++] = j + 1;
      }
      if (!skipping && count >= 6) {
        uint64_t uid = 0;
        bool digits = starts[3] - 1 > starts[2];
        for (size_t j = starts[2]; j < starts[3] - 1; j++) {
          if (buffer[j] < '0' || buffer[j] > '9' || uid > 0xffffffff) digits = false;
          uid = uid * 10 + static_cast<uint64_t>(buffer[j] - '0');
        }
        size_t home_end = count > 6 ? starts[6] - 1 : i;
        if (digits && uid == s.uid && home_end > starts[5]) {
          c.home.clear();
          c.home.add("HOME=").add(buffer + starts[5], home_end - starts[5]);
          return {};
        }
      }
      skipping = false;
      line = i + 1;
    }
    if (end) return {};
    if (line == 0 && filled == sizeof buffer) {
      skipping = true;
      filled = 0;
      continue;
    }
    if (line > filled) line = filled;
    for (size_t i = line; i < filled; i++) buffer[i - line] = buffer[i];
    filled -= line;
  }
}

}  // namespace tsubo
