// SPDX-License-Identifier: Apache-2.0
#include "core/mount_call.h"

#include <linux/errno.h>

namespace tsubo::mounts {

namespace {

// File systems without a backing path: no option and no source of these is a path, therefore they mean the same in any
// working directory. mount(2) parses their options like fsconfig(2), except for commas.
constexpr const char* kWithoutPaths[] = {"proc", "tmpfs", "devpts", "mqueue", "sysfs", "cgroup2"};

bool takes_no_path(const char* type) {
  for (const char* one : kWithoutPaths) {
    if (text::equal(type, one)) return true;
  }
  return false;
}

// Returns true if the next step uses the mount: such a step directly follows the mount step.
bool wanted_by_next_step(const Context& c) {
  if (c.step + 1 >= c.plan.steps()) return false;
  wire::Op next = c.plan.op(c.step + 1);
  return next == wire::Op::keepMount || next == wire::Op::changeMount || next == wire::Op::labelMount;
}

using Data = text::Buffer<1024>;

// Returns false if mount(2) would parse the options differently.
bool join_options(Context& c, const NewFilesystem& fs, Data* data) {
  bool read_only = false;
  for (uint32_t i = 0; i < fs.options.count; i++) {
    const char* option = c.plan.text(fs.options, i);
    if (text::find(option, ',') != nullptr) return false;
    read_only = read_only || text::equal(option, "ro");
    data->add(data->size() > 0 ? "," : "").add(option);
  }
  if (*fs.extra != '\0') data->add(data->size() > 0 ? "," : "").add(fs.extra);
  // MS_RDONLY sets both the mount and the super block read-only.
  return !data->overflowed() && (read_only || (fs.attributes & MOUNT_ATTR_RDONLY) == 0);
}

}  // namespace

bool mounted_by_one_call(Context& c, const NewFilesystem& fs, int target) {
  Data data;
  if (!takes_no_path(fs.type) || wanted_by_next_step(c) || !join_options(c, fs, &data)) return false;
  if (c.here < 0) c.here = static_cast<int>(sys::openat(AT_FDCWD, ".", O_PATH | O_CLOEXEC));
  // "." in the working directory always names the target, even if its path is renamed.
  if (c.here < 0 || sys::fchdir(target) < 0) return false;
  const char* source = *fs.source == '\0' ? nullptr : fs.source;
  bool done = sys::mount(source, ".", fs.type, mount_flags(fs.attributes), data.c_str()) == 0;
  // A failure is harmless: pivot_root changes the directory again, and until then every path is absolute or relative to
  // a descriptor.
  sys::unchecked(sys::fchdir(c.here));
  if (!done) return false;
  c.slots.close(0);
  return true;
}

bool fits_fsconfig(Context& c, wire::texts options) {
  for (uint32_t i = 0; i < options.count; i++) {
    const char* equals = text::find(c.plan.text(options, i), '=');
    if (equals != nullptr && text::length(equals + 1) > 255) return false;
  }
  return true;
}

Result mount_by_path(Context& c, const wire::step::mount& s, int target) {
  text::Path data;
  unsigned long flags = mount_flags(s.attributes);
  for (uint32_t i = 0; i < s.options.count; i++) {
    const char* option = c.plan.text(s.options, i);
    if (text::equal(option, "ro")) {
      flags |= MS_RDONLY;
      continue;
    }
    data.add(data.size() > 0 ? "," : "").add(option);
  }
  if (data.overflowed()) return {E2BIG, "mount"};
  Result mounted = at_descriptor(c, target, [&](const char* path) {
    return check("mount", sys::mount(c.plan.text(s.source), path, c.plan.text(s.fstype), flags, data.c_str()));
  });
  if (!mounted.ok()) return mounted;
  // The new mount covers the target: resolve the path again to put the mount into slot 0.
  long fd = files::open_in_root(c.root, c.plan.text(s.target));
  if (fd < 0) return check("openat2", fd);
  c.slots.put(0, static_cast<int>(fd));
  return {};
}

}  // namespace tsubo::mounts
