// SPDX-License-Identifier: Apache-2.0
//
// Finds what the upper directory of an overlay changes. A container may change the directory at the same time: no
// symbolic link in it is followed.
#pragma once

#include <stdint.h>
#include <sys/stat.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/fd.h"

namespace tsubo::pack {

// The reason why the changes cannot be written: the refused system call, or a property that an archive cannot contain.
struct Problem {
  const char* syscall = nullptr;
  int error = 0;
  // Empty for a system call.
  std::string reason;
  // Without a slash at the beginning.
  std::string path;

  bool found() const { return syscall != nullptr || !reason.empty(); }
};

enum class Kind : uint8_t { added, changed, deleted };

struct Change {
  // Without a slash at the beginning.
  std::string path;
  Kind kind;
  bool directory;
  // The directory hides those of the lower layers.
  bool opaque;
};

struct Tree {
  // The upper directory.
  int upper = -1;
  // The trees of the lower layers, the uppermost first.
  std::vector<int> lowers;
  // The extended attribute of a directory that hides those of lower layers.
  std::string opaque;
  // Mount points of the container, without a slash at the beginning. One that is empty and that no lower layer has was
  // made for the mount: it is ignored, and so is the changed time of its directory.
  std::vector<std::string> mount_points;
};

// The changes, each directory before its entries, names sorted by bytes. `hidden` adds an entry for each name that an
// opaque directory hides. `stubs` gets the files and directories that this function ignores, each entry before its
// directory.
bool find_changes(const Tree& tree, bool hidden, std::vector<Change>& changes, std::vector<std::string>& stubs,
                  Problem& problem);

// Opens a path of a tree without symbolic links. Returns a negative errno on failure.
long open_in_tree(int root, const std::string& path, int flags);
bool is_whiteout(const struct stat& st);
// Calls listxattr(2) and getxattr(2) with the path of an entry, below a descriptor: /proc/self/fd/N/NAME.
std::string entry_of(int directory, std::string_view name);
std::string parent_of(const std::string& path);
const char* name_in(const std::string& path);

}  // namespace tsubo::pack
