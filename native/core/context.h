// SPDX-License-Identifier: Apache-2.0
//
// What the steps share: the container's root, the slots, and where a failure is explained. There is one function
// `run` per step of the vocabulary, each in the file of its kernel facility.
//
// Preconditions of every `run`: the only thread of a process that was cloned for this plan; no heap; the runtime's
// memory is not mapped.
#pragma once

#include "core/fd.h"
#include "core/text.h"
#include "wire/plan.h"

namespace tsubo {

// How a step ended. `syscall` names the call the kernel refused, with its positive error number.
struct [[nodiscard]] Result {
  int32_t error = 0;
  const char* syscall = "";
  bool ok() const { return error == 0; }
};

inline Result check(const char* syscall, long result) {
  return result < 0 ? Result{static_cast<int32_t>(-result), syscall} : Result{};
}

// Takes what a call has opened.
inline Result take(UniqueFd* fd, const char* syscall, long result) {
  fd->reset(result);
  return check(syscall, result);
}

inline UniqueFd&& give(UniqueFd& fd) { return static_cast<UniqueFd&&>(fd); }

// The directory that a step has made something in; `path` and `length` are those of its name, in the plan.
struct Parent {
  int fd = -1;
  const char* path = "";
  size_t length = 0;
  uint32_t step = 0;
};

// The numbered descriptors of a plan. Pages of it that no plan uses stay untouched, so an empty slot is a zero.
class Slots {
 public:
  int operator[](uint64_t slot) const { return slot < wire::kSlots ? stored_[slot] - 1 : -1; }
  // One past the highest that was ever filled.
  uint32_t end() const { return end_; }
  // Closes what was there.
  void put(uint64_t slot, int fd) {
    int before = (*this)[slot];
    if (before >= 0) sys::close(before);
    stored_[slot] = fd + 1;
    if (slot >= end_) end_ = static_cast<uint32_t>(slot + 1);
  }
  // Empties it.
  int take(uint64_t slot) {
    int fd = (*this)[slot];
    if (fd >= 0) stored_[slot] = 0;
    return fd;
  }
  void close(uint64_t slot) {
    int fd = take(slot);
    if (fd >= 0) sys::close(fd);
  }

 private:
  uint32_t end_;
  int stored_[wire::kSlots];
};

struct Context {
  wire::Plan plan;
  // The one under way.
  uint32_t step = 0;
  int channel = -1;
  int result = -1;

  // The slave of the container's terminal, from openTerminal to useTerminal.
  int terminal = -1;

  // The root of the container: the mount itself, before and after the pivot.
  int root = -1;
  // Slots 1 to this came with the spawn.
  uint32_t handed_over = 0;
  // A procfs of the container's pid namespace that is mounted nowhere: nothing inside can cover or replace it. In a
  // user namespace that is refused one it is the host's, where a path may cross a mount.
  int procfs = -1;
  // What covers masked files: the container's /dev/null, or a clone of the host's that is mounted nowhere as yet.
  int null_device = -1;
  int host_null = -1;
  // The working directory that we were called in, while mount(2) needs it for targets.
  int here = -1;
  // For the step right after: devices and links are made one after the other, and nothing is mounted in between.
  Parent parent;
  // The slot of the pid namespace that is still to be entered, or 0.
  uint64_t pid_namespace = 0;
  // The empty read-only directory that covers masked directories, once it is mounted.
  int mask_directory = -1;
  // We are root of a user namespace of the container's.
  bool in_user_namespace = false;
  // Mounts made here cannot travel to the host: it was made a slave or private, all of it.
  bool detached_from_host = false;
  // The umask we were called with, and whether the container's own is set by now; in between it is 0.
  long callers_umask = 0;
  bool own_umask = false;
  // A hook has run since the word of `start`, who would take our end now for the exec.
  bool hooked = false;
  // The container's seccomp filter holds: any call may be refused with any error from here on.
  bool filtered = false;
  // The runtime's end is no signal to this process any more.
  bool outlives_runtime = false;
  // How many descriptors from 3 on belong to the program.
  uint32_t preserve_fds = 0;
  // The working directory of the process has been reached.
  bool in_directory = false;

  text::Buffer<960> detail;
  text::Path program;
  text::Buffer<text::kPathMax + 8> home;

  // Slot 0 is the newest mount. Last: of its many pages only the first ones are used.
  Slots slots;

  // Remembers what a step looks at, for its failure.
  Context& about(const char* s) {
    detail.clear();
    detail.add(s);
    return *this;
  }
};

#define TSUBO_DECLARE_RUN(op) Result run(Context& c, const wire::step::op& s);
TSUBO_STEPS(TSUBO_DECLARE_RUN)
#undef TSUBO_DECLARE_RUN

}  // namespace tsubo
