// SPDX-License-Identifier: Apache-2.0
//
// Mounts that the runtime clones for a container. None of them is attached.
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mman.h>
#include <unistd.h>

#include "binding/short_lived.h"
#include "binding/table.h"
#include "core/fd.h"

namespace tsubo::binding::function {

Outcome cloneTrees(const Arguments& a) {
  const auto& paths = a[0].field("paths").items();
  const auto& recursive = a[0].field("recursive").items();
  auto mount_namespace = static_cast<int>(a[0].field("mountNamespace").number());
  auto root = static_cast<int>(a[0].field("root").number());
  // The shared memory contains the result of setns and then, for each path, a descriptor or a negative error.
  size_t bytes = (paths.size() + 1) * sizeof(int);
  long memory =
      sys::call(__NR_mmap, 0, static_cast<long>(bytes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory < 0 && memory > -4096) return refused("mmap", static_cast<int>(-memory));
  int* joined = reinterpret_cast<int*>(memory);
  int* trees = joined + 1;
  // Only a process with one thread can join a mount namespace. The child keeps its user namespace, therefore it can
  // access paths that the container's root cannot. Attributes that are locked in the mount namespace stay locked in the
  // clones.
  long pid = in_child(CLONE_FILES, [&] {
    long r = sys::call(__NR_setns, mount_namespace, CLONE_NEWNS);
    if (r == 0) r = sys::fchdir(root);
    if (r == 0) r = sys::call(__NR_chroot, sys::arg("."));
    *joined = static_cast<int>(r);
    for (size_t i = 0; *joined == 0 && i < paths.size(); i++) {
      unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive[i].truth() ? AT_RECURSIVE : 0);
      trees[i] = static_cast<int>(sys::open_tree(AT_FDCWD, paths[i].text().c_str(), flags));
    }
  });
  Outcome outcome;
  if (pid < 0) {
    outcome = refused("clone3", static_cast<int>(-pid));
  } else {
    await_end(pid, Zombie::reap);
    std::vector<Value> fds;
    if (*joined < 0) outcome = refused("setns", -*joined);
    for (size_t i = 0; *joined == 0 && i < paths.size(); i++) {
      if (trees[i] < 0 && outcome.syscall == nullptr) outcome = refused("open_tree", -trees[i], std::to_string(i));
      fds.push_back(Value::number(trees[i]));
    }
    if (outcome.syscall == nullptr) {
      outcome = Value::list(std::move(fds));
    } else {
      for (const Value& fd : fds) {
        if (fd.number() >= 0) ::close(static_cast<int>(fd.number()));
      }
    }
  }
  // If this fails, one page stays mapped until the process exits.
  sys::unchecked(sys::call(__NR_munmap, memory, static_cast<long>(bytes)));
  return outcome;
}

namespace {

// The last error message of a file system that is being made, without its prefix. Each read returns one message, of the
// form "e devpts: Unknown parameter 'x'\n". Warnings ("w ") are skipped.
std::string message_of(const UniqueFd& fs) {
  std::string found;
  char message[300];
  for (long n; (n = sys::read(fs.get(), message, sizeof message)) > 2;) {
    if (message[n - 1] == '\n') n--;
    if (message[0] == 'e') found.assign(message + 2, static_cast<size_t>(n - 2));
  }
  return found;
}

// Passes one option, `key` or `key=value`; with a descriptor, that is the value.
long configure(const UniqueFd& fs, const std::string& option, int value) {
  const size_t equals = option.find('=');
  const std::string key = option.substr(0, equals);
  if (value >= 0) return sys::fsconfig(fs.get(), FSCONFIG_SET_FD, key.c_str(), nullptr, value);
  if (equals == std::string::npos) return sys::fsconfig(fs.get(), FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0);
  return sys::fsconfig(fs.get(), FSCONFIG_SET_STRING, key.c_str(), option.c_str() + equals + 1, 0);
}

}  // namespace

Outcome makeOverlay(const Arguments& a) {
  const auto& options = a[0].field("options").items();
  const auto& fds = a[0].field("fds").items();
  long r = sys::fsopen("overlay", FSOPEN_CLOEXEC);
  if (r < 0) return refused("fsopen", static_cast<int>(-r), "-1 overlay");
  UniqueFd fs(r);
  const auto failed = [&](const char* syscall, const std::string& item) {
    return refused(syscall, static_cast<int>(-r), item + " " + message_of(fs));
  };
  r = configure(fs, "source=" + a[0].field("source").text(), -1);
  if (r < 0) return failed("fsconfig", "-1");
  for (size_t i = 0; i < options.size(); i++) {
    r = configure(fs, options[i].text(), static_cast<int>(fds[i].number()));
    if (r < 0) return failed("fsconfig", std::to_string(i));
  }
  r = sys::fsconfig(fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
  if (r < 0) return failed("fsconfig", "-1");
  r = sys::fsmount(fs.get(), FSMOUNT_CLOEXEC, static_cast<uint64_t>(a[0].field("attributes").number()));
  if (r < 0) return failed("fsmount", "-1");
  return Value::number(r);
}

Outcome probeFilesystem(const Arguments& a) {
  const std::string& type = a[0].field("type").text();
  const std::string& source = a[0].field("source").text();
  const long fd = sys::fsopen(type.c_str(), FSOPEN_CLOEXEC);
  if (fd < 0) return refused("fsopen", static_cast<int>(-fd), type);
  UniqueFd fs(fd);
  if (!source.empty()) {
    const long r = sys::fsconfig(fs.get(), FSCONFIG_SET_STRING, "source", source.c_str(), 0);
    if (r < 0) return refused("fsconfig", static_cast<int>(-r), source);
  }
  std::vector<Value> results;
  for (const Value& option : a[0].field("options").items()) {
    const long r = configure(fs, option.text(), -1);
    results.push_back(
        Value::record({{"errno", Value::number(r < 0 ? -r : 0)}, {"message", Value::text(message_of(fs))}}));
  }
  return Value::list(std::move(results));
}

Outcome mapMount(const Arguments& a) {
  sys::MountAttr attr = {MOUNT_ATTR_IDMAP, 0, 0, static_cast<uint64_t>(a[1].number())};
  unsigned flags = AT_EMPTY_PATH | (a[2].truth() ? AT_RECURSIVE : 0);
  long r = sys::mount_setattr(static_cast<int>(a[0].number()), "", flags, &attr);
  if (r < 0) return refused("mount_setattr", static_cast<int>(-r));
  return {};
}

}  // namespace tsubo::binding::function
