// SPDX-License-Identifier: Apache-2.0
#include "unpack/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

namespace tsubo::unpack {

namespace {

constexpr size_t kMostLinks = 40;
constexpr uint64_t kLinksInRoot = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
constexpr uint64_t kNoLinks = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kReserved = ".wh..wh.";

long open_below(int root, const std::string& path, int flags, uint64_t resolve) {
  const sys::OpenHow how = {static_cast<uint64_t>(flags | O_CLOEXEC), 0, resolve};
  long fd;
  // EAGAIN: something was renamed during the lookup of a `..`, anywhere on the machine.
  do fd = sys::openat2(root, path.empty() ? "." : path.c_str(), &how);
  while (fd == -EAGAIN);
  return fd;
}

long result(long r) { return r < 0 ? -errno : r; }

std::string in_proc(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

// The path without empty components, `.`, `..` and the first slash: `..` above the top stays at the top.
std::string clean(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    path.remove_prefix(slash == path.npos ? path.size() : slash + 1);
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      const size_t last = out.rfind('/');
      out.resize(last == out.npos ? 0 : last);
      continue;
    }
    if (!out.empty()) out.push_back('/');
    out.append(name);
  }
  return out;
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? "" : path.substr(0, slash);
}

std::string name_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}

bool is_whiteout(const struct stat& st) { return S_ISCHR(st.st_mode) && st.st_rdev == 0; }

bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

// Attributes that would change how the kernel combines the layers, and labels of the machine that made the archive.
bool is_dropped(const std::string& name) {
  return starts_with(name, "trusted.overlay.") || starts_with(name, "user.overlay.") || name == "security.selinux";
}

// For utimensat(2).
struct Times {
  Times(const Time& accessed, const Time& modified)
      : both{{accessed.seconds, static_cast<long>(accessed.nanoseconds)},
             {modified.seconds, static_cast<long>(modified.nanoseconds)}} {}
  timespec both[2];
};

std::string joined(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

long remove_all(int parent, const char* name, int depth) {
  // Each level holds a descriptor.
  constexpr int kDeepest = 512;
  if (result(unlinkat(parent, name, 0)) == 0) return 0;
  if (errno != EISDIR && errno != EPERM) return -errno;
  if (depth == kDeepest) return -ENAMETOOLONG;
  UniqueFd fd(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.open()) return -errno;
  alignas(8) char room[8192];
  while (true) {
    const long n = sys::call(__NR_getdents64, fd.get(), sys::arg(room), sizeof room);
    if (n < 0) return n;
    bool removed = false;
    for (long at = 0; at < n;) {
      // linux_dirent64: inode and offset of 8 bytes, the length of 2, the type of 1, the name.
      uint16_t length;
      memcpy(&length, room + at + 16, sizeof length);
      const char* entry = room + at + 19;
      at += length;
      if (strcmp(entry, ".") == 0 || strcmp(entry, "..") == 0) continue;
      if (const long r = remove_all(fd.get(), entry, depth + 1); r < 0) return r;
      removed = true;
    }
    if (!removed) break;
    if (const long r = result(lseek(fd.get(), 0, SEEK_SET)); r < 0) return r;
  }
  return result(unlinkat(parent, name, AT_REMOVEDIR));
}

}  // namespace

// The file that an overlay would show at a path: in this tree, or in one below it.
struct Placer::Found {
  UniqueFd fd;
  struct stat status = {};
  // This tree has a whiteout there.
  bool whiteout = false;
  bool below = false;
};

Placer::Placer(Options options, Reader& reader) : options_(std::move(options)), reader_(reader) {
  // umask(2) cannot read the mask without setting it.
  umask_ = umask(077);
  umask(umask_);
}

bool Placer::fail(const char* syscall, int error) {
  problem_.syscall = syscall;
  problem_.error = error;
  return false;
}

bool Placer::fail(std::string reason) {
  problem_.reason = std::move(reason);
  return false;
}

bool Placer::not_kept(const char* syscall, int error, uint64_t& count) {
  if (options_.strict) return fail(syscall, error);
  count++;
  return true;
}

int Placer::remember(const std::string& path, UniqueFd fd) {
  Open* oldest = open_;
  for (Open& slot : open_) {
    if (slot.used < oldest->used) oldest = &slot;
  }
  oldest->path = path;
  oldest->used = ++uses_;
  oldest->fd.reset(fd.release());
  return oldest->fd.get();
}

