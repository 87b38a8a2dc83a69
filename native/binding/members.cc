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

// Sorted by bytes.
Outcome directories_in(int directory, const std::string& path, std::vector<std::string>& names) {
  // Its own descriptor: closedir closes it.
  const int own = dup(directory);
  std::unique_ptr<DIR, int (*)(DIR*)> stream(own < 0 ? nullptr : fdopendir(own), closedir);
  if (stream == nullptr) return refused("open", errno, path);
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    bool is_directory = entry->d_type == DT_DIR;
    struct stat st;
    // Some file systems do not say.
    if (entry->d_type == DT_UNKNOWN) {
      is_directory = fstatat(directory, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
    }
    if (is_directory) names.emplace_back(entry->d_name);
  }
  if (errno != 0) return refused("getdents64", errno, path);
  std::sort(names.begin(), names.end());
  return {};
}

// The owner is known of each file that is there; the bytes read are none of one that cannot be read whole.
std::string_view read_small(int directory, const std::string& path, char* room, std::string& owner) {
  Fd fd(static_cast<int>(syscall(SYS_openat, directory, path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)));
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

Outcome readMembers(const Arguments& a) {
  const Value& request = a[0];
  const std::string& path = request.field("directory").text();
  if (path.find('\0') != std::string::npos) return refused("open", EINVAL, path);
  Fd directory(static_cast<int>(syscall(SYS_openat, AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  if (directory.get() < 0) return refused("open", errno, path);
  std::vector<std::string> names;
  Outcome listed = directories_in(directory.get(), path, names);
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
    const bool found = find_members(read_small(directory.get(), name + slash_file, room.get(), owner), members);
    all.append(name).push_back('\0');
    all.append(owner).push_back('\0');
    all.append(found ? "1" : "").push_back('\0');
    for (const Member& member : members) {
      if (found) all.append(member.value);
      all.push_back('\0');
    }
  }
  return Value::text(std::move(all));
}

}  // namespace function

}  // namespace tsubo::binding
