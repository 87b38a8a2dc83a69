// SPDX-License-Identifier: Apache-2.0
//
// Directory entries and their properties: calls that take a path and open nothing.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "binding/path.h"
#include "binding/table.h"

namespace tsubo::binding {

namespace {

// For the many calls that take one path and return only an error.
template <typename Call>
Outcome on_path(const char* syscall, const std::string& path, Call call) {
  if (has_nul(path)) return refused(syscall, EINVAL, path);
  if (call(path.c_str()) < 0) return refused(syscall, errno, path);
  return {};
}

}  // namespace

namespace function {

Outcome mkdir(const Arguments& a) {
  auto mode = static_cast<mode_t>(a[1].number());
  return on_path("mkdir", a[0].text(), [mode](const char* path) { return ::mkdir(path, mode); });
}

Outcome chown(const Arguments& a) {
  auto uid = static_cast<uid_t>(a[1].number());
  auto gid = static_cast<gid_t>(a[2].number());
  return on_path("lchown", a[0].text(), [uid, gid](const char* path) { return ::lchown(path, uid, gid); });
}

Outcome rmdir(const Arguments& a) {
  return on_path("rmdir", a[0].text(), [](const char* path) { return ::rmdir(path); });
}

Outcome unlink(const Arguments& a) {
  return on_path("unlink", a[0].text(), [](const char* path) { return ::unlink(path); });
}

Outcome symlink(const Arguments& a) {
  const std::string& target = a[0].text();
  if (has_nul(target)) return refused("symlink", EINVAL, target);
  return on_path("symlink", a[1].text(), [&target](const char* path) { return ::symlink(target.c_str(), path); });
}

Outcome unmount(const Arguments& a) {
  return on_path("umount2", a[0].text(),
                 [](const char* path) { return ::umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW); });
}

Outcome chdir(const Arguments& a) {
  return on_path("chdir", a[0].text(), [](const char* path) { return ::chdir(path); });
}

Outcome readlink(const Arguments& a) {
  const std::string& path = a[0].text();
  if (has_nul(path)) return refused("readlink", EINVAL, path);
  char target[PATH_MAX];
  ssize_t n = ::readlink(path.c_str(), target, sizeof target);
  if (n < 0) return refused("readlink", errno, path);
  return Value::text(std::string(target, static_cast<size_t>(n)));
}

Outcome realpath(const Arguments& a) {
  const std::string& path = a[0].text();
  if (has_nul(path)) return refused("realpath", EINVAL, path);
  char resolved[PATH_MAX];
  if (::realpath(path.c_str(), resolved) == nullptr) return refused("realpath", errno, path);
  return Value::text(resolved);
}

Outcome getcwd(const Arguments&) {
  char path[PATH_MAX];
  if (::getcwd(path, sizeof path) == nullptr) return refused("getcwd", errno);
  return Value::text(path);
}

Outcome stat(const Arguments& a) {
  const std::string& path = a[0].text();
  if (has_nul(path)) return refused("stat", EINVAL, path);
  struct stat st;
  int flags = a.size() > 1 && a[1].truth() ? AT_SYMLINK_NOFOLLOW : 0;
  if (fstatat(AT_FDCWD, path.c_str(), &st, flags) < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return Value();
    return refused("stat", errno, path);
  }
  auto n = [](auto value) { return Value::number(static_cast<int64_t>(value)); };
  return Value::record({{"mode", n(st.st_mode)},
                        {"uid", n(st.st_uid)},
                        {"gid", n(st.st_gid)},
                        {"dev", n(st.st_dev)},
                        {"ino", n(st.st_ino)},
                        {"rdevMajor", n(major(st.st_rdev))},
                        {"rdevMinor", n(minor(st.st_rdev))},
                        {"size", n(st.st_size)}});
}

Outcome filesystemType(const Arguments& a) {
  const std::string& path = a[0].text();
  if (has_nul(path)) return refused("statfs", EINVAL, path);
  struct statfs fs;
  if (statfs(path.c_str(), &fs) < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return Value();
    return refused("statfs", errno, path);
  }
  return Value::number(static_cast<int64_t>(fs.f_type));
}

Outcome isReadOnly(const Arguments& a) {
  const std::string& path = a[0].text();
  if (has_nul(path)) return refused("statfs", EINVAL, path);
  struct statfs fs;
  if (statfs(path.c_str(), &fs) < 0) return refused("statfs", errno, path);
  return Value::boolean((fs.f_flags & ST_RDONLY) != 0);
}

}  // namespace function

}  // namespace tsubo::binding
