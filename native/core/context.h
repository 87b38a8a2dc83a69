// SPDX-License-Identifier: Apache-2.0
//
// The state that the steps share: the container's root, the slots, and the detail text of a failure. Each step of the
// vocabulary has one function `run`, in the file of its kernel facility.
//
// Preconditions of every `run`: the process was cloned for this plan and has one thread; there is no heap; the
// runtime's memory is not mapped.
#pragma once

#include "core/fd.h"
#include "core/text.h"
#include "wire/plan.h"

namespace tsubo {

// The result of a step. `syscall` names the call that the kernel refused, `error` is its positive error number.
struct [[nodiscard]] Result {
  int32_t error = 0;
  const char* syscall = "";
  bool ok() const { return error == 0; }
};

inline Result check(const char* syscall, long result) {
  return result < 0 ? Result{static_cast<int32_t>(-result), syscall} : Result{};
}

// Takes ownership of the descriptor that a call returned.
inline Result take(UniqueFd* fd, const char* syscall, long result) {
  fd->reset(result);
  return check(syscall, result);
}

inline UniqueFd&& give(UniqueFd& fd) { return static_cast<UniqueFd&&>(fd); }

// The directory in which a step created an entry. `path` and `length` are those of the directory's name in the plan.
struct Parent {
  int fd = -1;
  const char* path = "";
  size_t length = 0;
  uint32_t step = 0;
};

// The numbered descriptors of a plan. An empty slot is a zero, because then the pages of unused slots stay untouched.
class Slots {
 public:
  int operator[](uint64_t slot) const { return slot < wire::kSlots ? stored_[slot] - 1 : -1; }
  // One more than the highest slot that was ever filled.
  uint32_t end() const { return end_; }
  // Closes the descriptor that was in the slot.
  void put(uint64_t slot, int fd) {
    int before = (*this)[slot];
    if (before >= 0) sys::close(before);
    stored_[slot] = fd + 1;
    if (slot >= end_) end_ = static_cast<uint32_t>(slot + 1);
  }
  // Returns the descriptor and empties the slot.
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
  // The index of the current step.
  uint32_t step = 0;
  // 1 + the index of the item in the step's list on which the current call works; 0 if it works on none.
  uint32_t item = 0;
  // The socket to the runtime, until awaitStart; then -1.
  int channel = -1;
  // The FIFO to the process that runs `start`, from awaitStart on.
  int result = -1;

  // The slave of the container's terminal; set from openTerminal to useTerminal.
  int terminal = -1;

  // The root mount of the container, both before and after pivot_root.
  int root = -1;
  // Slots 1 to this number were passed by the spawn.
  uint32_t handed_over = 0;
  // A procfs of the container's pid namespace that is not attached anywhere: no process in the container can cover or
  // replace it. If the kernel refuses one in a user namespace, it is the host's procfs, in which a path may cross a
  // mount.
  int procfs = -1;
  // The source of the mounts that cover masked files: the container's /dev/null, or a detached clone of the host's.
  int null_device = -1;
  int host_null = -1;
  // The working directory of the init at its start. It is kept while mount(2) uses the working directory for targets.
  int here = -1;
  // A cache for the next step: devices and links are created one after the other, with no mount in between.
  Parent parent;
  // The slot of the pid namespace that remains to be joined, or 0.
  uint64_t pid_namespace = 0;
  // The empty read-only directory that covers masked directories; -1 until it is mounted.
  int mask_directory = -1;
  // The init is root of the container's user namespace.
  bool in_user_namespace = false;
  // The whole mount tree is slave or private: mounts made here do not propagate to the host.
  bool detached_from_host = false;
  // The umask of the caller, and whether the container's umask is set. Until it is set, the umask is 0.
  long callers_umask = 0;
  bool own_umask = false;
  // A hook has run since `start` released the init. The init then sends a report before the exec, because `start` would
  // otherwise take an exit of the init for the exec.
  bool hooked = false;
  // The container's seccomp filter is loaded: from here on any call may fail with any error.
  bool filtered = false;
  // The exit of the runtime no longer sends a signal to this process.
  bool outlives_runtime = false;
  // The plan requests that signal for the program.
  bool ends_with_runtime = false;
  // The number of descriptors, counted from 3, that belong to the program.
  uint32_t preserve_fds = 0;
  // The init has changed to the working directory of the process.
  bool in_directory = false;

  text::Buffer<960> detail;
  text::Path program;
  text::Buffer<text::kPathMax + 8> home;

  // Slot 0 is the newest mount. This member is last because only the first of its many pages are used.
  Slots slots;

  // Sets the detail text that is reported if the step fails.
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
