// SPDX-License-Identifier: Apache-2.0
//
// The root without pivot_root (--no-pivot): it is moved over `/`, and the host's procfs and sysfs mounts are hidden.
#include <linux/errno.h>

#include "core/files.h"
#include "core/kernel.h"
#include "core/rootfs.h"

namespace tsubo {

namespace {

// One line of mountinfo: the mount point (with octal escapes) and whether the type is proc or sysfs.
struct Line {
  char* mountpoint;
  bool shows_kernel;
};

bool parse(char* line, Line* out) {
  char* field = line;
  for (int i = 0; i < 4; i++) {
    field = const_cast<char*>(text::find(field, ' '));
    if (field == nullptr) return false;
    field++;
  }
  out->mountpoint = field;
  char* end = const_cast<char*>(text::find(field, ' '));
  if (end == nullptr) return false;
  *end = '\0';
  for (char* p = end + 1; *p != '\0'; p++) {
    if (text::starts(p, " - ")) {
      out->shows_kernel = text::starts(p + 3, "proc ") || text::starts(p + 3, "sysfs ");
      return true;
    }
  }
  return false;
}

void unescape(char* s) {
  char* to = s;
  for (char* p = s; *p != '\0'; p++) {
    if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3') {
      *to++ = static_cast<char>((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
      p += 3;
    } else {
      *to++ = *p;
    }
  }
  *to = '\0';
}

// Without pivot_root the old root stays below the new one. A process that may unmount could reach an unmasked procfs or
// sysfs there. Therefore all of them outside the root are unmounted, or covered if the unmount is refused.
Result hide_kernel_mounts(Context& c, const char* root_path) {
  long proc = files::procfs(c);
  if (proc < 0) return check("fsmount", proc);
  UniqueFd info;
  long fd = sys::openat(static_cast<int>(proc), "self/mountinfo", O_CLOEXEC);
  if (Result r = take(&info, "openat", fd); !r.ok()) return r;
  char buffer[8192];
  size_t filled = 0;
  while (true) {
    long n = sys::read(info.get(), buffer + filled, sizeof buffer - 1 - filled);
    if (n < 0) return check("read", n);
    if (n == 0) return {};
    filled += static_cast<size_t>(n);
    buffer[filled] = '\0';
    char* line = buffer;
    while (char* newline = const_cast<char*>(text::find(line, '\n'))) {
      *newline = '\0';
      Line entry = {};
      if (parse(line, &entry) && entry.shows_kernel) {
        unescape(entry.mountpoint);
        size_t length = text::length(root_path);
        bool inside = text::starts(entry.mountpoint, root_path) &&
                      (entry.mountpoint[length] == '/' || entry.mountpoint[length] == '\0');
        if (!inside) {
          if (!c.detached_from_host) {
            // Both mounts become slaves: an unmount propagates by the parent's propagation, a mount on top by its own.
            text::Path above;
            above.add(entry.mountpoint);
            if (above.size() > 0) rootfs::to_parent(&above);
            if (Result r = rootfs::spread_nearest(c, &above, MS_SLAVE); !r.ok()) return r;
            // EINVAL: another mount covers it, therefore nothing can propagate from here.
            long r = sys::mount(nullptr, entry.mountpoint, nullptr, MS_SLAVE | MS_REC, nullptr);
            if (r < 0 && r != -EINVAL && r != -ENOENT) return check("mount", r);
          }
          long r = sys::umount2(entry.mountpoint, MNT_DETACH);
          if (r == -EINVAL || r == -EPERM) r = sys::mount("tmpfs", entry.mountpoint, "tmpfs", 0, "");
          if (r < 0 && r != -ENOENT) {
            c.about(entry.mountpoint);
            return check("umount2", r);
          }
        }
      }
      line = newline + 1;
    }
    size_t left = static_cast<size_t>(buffer + filled - line);
    if (left == sizeof buffer - 1) return {E2BIG, "read"};
    for (size_t i = 0; i < left; i++) buffer[i] = line[i];
    filled = left;
  }
}

}  // namespace

Result run(Context& c, const wire::step::moveRoot&) {
  rootfs::forget_working_directory(c);
  char path[text::kPathMax];
  if (long r = sys::fchdir(c.root); r < 0) return check("fchdir", r);
  if (long r = sys::call(__NR_getcwd, sys::arg(path), sizeof path); r < 0) return check("getcwd", r);
  if (Result r = hide_kernel_mounts(c, path); !r.ok()) return r;
  c.about("/");
  if (!c.detached_from_host) {
    // If `/` is shared, the move would cover the host's `/` too.
    if (long r = sys::mount(nullptr, "/", nullptr, MS_SLAVE, nullptr); r < 0) return check("mount", r);
  }
  if (long r = sys::mount(".", "/", nullptr, MS_MOVE, nullptr); r < 0) return check("mount", r);
  if (long r = sys::call(__NR_chroot, sys::arg(".")); r < 0) return check("chroot", r);
  return check("chdir", sys::chdir("/"));
}

}  // namespace tsubo
