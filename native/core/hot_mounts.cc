// SPDX-License-Identifier: Apache-2.0
//
// Mounts in a running container. A process of the runtime, which the container cannot see or trace, makes the mount
// outside of the container, enters the container's mount namespace, and attaches it with its final options. The
// container's processes may rename and replace every path meanwhile: the target is resolved once, to a descriptor.
#include <linux/errno.h>

#include "core/message.h"
#include "core/mount_target.h"
#include "core/sync.h"
#include "wire/report.h"

namespace tsubo {

using namespace mounts;

namespace {

using Identity = text::Buffer<64>;

// Identifies a mount: the kernel's unique number of it (Linux 6.8). An older kernel gives the number of a removed mount
// to the next one, therefore device and inode of the mount's root belong to the identity there.
Result identify(int mount, Identity* identity) {
  constexpr unsigned kUniqueMountId = 0x4000;  // STATX_MNT_ID_UNIQUE, which older headers lack
  struct statx sx;
  unsigned mask = STATX_BASIC_STATS | STATX_MNT_ID | kUniqueMountId;
  long r = sys::call(__NR_statx, mount, sys::arg(""), AT_EMPTY_PATH, mask, sys::arg(&sx));
  if (r < 0) return check("statx", r);
  identity->add_number(sx.stx_mnt_id);
  if ((sx.stx_mask & kUniqueMountId) != 0) return {};
  identity->add(":").add_number(sx.stx_dev_major).add(":").add_number(sx.stx_dev_minor);
  identity->add(":").add_number(sx.stx_ino);
  return {};
}

// Reports the identity of the mount and waits until the runtime has recorded it.
Result announce(Context& c, int mount) {
  Identity identity;
  if (Result r = identify(mount, &identity); !r.ok()) return r;
  wire::Report report = {};
  report.kind = wire::ReportKind::waiting;
  report.step = c.step;
  for (size_t i = 0; i < identity.size(); i++) report.detail[i] = identity.c_str()[i];
  if (Result r = check("write", sys::write(c.channel, &report, sizeof report)); !r.ok()) return r;
  await_resume(c);
  return {};
}

}  // namespace

Result run(Context& c, const wire::step::makeMount& s) {
  if (s.slot == 0 || s.slot >= wire::kSlots || c.slots[s.slot] >= 0) return {EBADF, "fsmount"};
  NewFilesystem wanted = {c.plan.text(s.fstype), c.plan.text(s.source), s.options, "", s.attributes};
  UniqueFd mount;
  if (Result r = make_filesystem(c, wanted, &mount); !r.ok()) return r;
  c.slots.put(s.slot, mount.release());
  return {};
}

Result run(Context& c, const wire::step::attachMount& s) {
  const char* source = c.plan.text(s.source);
  const char* target_path = c.plan.text(s.target);
  c.about(source);
  if (s.tree == 0 || s.tree >= wire::kSlots || c.slots[s.tree] < 0) return {EBADF, "open_tree"};
  UniqueFd tree(c.slots.take(s.tree));
  UniqueFd target;
  bool existed = false;
  if (Result r = open_target_of(c, tree.get(), target_path, s.flags, &target, &existed); !r.ok()) return r;
  if ((s.flags & wire::kInheritMode) != 0 && existed) {
    files::Status place;
    if (long r = files::status(target.get(), "", 0, &place); r < 0) return check("statx", r);
    long r = sys::call(__NR_fchmodat, tree.get(), sys::arg("."), static_cast<long>(place.mode & 07777));
    if (r < 0) return check("fchmodat", r);
  }
  c.about(source);
  bool later = false;
  if (Result r = change_clone(tree.get(), s.attributesSet, s.attributesClear, s.attributesInsist, &later); !r.ok())
    return r;
  // A mount that is visible before it is read-only can be written to.
  if (later) return {ENOSYS, "mount_setattr"};
  if (Result r = announce(c, tree.get()); !r.ok()) return r;
  return attach(c, give(tree), target.get(), target_path);
}

Result run(Context& c, const wire::step::detachMount& s) {
  const char* path = c.plan.text(s.target);
  c.about(path);
  UniqueFd target;
  if (Result r = take(&target, "openat2", files::open_below_root(c.root, path)); !r.ok()) return r;
  Identity identity;
  if (Result r = identify(target.get(), &identity); !r.ok()) return r;
  if (!text::equal(identity.c_str(), c.plan.text(s.identity))) return {ESTALE, "statx"};
  // The container's own procfs may have anything on top: the host's has this process too.
  if (c.procfs >= 0) sys::close(c.procfs);
  c.procfs = c.slots.take(s.procfs);
  if (c.procfs < 0) return {EBADF, "openat"};
  // Without MNT_DETACH the kernel refuses a mount that is in use, and the descriptor uses it.
  return at_descriptor(c, target.get(),
                       [](const char* file) { return check("umount2", sys::umount2(file, MNT_DETACH)); });
}

}  // namespace tsubo
