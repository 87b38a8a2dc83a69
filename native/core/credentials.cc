// SPDX-License-Identifier: Apache-2.0
//
// User, groups and capabilities.
#include <asm/signal.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/prctl.h>

#include "core/context.h"

namespace tsubo {

Result run(Context& c, const wire::step::becomeRoot&) {
  // EINVAL: 0 is not mapped. EPERM: the namespace denies setgroups.
  if (long r = sys::call(__NR_setgroups, 0, 0); r < 0 && r != -EPERM) return check("setgroups", r);
  if (long r = sys::call(__NR_setresgid, 0, 0, 0); r < 0 && r != -EINVAL) return check("setresgid", r);
  if (long r = sys::call(__NR_setresuid, 0, 0, 0); r < 0 && r != -EINVAL) return check("setresuid", r);
  // The capabilities passed the exec as ambient ones (spawn/spawn.cc), and the program must not inherit them.
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2];
  if (long r = sys::call(__NR_capget, sys::arg(&header), sys::arg(sets)); r < 0) return check("capget", r);
  for (auto& set : sets) {
    set.effective = set.permitted;
    set.inheritable = 0;
  }
  if (long r = sys::call(__NR_capset, sys::arg(&header), sys::arg(sets)); r < 0) return check("capset", r);
  // A change of IDs resets the parent death signal and the dumpable flag.
  if (long r = sys::prctl(PR_SET_PDEATHSIG, SIGKILL); r < 0) return check("prctl", r);
  c.in_user_namespace = true;
  return check("prctl", sys::prctl(PR_SET_DUMPABLE, 0));
}

Result run(Context&, const wire::step::showToUser&) { return check("prctl", sys::prctl(PR_SET_DUMPABLE, 1)); }

namespace {

// Returns true if the init has CAP_SETGID.
bool may_change_groups() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2];
  return sys::call(__NR_capget, sys::arg(&header), sys::arg(sets)) == 0 && (sets[0].effective >> CAP_SETGID & 1) != 0;
}

}  // namespace

Result run(Context& c, const wire::step::setUser& s) {
  static uint32_t groups[65536];
  if (s.groups.count > sizeof groups / sizeof *groups) return {EINVAL, "setgroups"};
  if (long r = sys::prctl(PR_SET_KEEPCAPS, 1); r < 0) return check("prctl", r);
  if (s.keepGroups == 0) {
    for (uint32_t i = 0; i < s.groups.count; i++) groups[i] = static_cast<uint32_t>(c.plan.number(s.groups, i));
    long r = sys::call(__NR_setgroups, s.groups.count, sys::arg(groups));
    // A user namespace can forbid changes of groups: setgroups then fails even with the capability, and the groups
    // stay.
    bool kept = r == -EPERM && s.groups.count == 0 && may_change_groups();
    if (r < 0 && !kept) return check("setgroups", r);
  }
  auto uid = static_cast<long>(s.uid), gid = static_cast<long>(s.gid);
  if (long r = sys::call(__NR_setresgid, gid, gid, gid); r < 0) return check("setresgid", r);
  if (long r = sys::call(__NR_setresuid, uid, uid, uid); r < 0) return check("setresuid", r);
  // A change of user resets the dumpable flag to the system's default; the init must stay hidden.
  return check("prctl", sys::prctl(PR_SET_DUMPABLE, 0));
}

Result run(Context&, const wire::step::setCapabilities& s) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2];
  for (int i = 0; i < 2; i++) {
    sets[i].effective = static_cast<uint32_t>(s.effective >> (32 * i));
    sets[i].permitted = static_cast<uint32_t>(s.permitted >> (32 * i));
    sets[i].inheritable = static_cast<uint32_t>(s.inheritable >> (32 * i));
  }
  return check("capset", sys::call(__NR_capset, sys::arg(&header), sys::arg(sets)));
}

Result run(Context&, const wire::step::setAmbientSet& s) {
  if (long r = sys::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL); r < 0) return check("prctl", r);
  for (unsigned cap = 0; cap < 64; cap++) {
    if ((s.mask >> cap & 1) == 0) continue;
    if (long r = sys::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap); r < 0) return check("prctl", r);
  }
  return {};
}

Result run(Context&, const wire::step::limitBoundingSet& s) {
  for (unsigned cap = 0; cap < 64; cap++) {
    if (s.keep >> cap & 1) continue;
    long r = sys::prctl(PR_CAPBSET_DROP, cap);
    if (r == -EINVAL) break;  // past the last capability of this kernel
    if (r < 0) return check("prctl", r);
  }
  return {};
}

}  // namespace tsubo
