// SPDX-License-Identifier: Apache-2.0
//
// Mounts. Each is created or cloned detached, gets its attributes, and is attached to a target that was resolved in the
// root; or one mount(2) call makes it there. A second lookup of a path inside the container may find another file,
// therefore no check relies on an earlier lookup (CVE-2021-30465).
#include <linux/errno.h>

#include "core/copy_up.h"
#include "core/mount_call.h"
#include "core/mount_target.h"
#include "core/pid_namespace.h"

namespace tsubo {

using namespace mounts;

namespace {

// Clones the source of a bind mount, detached.
Result clone_source(Context& c, const char* source, bool in_root, bool recursive, UniqueFd* tree) {
  c.about(source);
  if (!in_root) return clone_tree(c, AT_FDCWD, source, recursive, tree);
  UniqueFd place;
  if (long fd = files::open_in_root(c.root, source); fd < 0)
    return check("open_tree", fd);
  else
    place.reset(fd);
  return clone_tree(c, place.get(), "", recursive, tree);
}

// Clones the source here, or takes the tree that the host cloned because this process may lack access to the path.
Result source_tree(Context& c, const wire::step::bind& s, const char* source, UniqueFd* tree) {
  c.about(source);
  if (s.tree != 0) {
    if (s.tree >= wire::kSlots || c.slots[s.tree] < 0) return {EBADF, "open_tree"};
    tree->reset(c.slots.take(s.tree));
    return {};
  }
  return clone_source(c, source, s.inRoot != 0, s.recursive != 0, tree);
}

}  // namespace

Result run(Context& c, const wire::step::setPropagation& s) {
  c.detached_from_host = (s.flags & MS_REC) != 0 && (s.flags & (MS_PRIVATE | MS_SLAVE)) != 0;
  c.about("/");
  return check("mount", sys::mount(nullptr, "/", nullptr, s.flags, nullptr));
}

Result run(Context& c, const wire::step::mount& s) {
  const char* target_path = c.plan.text(s.target);
  const char* type = c.plan.text(s.fstype);
  UniqueFd target, mount;
  bool existed = false;
  if (Result r = open_target(c, target_path, s.flags, files::Make::directory, &target, &existed); !r.ok()) return r;
  auto brings_proc = [&](bool* brings) {
    *brings = text::equal(type, "proc");
    return Result{};
  };
  if (Result r = guard_proc(c, target.get(), target_path, s.flags, brings_proc); !r.ok()) return r;
  if (!fits_fsconfig(c, s.options)) return mount_by_path(c, s, target.get());

  text::Buffer<32> mode;
  if ((s.flags & wire::kInheritMode) != 0 && existed) {
    files::Status at;
    if (long r = files::status(target.get(), "", 0, &at); r < 0) return check("statx", r);
    mode.add("mode=").add_number(at.mode & 07777, 8);
  }
  NewFilesystem wanted = {type, c.plan.text(s.source), s.options, mode.c_str(), s.attributes};
  bool copies = (s.flags & wire::kCopyUp) != 0;
  bool elsewhere = c.pid_namespace != 0 && text::equal(type, "proc");
  if (!copies && !elsewhere && mounted_by_one_call(c, wanted, target.get())) return {};
  Result made = elsewhere ? make_in_pid_namespace(c, wanted, &mount) : make_filesystem(c, wanted, &mount);
  if (!made.ok()) return made;
  if (copies) {
    c.about(target_path);
    if (Result r = copy_up(c, target.get(), mount.get()); !r.ok()) return r;
  }
  return attach(c, give(mount), target.get(), target_path);
}

Result run(Context& c, const wire::step::bind& s) {
  const char* source = c.plan.text(s.source);
  const char* target_path = c.plan.text(s.target);
  UniqueFd tree, target;
  if (Result r = source_tree(c, s, source, &tree); !r.ok()) return r;

  bool existed = false;
  if (Result r = open_target_of(c, tree.get(), target_path, s.flags, &target, &existed); !r.ok()) return r;
  c.about(source);
  bool later = false;
  if (Result r = change_clone(tree.get(), s.attributesSet, s.attributesClear, s.attributesInsist, &later); !r.ok())
    return r;
  if (Result r = attach(c, give(tree), target.get(), target_path); !r.ok()) return r;
  return later ? set_attributes(c, c.slots[0], s.attributesSet, s.attributesClear, 0, false) : Result{};
}

Result run(Context& c, const wire::step::cloneTree& s) {
  if (s.slot == 0 || s.slot >= wire::kSlots || c.slots[s.slot] >= 0) return {EBADF, "open_tree"};
  UniqueFd tree;
  if (Result r = clone_source(c, c.plan.text(s.source), s.inRoot != 0, s.recursive != 0, &tree); !r.ok()) return r;
  c.slots.put(s.slot, tree.release());
  return {};
}

Result run(Context& c, const wire::step::mountCgroup& s) {
  const char* target_path = c.plan.text(s.target);
  UniqueFd target, mount;
  bool existed = false;
  if (Result r = open_target(c, target_path, s.flags, files::Make::directory, &target, &existed); !r.ok()) return r;
  auto brings_proc = [](bool*) { return Result{}; };
  if (Result r = guard_proc(c, target.get(), target_path, s.flags, brings_proc); !r.ok()) return r;
  NewFilesystem wanted = {"cgroup2", "cgroup", s.options, "", s.attributes};
  if (mounted_by_one_call(c, wanted, target.get())) return {};
  Result made = make_filesystem(c, wanted, &mount);
  if (made.error == EPERM || made.error == EBUSY) {
    c.item = 0;
    if (Result r = clone_tree(c, AT_FDCWD, c.plan.text(s.fallback), true, &mount); !r.ok()) return r;
    if (Result r = set_attributes(c, mount.get(), s.attributes, 0, 0, false); !r.ok()) return r;
  } else if (!made.ok()) {
    return made;
  }
  return attach(c, give(mount), target.get(), target_path);
}

Result run(Context& c, const wire::step::keepMount& s) {
  if (s.slot >= wire::kSlots) return {EINVAL, "fcntl"};
  long fd = sys::fcntl(c.slots[0], F_DUPFD_CLOEXEC, 3);
  if (fd < 0) return check("fcntl", fd);
  c.slots.put(s.slot, static_cast<int>(fd));
  return {};
}

Result run(Context& c, const wire::step::changeMount& s) {
  if (s.slot >= wire::kSlots) return {EINVAL, "mount_setattr"};
  // Making a mount read-only fails with EBUSY while a hook, or a daemon that received the mount by propagation, writes
  // to it.
  struct {
    int64_t seconds, nanoseconds;
  } const pause = {0, 100000000};
  for (int tries = 1;; tries++) {
    Result r = set_attributes(c, c.slots[s.slot], s.attributesSet, s.attributesClear, s.propagation, s.recursive != 0);
    if (r.error != EBUSY || tries == 5) return r;
    // If a signal interrupts the pause, the next attempt only comes earlier.
    sys::unchecked(sys::call(__NR_nanosleep, sys::arg(&pause), 0));
  }
}

}  // namespace tsubo
