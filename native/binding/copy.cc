// SPDX-License-Identifier: Apache-2.0
//
// Copies files between two roots, such as that of a container and that of the host. Every path is resolved below its
// root, and below the two starting points no symbolic link is followed.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "binding/path.h"
#include "binding/table.h"
#include "core/fd.h"

namespace tsubo::binding {

namespace {

// Each level keeps two descriptors open.
constexpr int kDeepest = 400;
constexpr size_t kPiece = 1 << 20;
constexpr mode_t kPermissions = 07777;

struct Owner {
  bool keep_user;
  bool keep_group;
  uid_t uid;
  gid_t gid;
};

struct Choices {
  Owner owner;
  // The permissions of all copies; negative: each copy has those of its source.
  int64_t mode = -1;
  bool overwrite = false;
  // Paths that are not copied, sorted by bytes.
  std::vector<std::string> without;
};

struct Failure {
  const char* syscall = nullptr;
  int error = 0;
  std::string path;

  bool failed() const { return error != 0; }
};

Failure failure(const char* syscall, const std::string& path) { return {syscall, errno, path}; }

long open_in(int root, const std::string& path, uint64_t flags) {
  open_how how = {};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  long fd;
  do fd = syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
  while (fd < 0 && (errno == EAGAIN || errno == EINTR));
  return fd;
}

class Copier {
 public:
  explicit Copier(Choices choices) : choices_(std::move(choices)) {}

  // Copies the entry `from_name` of `from` as `to_name` of `to`.
  Failure entry(int from, const char* from_name, int to, const char* to_name, const std::string& path, int depth) {
    struct stat st;
    if (fstatat(from, from_name, &st, AT_SYMLINK_NOFOLLOW) < 0) return failure("newfstatat", path);
    if (S_ISDIR(st.st_mode)) return directory(from, from_name, to, to_name, st, path, depth);
    if (Failure f = remove_old(to, to_name, path); f.failed()) return f;
    if (S_ISREG(st.st_mode)) return file(from, from_name, to, to_name, st, path);
    if (S_ISLNK(st.st_mode)) return link(from, from_name, to, to_name, st, path);
    // Skip sockets: a copy would not be connected to the process that listens.
    if (S_ISSOCK(st.st_mode)) return {};
    if (mknodat(to, to_name, st.st_mode, st.st_rdev) < 0) return failure("mknodat", path);
    if (fchmodat(to, to_name, st.st_mode & kPermissions, 0) < 0) return failure("fchmodat", path);
    return by_name(to, to_name, st, path);
  }

  Failure content(int from, int to, const std::string& path, int depth) {
    if (depth > kDeepest) {
      errno = ELOOP;
      return failure("openat", path);
    }
    const int copy = dup(from);
    if (copy < 0) return failure("dup", path);
    DIR* stream = fdopendir(copy);
    if (stream == nullptr) {
      Failure f = failure("fdopendir", path);
      ::close(copy);
      return f;
    }
    Failure result;
    while (!result.failed()) {
      errno = 0;
      const dirent* found = readdir(stream);
      if (found == nullptr) {
        if (errno != 0) result = failure("getdents64", path);
        break;
      }
      if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0) continue;
      const std::string inner = (path == "/" ? path : path + "/") + found->d_name;
      if (std::binary_search(choices_.without.begin(), choices_.without.end(), inner)) continue;
      result = entry(from, found->d_name, to, found->d_name, inner, depth + 1);
    }
    closedir(stream);
    return result;
  }

  // Sets owner, mode, attributes and times. The owner is first: chown(2) removes set-uid bits.
  Failure properties(int from, int to, const struct stat& st, const std::string& path) {
    if (fchown(to, uid(st), gid(st)) < 0) return failure("fchown", path);
    const mode_t mode = choices_.mode >= 0 ? static_cast<mode_t>(choices_.mode) : st.st_mode;
    if (fchmod(to, mode & kPermissions) < 0) return failure("fchmod", path);
    if (Failure f = attributes(from, to, path); f.failed()) return f;
    const timespec times[] = {st.st_atim, st.st_mtim};
    if (futimens(to, times) < 0) return failure("utimensat", path);
    return {};
  }

 private:
  uid_t uid(const struct stat& st) const { return choices_.owner.keep_user ? st.st_uid : choices_.owner.uid; }
  gid_t gid(const struct stat& st) const { return choices_.owner.keep_group ? st.st_gid : choices_.owner.gid; }

  Failure directory(int from, const char* from_name, int to, const char* to_name, const struct stat& st,
                    const std::string& path, int depth) {
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    UniqueFd source(openat(from, from_name, kFlags));
    if (!source.open()) return failure("openat", path);
    const bool is_new = mkdirat(to, to_name, 0700) == 0;
    if (!is_new && errno != EEXIST) return failure("mkdirat", path);
    UniqueFd target(openat(to, to_name, kFlags));
    if (!target.open()) return failure("openat", path);
    if (Failure f = content(source.get(), target.get(), path, depth); f.failed()) return f;
    return is_new || choices_.overwrite ? properties(source.get(), target.get(), st, path) : Failure();
  }

