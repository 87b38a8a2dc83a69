// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "binding/json_members.h"
#include "binding/table.h"
#include "core/fd.h"

namespace tsubo::binding {

namespace {

// A file that is larger is somebody else's to read.
constexpr size_t kRoom = 64 << 10;

using Stream = std::unique_ptr<DIR, int (*)(DIR*)>;

Outcome open_stream(const std::string& path, Stream& stream) {
  // A NUL would cut the path: another directory than was meant.
  if (path.find('\0') != std::string::npos) return refused("open", EINVAL, path);
  stream.reset(opendir(path.c_str()));
  if (stream == nullptr) return refused("open", errno, path);
  return {};
}

bool is_directory(DIR* parent, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
  // Some file systems do not say.
  struct stat st;
  return fstatat(dirfd(parent), entry.d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

enum class Which { all, directories };

// Sorted by bytes, without `.` and `..`.
Outcome names_in(DIR* stream, const std::string& path, Which which, std::vector<std::string>& names) {
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(stream);
    if (entry == nullptr) break;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (which == Which::all || is_directory(stream, *entry)) names.emplace_back(entry->d_name);
  }
  if (errno != 0) return refused("getdents64", errno, path);
  std::sort(names.begin(), names.end());
  return {};
}

// The owner is known of each file that is there; the bytes read are none of one that cannot be read whole.
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
  Stream stream(nullptr, closedir);
  Outcome opened = open_stream(path, stream);
  if (opened.syscall != nullptr) return opened;
  std::vector<std::string> names;
  Outcome listed = names_in(stream.get(), path, Which::all, names);
  if (listed.syscall != nullptr) return listed;
  std::vector<Value> items;
  for (std::string& name : names) items.push_back(Value::text(std::move(name)));
  return Value::list(std::move(items));
}

Outcome readMembers(const Arguments& a) {
  const Value& request = a[0];
  const std::string& path = request.field("directory").text();
  Stream stream(nullptr, closedir);
  Outcome opened = open_stream(path, stream);
  if (opened.syscall != nullptr) return opened;
  std::vector<std::string> names;
  Outcome listed = names_in(stream.get(), path, Which::directories, names);
  if (listed.syscall != nullptr) return listed;

  std::vector<Member> members;
  add_wanted(request, "texts", Member::Kind::text, members);
  add_wanted(request, "numbers", Member::Kind::number, members);
  add_wanted(request, "objects", Member::Kind::object, members);
  std::unique_ptr<char[]> room(new char[kRoom]);
  const std::string slash_file = "/" + request.field("file").text();
  std::string all;
  std::string owner;
  for (const std::string& name : names) {
    owner.clear();
    const bool found = find_members(read_small(dirfd(stream.get()), name + slash_file, room.get(), owner), members);
    all.append(name).push_back('\0');
    all.append(owner).push_back('\0');
    for (const Member& member : members) {
      if (found) all.append(member.value);
      all.push_back('\0');
    }
  }
  return Value::text(std::move(all));
}

}  // namespace function

}  // namespace tsubo::binding
