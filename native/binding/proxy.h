// SPDX-License-Identifier: Apache-2.0
//
// Copies between a container's terminal and the terminal of the runtime: input to the container, output from it.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <cstddef>

#include "binding/host_terminal.h"
#include "core/fd.h"

namespace tsubo::binding {

// The buffer of one direction. It is filled only when it is empty: a slow side slows the other one down, and no byte is
// lost.
class Pending {
 public:
  bool empty() const { return begin_ == end_; }
  // Like read(2).
  ssize_t fill(int fd);
  // Like write(2). The rest of a short write stays in the buffer.
  ssize_t flush(int fd, bool socket = false);
  void clear() { begin_ = end_ = 0; }

 private:
  char bytes_[16384];
  size_t begin_ = 0, end_ = 0;
};

class Proxy {
 public:
  // Takes ownership of both descriptors.
  Proxy(int master, int host);

  void enter_raw() { host_.enter_raw(); }
  // Copies the size of the host's terminal to the container's.
  void resize();

  static constexpr size_t kWatched = 3;
  // Fills in the descriptors to poll and returns the timeout in milliseconds.
  int watch(pollfd* watched) const;
  void handle(const pollfd* watched);

  // Called after the program's exit: drops the input and copies the remaining output.
  void drain();
  bool drained() const { return draining_ && !master_.open() && out_.empty(); }
  // Stops waiting for a reader of the rest.
  void abandon();

 private:
  void read_input();
  void write_input();
  void read_output();
  void write_output();
  void hang_up();

  UniqueFd master_;
  HostTerminal host_;
  UniqueFd own_input_, own_output_;
  int input_, output_;
  bool output_is_socket_ = false;
  Pending in_, out_;
  // No process has the slave of the container's terminal open at the moment.
  bool vacant_ = false;
  bool draining_ = false;
  size_t drained_bytes_ = 0;
};

// Prepares a container's terminal before its program runs, as documented in src/host/binding.d.ts. Returns null on
// success, otherwise the name of the call that failed.
const char* prepare_master(int master, int host, bool copy_size);

}  // namespace tsubo::binding
