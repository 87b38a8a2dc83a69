// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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

void add_member(std::string_view name, Member::Kind kind, std::vector<Member>& members) {
  const size_t dot = name.find('.');
  members.push_back({name.substr(0, dot), dot == name.npos ? "" : name.substr(dot + 1), kind, {}});
}

void add_wanted(const Value& request, const char* list, Member::Kind kind, std::vector<Member>& members) {
  for (const Value& item : request.field(list).items()) add_member(item.text(), kind, members);
}

enum class Answer { no, yes, unknown };

// Reads the beginning of a file of the kernel. Returns nothing, with errno, if that fails.
std::string_view read_start(const char* path, char* room, size_t size) {
  // musl's open(2) adds a call of fcntl(2) for O_CLOEXEC.
  UniqueFd fd(static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC)));
  const ssize_t n = fd.get() < 0 ? -1 : read(fd.get(), room, size);
  return n < 0 ? std::string_view() : std::string_view(room, static_cast<size_t>(n));
}

// The file does not exist, or its process or cgroup has ended while it was open.
bool is_gone(int error) { return error == ENOENT || error == ENOTDIR || error == ESRCH || error == ENODEV; }

Answer without_file(int error) { return is_gone(error) ? Answer::no : Answer::unknown; }

// True while the process with this start time (field 22 of /proc/PID/stat) runs; a zombie does not.
Answer process_runs(std::string_view pid, std::string_view start_time) {
  int number = 0;
  if (pid.size() > 9) return Answer::unknown;
  for (const char c : pid) {
    if (c < '0' || c > '9') return Answer::unknown;
    number = number * 10 + (c - '0');
  }
  // A pid of 0 would signal the process group. kill(2) is much faster than a failed look-up in /proc.
  if (number == 0 || (kill(number, 0) < 0 && errno == ESRCH)) return Answer::no;
  const std::string path = "/proc/" + std::string(pid) + "/stat";
  // Longer than the first 22 fields.
  char room[640];
  const std::string_view text = read_start(path.c_str(), room, sizeof room);
  if (text.empty()) return without_file(errno);
  // The second field is the program's name, which may contain spaces and parentheses: count from its end.
  size_t at = text.rfind(") ");
  if (at == text.npos || at + 2 >= text.size()) return Answer::unknown;
  const char state = text[at + 2];
  if (state == 'Z' || state == 'X') return Answer::no;
  for (int field = 3; field <= 22; field++) {
    at = text.find(' ', at + 1);
    if (at == text.npos) return Answer::unknown;
  }
  const std::string_view found = text.substr(at + 1, text.find(' ', at + 1) - at - 1);
  return found == start_time ? Answer::yes : Answer::no;
}

Answer is_frozen(std::string_view cgroup) {
  if (cgroup.empty()) return Answer::no;
  char room[8];
  errno = 0;
  const std::string_view text = read_start((std::string(cgroup) + "/cgroup.freeze").c_str(), room, sizeof room);
  if (text.empty()) return errno == 0 ? Answer::no : without_file(errno);
  return text == "1\n" ? Answer::yes : Answer::no;
}

Answer is_there(int directory, const std::string& path) {
  struct stat st;
  return fstatat(directory, path.c_str(), &st, 0) == 0 ? Answer::yes : without_file(errno);
}

// Appends the two columns of a process: its pid, and facts about it.
void add_process(int directory, const std::string& fifo, const Member* process, std::string& text) {
  const std::string_view pid = process[0].value;
  const std::string_view start_time = process[1].value;
  const bool recorded = !pid.empty() && !start_time.empty();
  const Answer runs = recorded ? process_runs(pid, start_time) : Answer::unknown;
  Answer frozen = Answer::no;
  Answer waits = Answer::no;
  if (runs == Answer::yes) {
    frozen = is_frozen(process[2].value);
    if (frozen == Answer::no) waits = is_there(directory, fifo);
  }
  if (runs != Answer::unknown && frozen != Answer::unknown && waits != Answer::unknown) {
    if (runs == Answer::yes) {
      text.append(pid).push_back('\0');
      if (frozen == Answer::yes) text.append("frozen");
      if (waits == Answer::yes) text.append("waits");
    } else {
      text.append("0").push_back('\0');
    }
  } else {
    text.push_back('\0');
  }
  text.push_back('\0');
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
  const size_t columns = members.size();
  const Value& process = request.field("process");
  if (!process.is_undefined()) {
    add_member(process.field("pid").text(), Member::Kind::number, members);
    add_member(process.field("startTime").text(), Member::Kind::number, members);
    add_member(process.field("cgroup").text(), Member::Kind::text, members);
  }
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
    for (size_t column = 0; column < columns; column++) {
      if (found) text.append(members[column].value);
      text.push_back('\0');
    }
    if (!process.is_undefined()) {
      if (found) {
        add_process(dirfd(stream.get()), name + "/" + process.field("fifo").text(), &members[columns], text);
      } else {
        text.append(2, '\0');
      }
    }
    if ((i + 1) % kRowsInText != 0 && i + 1 != names.size()) continue;
    texts.push_back(Value::text(text));
    text.clear();
  }
  return Value::list(std::move(texts));
}

}  // namespace function

}  // namespace tsubo::binding
