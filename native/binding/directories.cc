// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "binding/buffer.h"
#include "binding/json_members.h"
#include "binding/path.h"
#include "binding/table.h"
#include "core/fd.h"

namespace tsubo::binding {

namespace {

// The most bytes of a file of `readMembers`. The caller reads a larger one with a full parser.
constexpr size_t kRoom = 64 << 10;

// The result is split into texts of this many rows: parsing them one after the other needs less memory than one large
// text.
constexpr size_t kRowsInText = 128;

// Many short texts in one block, each with a terminating NUL. A thousand separate blocks would need three times the
// memory.
class Names {
 public:
  void add(const char* name) {
    begins_.push_back(text_.size());
    text_.append(name).push_back('\0');
  }
  // The order is by bytes.
  void sort() {
    std::sort(begins_.begin(), begins_.end(), [this](size_t a, size_t b) { return strcmp(at(a), at(b)) < 0; });
  }
  size_t size() const { return begins_.size(); }
  const char* operator[](size_t i) const { return at(begins_[i]); }

 private:
  const char* at(size_t begin) const { return text_.data() + begin; }

  std::string text_;
  std::vector<size_t> begins_;
};

// An open directory, closed by the destructor.
class Stream {
 public:
  explicit Stream(DIR* stream = nullptr) : stream_(stream) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { reset(nullptr); }

  DIR* get() const { return stream_; }
  void reset(DIR* stream) {
    if (stream_ != nullptr) closedir(stream_);
    stream_ = stream;
  }

