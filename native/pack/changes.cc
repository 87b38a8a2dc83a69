// SPDX-License-Identifier: Apache-2.0
#include "pack/changes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace tsubo::pack {

namespace {

constexpr std::string_view kReserved = ".wh.";
constexpr mode_t kPermissions = 07777;

std::string below(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

bool read_names(int fd, std::vector<std::string>& names) {
  const int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* stream = copy < 0 ? nullptr : fdopendir(copy);
  if (stream == nullptr) {
    if (copy >= 0) ::close(copy);
    return false;
  }
  errno = 0;
  for (const dirent* found = readdir(stream); found != nullptr; found = readdir(stream)) {
    if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0) names.emplace_back(found->d_name);
    errno = 0;
  }
  const bool whole = errno == 0;
  closedir(stream);
  std::sort(names.begin(), names.end());
  return whole;
}

bool has_value(int fd, const std::string& attribute, char value) {
  char found[2];
  return fgetxattr(fd, attribute.c_str(), found, sizeof found) == 1 && found[0] == value;
}

class Finder {
 public:
  Finder(const Tree& tree, bool hidden, std::vector<Change>& changes, std::vector<std::string>& stubs, Problem& problem)
      : tree_(tree), hidden_(hidden), changes_(changes), stubs_(stubs), problem_(problem) {
    const size_t dot = tree.opaque.rfind('.');
    prefix_ = tree.opaque.substr(0, dot + 1);
  }

  // `lowers`: the lower directories of this one, the uppermost first. `stub` becomes true if a mount point of the
  // directory is ignored.
  bool directory(int fd, const std::string& path, const std::vector<UniqueFd>& lowers, bool opaque, bool& stub) {
    std::vector<std::string> names;
    if (!read_names(fd, names)) return fail("getdents64", path);
    for (const std::string& name : names) {
      if (!entry(fd, name, below(path, name), lowers, opaque, stub)) return false;
    }
    return !opaque || !hidden_ || hidden_names(path, names, lowers);
  }

 private:
  bool fail(const char* syscall, const std::string& path) {
    problem_ = {syscall, errno, "", path};
    return false;
  }
  bool fail(std::string reason, const std::string& path) {
    problem_ = {nullptr, 0, std::move(reason), path};
    return false;
  }

