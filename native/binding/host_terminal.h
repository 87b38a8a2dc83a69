// SPDX-License-Identifier: Apache-2.0
//
// The terminal of the runtime, whose modes are changed while a container's terminal is connected to it.
#pragma once

#include <sys/ioctl.h>
#include <termios.h>

#include "core/fd.h"

namespace tsubo::binding {

// Returns true if standard input and standard output are terminals. The host's terminal is then raw, and only the
// container's changes bytes. Otherwise the output may go to a file: the container's terminal leaves line ends
// unchanged, and the host's terminal converts them, as with runc.
bool interactive();

// Opens the same pipe or terminal again, for non-blocking I/O: other processes share the inherited file description.
// Returns -1 if that is impossible; the caller then relies on poll alone.
int reopened(int fd, int flags);

class HostTerminal {
 public:
  // Takes ownership of the descriptor. The destructor restores the modes, and a fault of the runtime does too.
  explicit HostTerminal(int fd);
  HostTerminal(const HostTerminal&) = delete;
  HostTerminal& operator=(const HostTerminal&) = delete;
  ~HostTerminal();

  // Sets raw mode, unless another process group is in the foreground.
  void enter_raw();
  bool is_raw() const { return is_raw_; }
  // Returns false for a terminal that was closed; SIGHUP handles that.
  bool size(winsize* size) const { return ioctl(fd_.get(), TIOCGWINSZ, size) == 0; }

 private:
  bool in_foreground() const;
  void restore();

  UniqueFd fd_;
  termios before_ = {}, raw_ = {};
  bool has_modes_ = false, is_raw_ = false;
};

}  // namespace tsubo::binding