int Placer::directory(const std::string& path, Missing missing) {
  if (path.empty()) return options_.tree;
  if (stale_) {
    for (Open& slot : open_) slot.fd.reset();
    stale_ = false;
  }
  for (Open& slot : open_) {
    if (!slot.fd.open() || slot.path != path) continue;
    slot.used = ++uses_;
    return slot.fd.get();
  }
  long fd = open_below(options_.tree, path, O_PATH | O_DIRECTORY, kLinksInRoot);
  if (fd == -ENOENT || fd == -ENOTDIR) {
    std::string canonical;
    const long walked = walk(path, missing, canonical);
    if (walked < 0) return static_cast<int>(walked);
    fd = open_below(options_.tree, canonical, O_PATH | O_DIRECTORY, kNoLinks);
  }
  return fd < 0 ? static_cast<int>(fd) : remember(path, UniqueFd(fd));
}

bool Placer::is_opaque(int fd) const {
  char value[2];
  return getxattr(in_proc(fd).c_str(), options_.opaque.c_str(), value, sizeof value) == 1 && value[0] == 'y';
}

// Returns true if the directory or one above it in the tree `root` is opaque: it hides those of lower layers.
bool Placer::passes_opaque(int root, const std::string& path) const {
  for (size_t end = 0; end != path.npos;) {
    end = path.find('/', end + 1);
    const UniqueFd fd(open_below(root, path.substr(0, end), O_PATH | O_NOFOLLOW, kNoLinks));
    if (fd.open() && is_opaque(fd.get())) return true;
  }
  return false;
}

// Opens the file that the lower layers show at the path. `fd` stays closed if there is none. Precondition: no component
// of the path is a link.
long Placer::find_below(const std::string& path, UniqueFd& fd) {
  const std::string parent = parent_of(path);
  if (hides_all_ || passes_opaque(options_.tree, parent)) return 0;
  for (int lower : options_.lowers) {
    const long opened = open_below(lower, path, O_PATH | O_NOFOLLOW, kNoLinks);
    if (opened >= 0) {
      fd.reset(opened);
      struct stat st;
      if (fstat(fd.get(), &st) < 0) return -errno;
      if (is_whiteout(st)) fd.reset();
      return 0;
    }
    // A whiteout, a file or a link above the path hides all lower layers.
    if (opened == -ENOTDIR || opened == -ELOOP) return 0;
    if (opened != -ENOENT) return opened;
    if (passes_opaque(lower, parent)) return 0;
  }
  return 0;
}

long Placer::find(const std::string& path, Found& found) {
  const long opened = open_below(options_.tree, path, O_PATH | O_NOFOLLOW, kNoLinks);
  if (opened < 0 && opened != -ENOENT) return opened;
  found.fd.reset(opened);
  if (!found.fd.open()) {
    if (const long r = find_below(path, found.fd); r < 0) return r;
    found.below = found.fd.open();
  }
  if (!found.fd.open()) return 0;
  if (fstat(found.fd.get(), &found.status) < 0) return -errno;
  found.whiteout = is_whiteout(found.status);
  if (found.whiteout) found.fd.reset();
  return 0;
}

// Follows the path one name after the other, as an overlay of this tree and the lower ones shows it.
long Placer::walk(const std::string& path, Missing missing, std::string& canonical) {
  std::vector<std::string> todo;
  const auto push = [&todo](std::string_view text) {
    const size_t before = todo.size();
    while (!text.empty()) {
      const size_t slash = text.find('/');
      if (slash != 0) todo.emplace_back(text.substr(0, slash));
      text.remove_prefix(slash == text.npos ? text.size() : slash + 1);
    }
    std::reverse(todo.begin() + static_cast<std::ptrdiff_t>(before), todo.end());
  };
  push(path);
  size_t links = 0;
  canonical.clear();
  while (!todo.empty()) {
    const std::string name = std::move(todo.back());
    todo.pop_back();
    if (name == ".") continue;
    if (name == "..") {
      canonical = parent_of(canonical);
      continue;
    }
    const std::string next = joined(canonical, name);
    Found found;
    if (const long r = find(next, found); r < 0) return r;
    if (found.fd.open() && S_ISLNK(found.status.st_mode)) {
      char target[4096];
      const ssize_t n = readlinkat(found.fd.get(), "", target, sizeof target);
      if (n < 0) return -errno;
      if (++links > kMostLinks) return -ELOOP;
      uses_lowers_ = uses_lowers_ || found.below;
      if (n > 0 && target[0] == '/') canonical.clear();
      push(std::string_view(target, static_cast<size_t>(n)));
      continue;
    }
    if (found.fd.open() && !S_ISDIR(found.status.st_mode)) return -ENOTDIR;
    if (!found.fd.open() && missing == Missing::leave) return -ENOENT;
    if (!found.fd.open() || found.below) {
      if (const long r = make_missing(next, found); r < 0) return r;
    }
    canonical = next;
  }
  return 0;
}