  Failure file(int from, const char* from_name, int to, const char* to_name, const struct stat& st,
               const std::string& path) {
    // O_NONBLOCK: the file may have been replaced by a FIFO.
    UniqueFd source(openat(from, from_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!source.open()) return failure("openat", path);
    struct stat opened;
    if (fstat(source.get(), &opened) < 0) return failure("fstat", path);
    if (!S_ISREG(opened.st_mode)) {
      errno = ESTALE;
      return failure("openat", path);
    }
    UniqueFd target(openat(to, to_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!target.open()) return failure("openat", path);
    while (true) {
      const ssize_t n = sendfile(target.get(), source.get(), nullptr, kPiece);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failure("sendfile", path);
      if (n == 0) break;
    }
    return properties(source.get(), target.get(), st, path);
  }

  Failure link(int from, const char* from_name, int to, const char* to_name, const struct stat& st,
               const std::string& path) {
    std::string text(static_cast<size_t>(st.st_size) + 1, '\0');
    const ssize_t n = readlinkat(from, from_name, text.data(), text.size());
    if (n < 0) return failure("readlinkat", path);
    text.resize(static_cast<size_t>(n));
    if (symlinkat(text.c_str(), to, to_name) < 0) return failure("symlinkat", path);
    return by_name(to, to_name, st, path);
  }

  Failure by_name(int to, const char* to_name, const struct stat& st, const std::string& path) {
    if (fchownat(to, to_name, uid(st), gid(st), AT_SYMLINK_NOFOLLOW) < 0) return failure("fchownat", path);
    const timespec times[] = {st.st_atim, st.st_mtim};
    if (utimensat(to, to_name, times, AT_SYMLINK_NOFOLLOW) < 0) return failure("utimensat", path);
    return {};
  }

  static Failure remove_old(int to, const char* to_name, const std::string& path) {
    if (unlinkat(to, to_name, 0) == 0 || errno == ENOENT) return {};
    return failure("unlinkat", path);
  }

  // Copies the extended attributes, except for those by which an overlay marks its own directories.
  static Failure attributes(int from, int to, const std::string& path) {
    const ssize_t size = flistxattr(from, nullptr, 0);
    if (size <= 0) return size == 0 || errno == EOPNOTSUPP ? Failure() : failure("flistxattr", path);
    std::string names(static_cast<size_t>(size), '\0');
    const ssize_t filled = flistxattr(from, names.data(), names.size());
    if (filled < 0) return failure("flistxattr", path);
    std::string value;
    for (size_t at = 0; at < static_cast<size_t>(filled); at += strlen(names.c_str() + at) + 1) {
      const char* name = names.c_str() + at;
      if (strncmp(name, "trusted.overlay.", 16) == 0) continue;
      // The calls fail if the attribute was removed meanwhile, or if this process may not read it.
      const ssize_t length = fgetxattr(from, name, nullptr, 0);
      if (length < 0) continue;
      value.resize(static_cast<size_t>(length));
      const ssize_t read = fgetxattr(from, name, value.data(), value.size());
      if (read < 0) continue;
      // The other file system may not support the attribute.
      if (fsetxattr(to, name, value.data(), static_cast<size_t>(read), 0) < 0 && errno != EOPNOTSUPP && errno != EPERM)
        return failure("fsetxattr", path);
    }
    return {};
  }

  Choices choices_;
};

Outcome outcome(const Failure& f) {
  if (!f.failed()) return {};
  return refused(f.syscall, f.error, f.path);
}

}  // namespace

namespace function {

Outcome copyTree(const Arguments& a) {
  const Value& request = a[0];
  const std::string from = request.field("from").text();
  const std::string to = request.field("to").text();
  const std::string name = request.field("name").text();
  const Value& owner = request.field("owner");
  for (const std::string& text : {from, to, name})
    if (has_nul(text)) return refused("openat2", EINVAL, text);
  UniqueFd target(open_in(static_cast<int>(request.field("toRoot").number()), to, O_RDONLY | O_DIRECTORY));
  if (!target.open()) return refused("openat2", errno, to);
  const Value& group = request.field("group").is_undefined() ? owner : request.field("group");
  Choices choices;
  choices.owner = {owner.is_undefined(), group.is_undefined(), static_cast<uid_t>(owner.number()),
                   static_cast<gid_t>(group.number())};
  if (const Value& mode = request.field("mode"); !mode.is_undefined()) choices.mode = mode.number();
  choices.overwrite = request.field("overwrite").truth();
  for (const Value& path : request.field("without").items()) choices.without.push_back(path.text());
  Copier copier(std::move(choices));
  const int from_root = static_cast<int>(request.field("fromRoot").number());
  if (name.empty()) {
    UniqueFd source(open_in(from_root, from, O_RDONLY | O_DIRECTORY));
    if (!source.open()) return refused("openat2", errno, from);
    Failure f = copier.content(source.get(), target.get(), from, 0);
    struct stat st;
    if (!f.failed() && request.field("properties").truth()) {
      f = fstat(source.get(), &st) < 0 ? failure("fstat", from)
                                       : copier.properties(source.get(), target.get(), st, from);
    }
    return outcome(f);
  }
  const size_t slash = from.find_last_of('/');
  const std::string parent = slash == std::string::npos ? "." : from.substr(0, slash + 1);
  const std::string last = slash == std::string::npos ? from : from.substr(slash + 1);
  UniqueFd source(open_in(from_root, parent, O_RDONLY | O_DIRECTORY));
  if (!source.open()) return refused("openat2", errno, from);
  return outcome(copier.entry(source.get(), last.c_str(), target.get(), name.c_str(), from, 0));
}

Outcome rename(const Arguments& a) {
  const std::string& from = a[0].text();
  const std::string& to = a[1].text();
  if (has_nul(from) || has_nul(to)) return refused("rename", EINVAL, to);
  return ::rename(from.c_str(), to.c_str()) < 0 ? refused("rename", errno, to) : Outcome();
}

}  // namespace function

}  // namespace tsubo::binding