  // The file that the lower layers show under a name; false if there is none. `directories` gets the merged
  // directories.
  bool find_lower(const std::vector<UniqueFd>& lowers, const char* name, struct stat& found,
                  std::vector<UniqueFd>* directories) const {
    bool any = false;
    for (const UniqueFd& lower : lowers) {
      struct stat st;
      if (fstatat(lower.get(), name, &st, AT_SYMLINK_NOFOLLOW) < 0) continue;
      if (is_whiteout(st)) break;
      if (!any) found = st;
      if (!S_ISDIR(st.st_mode)) return true;
      any = true;
      if (directories == nullptr) return true;
      UniqueFd fd(openat(lower.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!fd.open()) break;
      const bool last = has_value(fd.get(), tree_.opaque, 'y');
      directories->push_back(std::move(fd));
      if (last) break;
    }
    return any;
  }

  bool is_mount_point(const std::string& path) const {
    return std::find(tree_.mount_points.begin(), tree_.mount_points.end(), path) != tree_.mount_points.end();
  }

  bool entry(int parent, const std::string& name, const std::string& path, const std::vector<UniqueFd>& lowers,
             bool hides, bool& stub) {
    struct stat st;
    // A container that runs may have removed it.
    if (fstatat(parent, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT || fail("newfstatat", path);
    if (S_ISSOCK(st.st_mode)) return true;
    if (std::string_view(name).substr(0, kReserved.size()) == kReserved) {
      return fail("the name begins with .wh., which marks removed files in layers", path);
    }
    struct stat lower;
    const bool is_directory = S_ISDIR(st.st_mode);
    std::vector<UniqueFd> below_lowers;
    const bool there = find_lower(lowers, name.c_str(), lower, is_directory ? &below_lowers : nullptr);
    const bool shown = there && !hides;
    if (is_whiteout(st)) {
      if (there) changes_.push_back({path, Kind::deleted, false, false});
      return true;
    }
    if (is_directory) return subdirectory(parent, name, path, st, shown ? &lower : nullptr, below_lowers, stub);
    if (!shown && S_ISREG(st.st_mode) && st.st_size == 0 && is_mount_point(path)) {
      stubs_.push_back(path);
      stub = true;
      return true;
    }
    if (S_ISREG(st.st_mode) &&
        getxattr(entry_of(parent, name).c_str(), (prefix_ + "metacopy").c_str(), nullptr, 0) >= 0)
      return fail("the kernel has copied only its attributes (the option metacopy of overlay)", path);
    changes_.push_back({path, shown ? Kind::changed : Kind::added, false, false});
    return true;
  }

  bool subdirectory(int parent, const std::string& name, const std::string& path, const struct stat& st,
                    const struct stat* lower, const std::vector<UniqueFd>& lowers, bool& stub) {
    UniqueFd fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.open()) return errno == ENOENT || fail("openat", path);
    if (fgetxattr(fd.get(), (prefix_ + "redirect").c_str(), nullptr, 0) >= 0)
      return fail("the kernel has renamed the directory in place (the option redirect_dir of overlay)", path);
    const bool was_directory = lower != nullptr && S_ISDIR(lower->st_mode);
    const bool opaque = was_directory && has_value(fd.get(), tree_.opaque, 'y');
    const size_t place = changes_.size();
    changes_.push_back({path, lower == nullptr ? Kind::added : Kind::changed, true, opaque});
    bool inner = false;
    static const std::vector<UniqueFd> kNone;
    if (!directory(fd.get(), path, was_directory ? lowers : kNone, opaque, inner)) return false;
    const bool is_last = changes_.size() == place + 1;
    if (lower == nullptr && is_last && (inner || is_mount_point(path))) {
      changes_.pop_back();
      stubs_.push_back(path);
      stub = true;
      return true;
    }
    // Copied up for a mount point, or for a change that was undone.
    const bool same = was_directory && (st.st_mode & kPermissions) == (lower->st_mode & kPermissions) &&
                      st.st_uid == lower->st_uid && st.st_gid == lower->st_gid;
    const bool same_time = same && (inner || (st.st_mtim.tv_sec == lower->st_mtim.tv_sec));
    if (is_last && same_time && !opaque) {
      changes_.pop_back();
      stubs_.push_back(path);
      stub = stub || inner;
    }
    return true;
  }

  // The names that an opaque directory hides and does not replace.
  bool hidden_names(const std::string& path, const std::vector<std::string>& names,
                    const std::vector<UniqueFd>& lowers) {
    std::vector<std::string> all;
    for (const UniqueFd& lower : lowers)
      if (!read_names(lower.get(), all)) return fail("getdents64", path);
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    for (const std::string& name : all) {
      struct stat lower;
      if (std::binary_search(names.begin(), names.end(), name)) continue;
      if (!find_lower(lowers, name.c_str(), lower, nullptr)) continue;
      changes_.push_back({below(path, name), Kind::deleted, false, false});
    }
    return true;
  }

  const Tree& tree_;
  // `trusted.overlay.`
  std::string prefix_;
  bool hidden_;
  std::vector<Change>& changes_;
  std::vector<std::string>& stubs_;
  Problem& problem_;
};

}  // namespace

long open_in_tree(int root, const std::string& path, int flags) {
  const sys::OpenHow how = {static_cast<uint64_t>(flags | O_CLOEXEC), 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
  long fd;
  // EAGAIN: something was renamed during the lookup, anywhere on the machine.
  do fd = sys::openat2(root, path.empty() ? "." : path.c_str(), &how);
  while (fd == -EAGAIN);
  return fd;
}

bool is_whiteout(const struct stat& st) { return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0); }

std::string entry_of(int directory, std::string_view name) {
  std::string path = "/proc/self/fd/" + std::to_string(directory) + "/";
  path.append(name);
  return path;
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? "" : path.substr(0, slash);
}

const char* name_in(const std::string& path) {
  const size_t slash = path.rfind('/');
  return path.c_str() + (slash == path.npos ? 0 : slash + 1);
}

bool find_changes(const Tree& tree, bool hidden, std::vector<Change>& changes, std::vector<std::string>& stubs,
                  Problem& problem) {
  std::vector<UniqueFd> lowers;
  for (int lower : tree.lowers) {
    const int copy = dup(lower);
    if (copy < 0) {
      problem = {"dup", errno, "", ""};
      return false;
    }
    lowers.emplace_back(copy);
  }
  bool stub = false;
  return Finder(tree, hidden, changes, stubs, problem).directory(tree.upper, "", lowers, false, stub);
}

}  // namespace tsubo::pack