// Makes a directory that the archive has no entry for.
long Placer::make_missing(const std::string& path, const Found& found) {
  const UniqueFd parent(open_below(options_.tree, parent_of(path), O_PATH | O_DIRECTORY, kNoLinks));
  if (!parent.open()) return -ENOENT;
  const std::string name = name_of(path);
  if (found.whiteout) {
    if (const long r = result(unlinkat(parent.get(), name.c_str(), 0)); r < 0) return r;
  }
  constexpr unsigned kMode = 0755;
  if (const long r = result(mkdirat(parent.get(), name.c_str(), 0700)); r < 0) return r;
  const UniqueFd fd(openat(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat st;
  if (!fd.open() || fstat(fd.get(), &st) < 0) return -errno;
  if (found.whiteout) {
    if (!set_opaque(fd.get())) return -problem_.error;
  } else {
    uses_lowers_ = true;
  }
  if (!found.below) {
    defer(path, st.st_ino, kMode, modified_, modified_);
    return 0;
  }
  const struct stat& like = found.status;
  if ((like.st_uid != st.st_uid || like.st_gid != st.st_gid) && fchown(fd.get(), like.st_uid, like.st_gid) < 0) {
    if (options_.strict) return -errno;
    counts_.owners++;
  }
  defer(path, st.st_ino, like.st_mode & 07777, {like.st_mtim.tv_sec, static_cast<uint32_t>(like.st_mtim.tv_nsec)},
        {like.st_atim.tv_sec, static_cast<uint32_t>(like.st_atim.tv_nsec)});
  return copy_xattrs(found.fd.get(), fd.get());
}

long Placer::copy_xattrs(int from, int to) {
  const std::string path = in_proc(from);
  std::string names(64 << 10, '\0'), value(64 << 10, '\0');
  const ssize_t size = listxattr(path.c_str(), names.data(), names.size());
  if (size < 0) return errno == EOPNOTSUPP ? 0 : -errno;
  for (const char* name = names.data(); name < names.data() + size; name += strlen(name) + 1) {
    if (is_dropped(name)) continue;
    const ssize_t n = getxattr(path.c_str(), name, value.data(), value.size());
    if (n < 0) return -errno;
    if (fsetxattr(to, name, value.data(), static_cast<size_t>(n), 0) == 0) continue;
    if (options_.strict) return -errno;
    counts_.xattrs++;
  }
  return 0;
}

void Placer::defer(const std::string& path, uint64_t inode, uint32_t mode, const Time& modified, const Time& accessed) {
  const auto depth = static_cast<uint32_t>(std::count(path.begin(), path.end(), '/'));
  directories_.push_back({paths_.size(), inode, mode, depth, modified, accessed});
  paths_.append(path).push_back('\0');
}

// Calls `make`. If the name exists, removes it and calls `make` again.
template <typename Make>
bool Placer::make_anew(const Place& at, const char* syscall, Make make) {
  long r = make();
  if (r == -EEXIST) {
    stale_ = true;
    if (const long removed = remove_all(at.parent, at.name, 0); removed < 0) {
      return fail("unlinkat", static_cast<int>(-removed));
    }
    r = make();
  }
  return r >= 0 || fail(syscall, static_cast<int>(-r));
}

bool Placer::place(const Entry& entry) {
  counts_.entries++;
  modified_ = entry.modified;
  const std::string path = clean(entry.name);
  if (path.empty()) {
    return entry.type == Type::directory ? place_directory(entry, path, {options_.tree, "."})
                                         : fail("the entry would replace the root");
  }
  const std::string parent_path = parent_of(path), name = name_of(path);
  if (options_.layer && options_.whiteouts && starts_with(name, kWhiteout)) {
    if (name == kOpaque) return hide_lower(parent_path);
    // Records of aufs, which do not belong to the image.
    if (starts_with(name, kReserved)) return true;
    const std::string hidden = name.substr(kWhiteout.size());
    if (hidden.empty() || hidden == "." || hidden == "..") return fail("the whiteout has no name");
    return place_whiteout(parent_path, hidden.c_str());
  }
  const int parent = directory(parent_path, Missing::make);
  if (parent < 0) return fail("openat2", -parent);
  const Place at = {parent, name.c_str()};
  switch (entry.type) {
    case Type::file:
      return place_file(entry, at);
    case Type::directory:
      return place_directory(entry, path, at);
    case Type::hard_link:
      return place_hard_link(entry, at);
    case Type::symlink:
      return place_symlink(entry, at);
    default:
      return options_.layer ? place_node(entry, at)
                            : fail("the entry is a device or a FIFO, which this archive may not contain");
  }
}

bool Placer::write_data(const Entry& entry, int fd) {
  if (entry.sparse && ftruncate(fd, static_cast<off_t>(entry.size)) < 0) return fail("ftruncate", errno);
  size_t part = 0;
  uint64_t at = 0, left = entry.stored;
  while (true) {
    std::string_view bytes = reader_.data();
    if (bytes.empty()) return !reader_.failed();
    while (!bytes.empty()) {
      if (entry.sparse) {
        // The parts are as long together as the data.
        for (left = entry.parts[part].size - at; left == 0; left = entry.parts[part].size) part++, at = 0;
      }
      const size_t size = bytes.size() < left ? bytes.size() : static_cast<size_t>(left);
      const ssize_t n = entry.sparse ? pwrite(fd, bytes.data(), size, static_cast<off_t>(entry.parts[part].offset + at))
                                     : write(fd, bytes.data(), size);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail("write", errno);
      at += static_cast<uint64_t>(n);
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
}

bool Placer::place_file(const Entry& entry, const Place& at) {
  const unsigned mode = options_.layer ? entry.mode : 0644;
  UniqueFd fd;
  if (!make_anew(at, "openat", [&] {
        fd.reset(openat(at.parent, at.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0777));
        return fd.open() ? 0 : -errno;
      })) {
    return false;
  }
  if (!write_data(entry, fd.get())) return false;
  if (!options_.layer) return true;
  struct stat st;
  if (fstat(fd.get(), &st) < 0) return fail("fstat", errno);
  // The change of the owner takes set-uid bits and capabilities away: they come after it.
  if ((st.st_uid != entry.uid || st.st_gid != entry.gid) && fchown(fd.get(), entry.uid, entry.gid) < 0 &&
      !not_kept("fchown", errno, counts_.owners)) {
    return false;
  }
  if (mode != (mode & 0777 & ~umask_) && fchmod(fd.get(), mode) < 0) return fail("fchmod", errno);
  if (!entry.xattrs.empty() && !set_xattrs(entry, fd.get(), "")) return false;
  if (futimens(fd.get(), Times(entry.accessed, entry.modified).both) < 0) return fail("utimensat", errno);
  return true;
}

bool Placer::place_directory(const Entry& entry, const std::string& path, const Place& at) {
  bool opaque = false;
  if (!path.empty()) {
    struct stat st;
    long r = result(mkdirat(at.parent, at.name, 0700));
    if (r == -EEXIST && fstatat(at.parent, at.name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode)) {
      // Files that a whiteout hides must not come back in the new directory.
      opaque = is_whiteout(st);
      stale_ = true;
      if (unlinkat(at.parent, at.name, 0) < 0) return fail("unlinkat", errno);
      r = result(mkdirat(at.parent, at.name, 0700));
    }
    if (r < 0 && r != -EEXIST) return fail("mkdirat", static_cast<int>(-r));
  }
  UniqueFd fd(openat(at.parent, at.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat st;
  if (!fd.open()) return fail("openat", errno);
  if (fstat(fd.get(), &st) < 0) return fail("fstat", errno);
  if (!options_.layer) return fchmod(fd.get(), 0755) == 0 || fail("fchmod", errno);
  if ((st.st_uid != entry.uid || st.st_gid != entry.gid) && fchown(fd.get(), entry.uid, entry.gid) < 0 &&
      !not_kept("fchown", errno, counts_.owners)) {
    return false;
  }
  if (opaque && !set_opaque(fd.get())) return false;
  if (!entry.xattrs.empty() && !set_xattrs(entry, fd.get(), "")) return false;
  defer(path, st.st_ino, entry.mode, entry.modified, entry.accessed);
  if (!path.empty() && !stale_) remember(path, std::move(fd));
  return true;
}

bool Placer::place_symlink(const Entry& entry, const Place& at) {
  if (entry.link.empty()) return fail("the symbolic link has no target");
  return make_anew(at, "symlinkat", [&] { return result(symlinkat(entry.link.c_str(), at.parent, at.name)); }) &&
         describe_by_name(entry, at);
}

bool Placer::place_node(const Entry& entry, const Place& at) {
  const mode_t kind = entry.type == Type::fifo ? S_IFIFO : entry.type == Type::char_device ? S_IFCHR : S_IFBLK;
  const dev_t device = entry.type == Type::fifo ? 0 : makedev(entry.major, entry.minor);
  long r = 0;
  const bool made = make_anew(at, "mknodat", [&] {
    r = result(mknodat(at.parent, at.name, kind | 0600, device));
    return r;
  });
  if (!made) {
    const bool tolerated = r == -EPERM && !options_.strict;
    if (tolerated) problem_ = {}, counts_.devices++;
    return tolerated;
  }
  return describe_by_name(entry, at);
}

// Sets owner, mode, attributes and times of an entry without a descriptor. The name was just created: it cannot refer
// to another file.
bool Placer::describe_by_name(const Entry& entry, const Place& at) {
  if (!options_.layer) return true;
  struct stat st;
  if (fstatat(at.parent, at.name, &st, AT_SYMLINK_NOFOLLOW) < 0) return fail("fstatat", errno);
  if ((st.st_uid != entry.uid || st.st_gid != entry.gid) &&
      fchownat(at.parent, at.name, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) < 0 &&
      !not_kept("fchownat", errno, counts_.owners)) {
    return false;
  }
  if (entry.type != Type::symlink && fchmodat(at.parent, at.name, entry.mode, 0) < 0) return fail("fchmodat", errno);
  if (!entry.xattrs.empty() && !set_xattrs(entry, -1, in_proc(at.parent) + "/" + at.name)) return false;
  if (utimensat(at.parent, at.name, Times(entry.accessed, entry.modified).both, AT_SYMLINK_NOFOLLOW) < 0) {
    return fail("utimensat", errno);
  }
  return true;
}

bool Placer::set_xattrs(const Entry& entry, int fd, const std::string& path) {
  for (const auto& [name, value] : entry.xattrs) {
    if (is_dropped(name)) continue;
    const int r = fd >= 0 ? fsetxattr(fd, name.c_str(), value.data(), value.size(), 0)
                          : lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0);
    if (r == 0) continue;
    // The file system has no attributes, or none of this kind for links. The image works without them.
    if (errno == EOPNOTSUPP || (errno == EPERM && entry.type != Type::file && starts_with(name, "user."))) {
      counts_.xattrs++;
    } else if (!not_kept("setxattr", errno, counts_.xattrs)) {
      return false;
    }
  }
  return true;
}

bool Placer::place_hard_link(const Entry& entry, const Place& at) {
  const std::string target = clean(entry.link);
  const std::string target_parent = parent_of(target), target_name = name_of(target);
  if (target.empty()) return fail("the entry is a hard link to the root");
  const int from = directory(target_parent, Missing::leave);
  if (from == -ENOENT) return fail("the target of the hard link does not exist: " + entry.link);
  if (from < 0) return fail("openat2", -from);
  struct stat there;
  if (fstatat(from, target_name.c_str(), &there, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno != ENOENT) return fail("fstatat", errno);
    if (!link_to_lower(target_parent, target_name.c_str(), {from, target_name.c_str()})) {
      if (problem_.syscall == nullptr) fail("the target of the hard link does not exist: " + entry.link);
      return false;
    }
    if (fstatat(from, target_name.c_str(), &there, AT_SYMLINK_NOFOLLOW) < 0) return fail("fstatat", errno);
  }
  if (S_ISDIR(there.st_mode)) return fail("the entry is a hard link to a directory: " + entry.link);
  if (is_whiteout(there)) return fail("the target of the hard link does not exist: " + entry.link);
  struct stat here;
  // Both names are the same file: the removal of the old name would remove the target.
  if (fstatat(at.parent, at.name, &here, AT_SYMLINK_NOFOLLOW) == 0 && here.st_dev == there.st_dev &&
      here.st_ino == there.st_ino) {
    return true;
  }
  return make_anew(at, "linkat", [&] { return result(linkat(from, target_name.c_str(), at.parent, at.name, 0)); });
}

// Links a file of a lower layer at the same place of this tree: an overlay then shows one file under both names. The
// lower layer is never written, therefore both trees can have the same inode.
bool Placer::link_to_lower(const std::string& parent, const char* name, const Place& at) {
  std::string canonical;
  if (const long r = walk(parent, Missing::leave, canonical); r < 0) return fail("openat2", static_cast<int>(-r));
  const std::string path = joined(canonical, name);
  UniqueFd found;
  if (const long r = find_below(path, found); r < 0) return fail("openat2", static_cast<int>(-r));
  if (!found.open()) return false;
  struct stat wanted, st;
  if (fstat(found.get(), &wanted) < 0) return fail("fstat", errno);
  if (S_ISDIR(wanted.st_mode)) return false;
  uses_lowers_ = true;
  for (int lower : options_.lowers) {
    const UniqueFd directory(open_below(lower, canonical, O_PATH | O_DIRECTORY, kNoLinks));
    if (!directory.open() || fstatat(directory.get(), name, &st, AT_SYMLINK_NOFOLLOW) < 0) continue;
    if (st.st_ino != wanted.st_ino || st.st_dev != wanted.st_dev) continue;
    if (linkat(directory.get(), name, at.parent, at.name, 0) < 0) return fail("linkat", errno);
    return true;
  }
  return false;
}

bool Placer::set_opaque(int fd) {
  return fsetxattr(fd, options_.opaque.c_str(), "y", 1, 0) == 0 || fail("setxattr", errno);
}

bool Placer::hide_lower(const std::string& path) {
  if (path.empty()) {
    hides_all_ = true;
    return true;
  }
  const int directory_fd = directory(path, Missing::leave);
  // No layer has the directory, or the name is not a directory: there is nothing to hide.
  if (directory_fd == -ENOENT || directory_fd == -ENOTDIR) return true;
  if (directory_fd < 0) return fail("openat2", -directory_fd);
  const UniqueFd fd(openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd.open() ? set_opaque(fd.get()) : fail("openat", errno);
}

bool Placer::place_whiteout(const std::string& parent_path, const char* hidden) {
  const int parent = directory(parent_path, Missing::leave);
  // No layer has the directory: there is nothing to hide.
  if (parent == -ENOENT || parent == -ENOTDIR) return true;
  if (parent < 0) return fail("openat2", -parent);
  if (mknodat(parent, hidden, S_IFCHR, 0) == 0) return true;
  if (errno != EEXIST) return fail("mknodat", errno);
  struct stat st;
  if (fstatat(parent, hidden, &st, AT_SYMLINK_NOFOLLOW) < 0) return fail("fstatat", errno);
  // A whiteout hides what the lower layers have: a file of this layer stays, and a directory hides the lower one.
  if (!S_ISDIR(st.st_mode)) return true;
  const UniqueFd fd(openat(parent, hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return fd.open() ? set_opaque(fd.get()) : fail("openat", errno);
}

bool Placer::finish() {
  if (!options_.layer) return true;
  // The mode of a root that has no entry in the archive. The caller's umask applied when the root was made.
  if (fchmod(options_.tree, 0755) < 0) return fail("fchmod", errno);
  // The last of several entries for one directory is used. Inner directories come first: without root's rights the mode
  // of an outer one may deny access to them.
  std::vector<size_t> order(directories_.size());
  for (size_t i = 0; i < order.size(); i++) order[i] = i;
  std::sort(order.begin(), order.end(), [this](size_t a, size_t b) {
    const uint64_t left = directories_[a].inode, right = directories_[b].inode;
    return left != right ? left < right : a > b;
  });
  const auto same = [this](size_t a, size_t b) { return directories_[a].inode == directories_[b].inode; };
  order.erase(std::unique(order.begin(), order.end(), same), order.end());
  std::sort(order.begin(), order.end(), [this](size_t a, size_t b) {
    const uint32_t left = directories_[a].depth, right = directories_[b].depth;
    return left != right ? left > right : a > b;
  });
  for (size_t i : order) {
    const Directory& d = directories_[i];
    const char* path = paths_.c_str() + d.path;
    const UniqueFd fd(open_below(options_.tree, path, O_RDONLY | O_DIRECTORY, kLinksInRoot));
    struct stat st;
    // Another entry has replaced it.
    if (!fd.open() || fstat(fd.get(), &st) < 0 || st.st_ino != d.inode) continue;
    problem_.entry = path;
    if ((st.st_mode & 07777) != d.mode && fchmod(fd.get(), d.mode) < 0) return fail("fchmod", errno);
    if (futimens(fd.get(), Times(d.accessed, d.modified).both) < 0) return fail("utimensat", errno);
  }
  problem_.entry.clear();
  return true;
}

}  // namespace tsubo::unpack