 private:
  DIR* stream_;
};

bool is_directory(DIR* parent, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
  // Some file systems return DT_UNKNOWN.
  struct stat st;
  return fstatat(dirfd(parent), entry.d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

enum class Which { all, directories };

// Returns the names sorted by bytes, without `.` and `..`.
Outcome names_in(DIR* stream, const std::string& path, Which which, Names& names) {
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(stream);
    if (entry == nullptr) break;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (which == Which::all || is_directory(stream, *entry)) names.add(entry->d_name);
  }
  if (errno != 0) return refused("getdents64", errno, path);
  names.sort();
  return {};
}

Outcome open_and_list(const std::string& path, Which which, Stream& stream, Names& names) {
  // The kernel would cut the path at a NUL and open another directory.
  if (has_nul(path)) return refused("open", EINVAL, path);
  stream.reset(opendir(path.c_str()));
  if (stream.get() == nullptr) return refused("open", errno, path);
  return names_in(stream.get(), path, which, names);
}

constexpr int kDirectoryItself = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

// Opens a directory for the removal of its entries. Adds the owner's permissions if they are missing, as in the
// directories that an overlay makes in its work directory.
int open_to_remove(int parent, const char* name) {
  const int fd = openat(parent, name, O_RDONLY | kDirectoryItself);
  if (fd >= 0 || errno != EACCES) return fd;
  UniqueFd itself(openat(parent, name, O_PATH | kDirectoryItself));
  if (!itself.open() || chmod(("/proc/self/fd/" + std::to_string(itself.get())).c_str(), 0700) < 0) {
    errno = EACCES;
    return -1;
  }
  return openat(parent, name, O_RDONLY | kDirectoryItself);
}

// The most open descriptors of one removal, because a tree may be deeper than the limit of the process.
constexpr size_t kMostOpen = 16;

// A directory whose entries are being removed. The stream is closed while the removal is `kMostOpen` levels below.
struct Level {
  Stream stream;
  Names names;
  size_t next = 0;
  dev_t device = 0;
  ino_t inode = 0;

  int fd() const { return dirfd(stream.get()); }
};

// Removes a tree without recursion, because a deep tree would need too large a stack.
class TreeRemoval {
 public:
  TreeRemoval(int parent, const char* name, const std::string& path) : parent_(parent), name_(name), path_(path) {}

  Outcome run() {
    Outcome entered = enter(parent_, name_);
    while (entered.syscall == nullptr && !levels_.empty()) {
      Level& level = levels_.back();
      entered = level.next == level.names.size() ? leave() : remove_entry(level);
    }
    return entered;
  }

 private:
  // Lists all names before the first removal: the result of readdir during removals is unspecified.
  Outcome enter(int parent, const char* name) {
    const int fd = open_to_remove(parent, name);
    if (fd < 0) return errno == ENOENT ? Outcome() : failed("open");
    Level& level = levels_.emplace_back();
    level.stream.reset(fdopendir(fd));
    if (level.stream.get() == nullptr) {
      const int error = errno;
      close(fd);
      return failed("open", error);
    }
    Outcome listed = names_in(level.stream.get(), path_, Which::all, level.names);
    if (listed.syscall != nullptr) return failed(listed.syscall, listed.error);
    return levels_.size() > kMostOpen ? close_level(levels_[levels_.size() - 1 - kMostOpen]) : Outcome();
  }

  Outcome close_level(Level& level) {
    if (level.stream.get() == nullptr) return {};
    struct stat st;
    if (fstat(level.fd(), &st) < 0) return failed("fstat");
    level.device = st.st_dev;
    level.inode = st.st_ino;
    level.stream.reset(nullptr);
    return {};
  }

  // Opens the parent of a level again, unless another process has moved the level into another directory.
  Outcome open_again(const Level& level, Level& above) {
    int fd = openat(level.fd(), "..", O_RDONLY | kDirectoryItself);
    // A directory can be listed without the permission to search in it.
    if (fd < 0 && errno == EACCES && fchmod(level.fd(), 0700) == 0)
      fd = openat(level.fd(), "..", O_RDONLY | kDirectoryItself);
    if (fd < 0) return failed("open");
    above.stream.reset(fdopendir(fd));
    if (above.stream.get() == nullptr) {
      const int error = errno;
      close(fd);
      return failed("open", error);
    }
    struct stat st;
    if (fstat(fd, &st) < 0) return failed("fstat");
    return st.st_dev == above.device && st.st_ino == above.inode ? Outcome() : failed("open", ESTALE);
  }

  // Removes the last level, which is empty now.
  Outcome leave() {
    // The path of an error is then that of the level itself.
    levels_.back().next = 0;
    int parent = parent_;
    const char* name = name_;
    if (levels_.size() > 1) {
      Level& above = levels_[levels_.size() - 2];
      if (above.stream.get() == nullptr) {
        Outcome opened = open_again(levels_.back(), above);
        if (opened.syscall != nullptr) return opened;
      }
      parent = above.fd();
      name = above.names[above.next - 1];
    }
    if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT) return failed("rmdir");
    levels_.pop_back();
    return {};
  }

  Outcome remove_entry(Level& level) {
    const char* name = level.names[level.next++];
    if (unlinkat(level.fd(), name, 0) == 0 || errno == ENOENT) return {};
    if (errno != EISDIR) return failed("unlink");
    return enter(level.fd(), name);
  }

  Outcome failed(const char* call, int error = errno) const { return refused(call, error, path()); }

  // The path of the entry that is being removed.
  std::string path() const {
    std::string path = path_;
    for (const Level& level : levels_) {
      if (level.next > 0) path.append("/").append(level.names[level.next - 1]);
    }
    return path;
  }

  const int parent_;
  const char* const name_;
  const std::string& path_;
  // A deque, because it does not move its elements.
  std::deque<Level> levels_;
};

// Returns the content of a file and sets `owner` if the file exists. The content is empty if the file cannot be read
// whole.
std::string_view read_small(int directory, const std::string& path, char* room, std::string& owner) {
  UniqueFd fd(syscall(SYS_openat, directory, path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat st;
  if (fd.get() < 0 || fstat(fd.get(), &st) < 0) return {};
  owner = std::to_string(st.st_uid);
  const ssize_t n = S_ISREG(st.st_mode) ? read(fd.get(), room, kRoom) : -1;
  return n == st.st_size ? std::string_view(room, static_cast<size_t>(n)) : std::string_view();
}

void add_wanted(const Value& request, const char* list, Member::Kind kind, std::vector<Member>& members) {
  for (const Value& item : request.field(list).items()) {
    const std::string_view name = item.text();
    const size_t dot = name.find('.');
    members.push_back({name.substr(0, dot), dot == name.npos ? "" : name.substr(dot + 1), kind, {}});
  }
}

}  // namespace

namespace function {

Outcome readdir(const Arguments& a) {
  const std::string& path = a[0].text();
  Stream stream;
  Names names;
  Outcome listed = open_and_list(path, Which::all, stream, names);
  if (listed.syscall != nullptr) return listed;
  std::vector<Value> items;
  for (size_t i = 0; i < names.size(); i++) items.push_back(Value::text(names[i]));
  return Value::list(std::move(items));
}

Outcome removeTree(const Arguments& a) {
  const std::string& path = a[0].text();
  if (has_nul(path)) return refused("open", EINVAL, path);
  return TreeRemoval(AT_FDCWD, path.c_str(), path).run();
}

Outcome readMembers(const Arguments& a) {
  const Value& request = a[0];
  const std::string& path = request.field("directory").text();
  Stream stream;
  Names names;
  Outcome listed = open_and_list(path, Which::directories, stream, names);
  if (listed.syscall != nullptr) return listed;

  std::vector<Member> members;
  add_wanted(request, "texts", Member::Kind::text, members);
  add_wanted(request, "numbers", Member::Kind::number, members);
  add_wanted(request, "objects", Member::Kind::object, members);
  Buffer room(kRoom);
  const std::string slash_file = "/" + request.field("file").text();
  std::vector<Value> texts;
  std::string text;
  std::string owner;
  for (size_t i = 0; i < names.size(); i++) {
    const std::string name = names[i];
    owner.clear();
    size_t count = 0;
    const bool found =
        find_members(read_small(dirfd(stream.get()), name + slash_file, room.get(), owner), members, count);
    text.append(name).push_back('\0');
    text.append(owner).push_back('\0');
    if (found) text.append(std::to_string(count));
    text.push_back('\0');
    for (const Member& member : members) {
      if (found) text.append(member.value);
      text.push_back('\0');
    }
    if ((i + 1) % kRowsInText != 0 && i + 1 != names.size()) continue;
    texts.push_back(Value::text(text));
    text.clear();
  }
  return Value::list(std::move(texts));
}

}  // namespace function

}  // namespace tsubo::binding
