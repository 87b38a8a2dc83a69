// SPDX-License-Identifier: Apache-2.0
//
// Landlock: the process gives up rights to files and ports that no later process of it can regain.
#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/landlock.h>
#include <linux/stat.h>

#include "core/files.h"

namespace tsubo {

namespace {

// The kernel's struct landlock_ruleset_attr, with members that older headers lack. An older kernel accepts members that
// it does not have if they are zero.
struct Ruleset {
  uint64_t files;
  uint64_t network;
  uint64_t scoped;
};

struct [[gnu::packed]] PathRule {
  uint64_t allowed;
  int32_t parent;
};

struct PortRule {
  uint64_t allowed;
  uint64_t port;
};

constexpr int kPathBeneath = 1, kNetPort = 2;

// The rights that the kernel accepts for a file other than a directory.
constexpr uint64_t kTruncate = 1 << 14, kIoctlDev = 1 << 15;  // LANDLOCK_ACCESS_FS_*, which older headers lack
constexpr uint64_t kOfFiles =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | kTruncate | kIoctlDev;

Result add_rule(int ruleset, int kind, const void* rule) {
  return check("landlock_add_rule", sys::call(__NR_landlock_add_rule, ruleset, kind, sys::arg(rule), 0));
}

}  // namespace

Result run(Context& c, const wire::step::restrictAccess& s) {
  if (s.paths.count != s.pathAccesses.count || s.ports.count != s.portAccesses.count) return {EINVAL, "plan"};
  UniqueFd ruleset;
  Ruleset wanted = {s.files, s.network, s.scoped};
  long made = sys::call(__NR_landlock_create_ruleset, sys::arg(&wanted), sizeof wanted, 0);
  if (Result r = take(&ruleset, "landlock_create_ruleset", made); !r.ok()) return r;
  for (uint32_t i = 0; i < s.paths.count; i++) {
    const char* path = c.plan.text(s.paths, i);
    c.about(path);
    UniqueFd place;
    if (Result r = take(&place, "openat2", files::open_in_root(c.root, path)); !r.ok()) return r;
    files::Status at;
    if (long r = files::status(place.get(), "", 0, &at); r < 0) return check("statx", r);
    uint64_t allowed = c.plan.number(s.pathAccesses, i) & (at.is(S_IFDIR) ? ~uint64_t{0} : kOfFiles);
    // A rule without rights is an error of the call, and has no effect.
    if (allowed == 0) continue;
    PathRule rule = {allowed, place.get()};
    if (Result r = add_rule(ruleset.get(), kPathBeneath, &rule); !r.ok()) return r;
  }
  for (uint32_t i = 0; i < s.ports.count; i++) {
    PortRule rule = {c.plan.number(s.portAccesses, i), c.plan.number(s.ports, i)};
    c.detail.clear();
    c.detail.add("port ").add_number(rule.port);
    if (Result r = add_rule(ruleset.get(), kNetPort, &rule); !r.ok()) return r;
  }
  c.detail.clear();
  return check("landlock_restrict_self", sys::call(__NR_landlock_restrict_self, ruleset.get(), 0));
}

}  // namespace tsubo
