// SPDX-License-Identifier: Apache-2.0
//
// Between a container's terminal and the one that we were started on: what is typed goes in, what is written comes out.
#pragma once

#include <poll.h>
#include <sys/types.h>
#include <termios.h>

#include <cstddef>

#include "core/fd.h"

namespace tsubo::binding {

// One direction. It is filled only when it is empty: a slow side slows the other one down, and nothing is lost.
class Pending {
 public:
  bool empty() const { return begin_ == end_; }
  // As read(2).
  ssize_t fill(int fd);
  // As write(2). What could not be written stays for the next time.
  ssize_t flush(int fd, bool socket = false);
  void clear() { begin_ = end_ = 0; }

 private:
  char bytes_[16384];
  size_t begin_ = 0, end_ = 0;
};

class Proxy {
 public:
  // Takes both descriptors. When this goes, the host's terminal is as it was before.
  Proxy(int master, int host);
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;
  ~Proxy();

  // Keys are handed on as they are, if they are ours: not while another process group has the terminal.
  void enter_raw();
  // The container's terminal gets the size of the host's.
  void resize();

  static constexpr size_t kWatched = 3;
  // Writes down what to wait for, and returns for how many milliseconds at most.
  int watch(pollfd* watched) const;
  void turn(const pollfd* watched);

  // The program has ended: nothing goes in any more, and what it wrote last comes out.
  void drain();
  bool drained() const { return draining_ && !master_.open() && out_.empty(); }
  // Whoever should have read the rest is not waited for.
  void abandon();

 private:
  void take_in();
  void put_in();
  void take_out();
  void put_out();
  void hang_up();
  bool in_foreground() const;
  void restore();

  UniqueFd master_, host_, own_input_, own_output_;
  int input_, output_;
  bool output_is_socket_ = false;
  Pending in_, out_;
  termios before_ = {}, raw_ = {};
  bool has_modes_ = false, is_raw_ = false;
  // Nobody has the container's terminal open at the moment.
  bool vacant_ = false;
  bool draining_ = false;
  size_t drained_bytes_ = 0;
};

// What a container's terminal needs before its program runs: src/host/binding.d.ts says what. Null when it has it, else
// the call that was refused.
const char* prepare_master(int master, int host, bool copy_size);

}  // namespace tsubo::binding
