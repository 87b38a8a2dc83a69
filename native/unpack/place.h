// SPDX-License-Identifier: Apache-2.0
//
// Makes the files of an archive below one directory. The archive is hostile: the kernel resolves each directory with
// RESOLVE_IN_ROOT, and the last name is only created or removed, never followed.
#pragma once

#include <sys/stat.h>

#include "core/fd.h"
#include "unpack/archive.h"

namespace tsubo::unpack {

struct Options {
  // The directory, which is empty.
  int tree = -1;
  // The trees of the lower layers, the uppermost first.
  std::vector<int> lowers;
  // A layer of an image. False for an archive of documents and blobs: then names with .wh. are ordinary, owners, modes,
  // times and attributes are not kept, and devices and FIFOs are refused.
  bool layer = true;
  // Names with .wh. hide files of the lower layers. False for an archive that a user has made: there they are ordinary.
  bool whiteouts = true;
  // True: an owner, an attribute or a device that cannot be kept is a failure. False without root's rights: it is
  // counted.
  bool strict = true;
  // The extended attribute of a directory that hides those of lower layers.
  std::string opaque = "trusted.overlay.opaque";
};

struct Counts {
  uint64_t entries = 0;
  // Numbers of entries with an owner, a device or attributes that could not be kept.
  uint64_t owners = 0;
  uint64_t devices = 0;
  uint64_t xattrs = 0;
};

class Placer {
 public:
  Placer(Options options, Reader& reader);
  Placer(const Placer&) = delete;
  Placer& operator=(const Placer&) = delete;

  // Returns false after a failure: `problem` then has a reason or a system call, unless the reader has failed.
  bool place(const Entry& entry);
  // Sets the modes and times of the directories, because their entries have changed them until now.
  bool finish();

  const Problem& problem() const { return problem_; }
  const Counts& counts() const { return counts_; }
  // True if the tree depends on the lower layers: a directory was copied from there, or a link goes there.
  bool uses_lowers() const { return uses_lowers_; }
  // True if nothing of the lower layers is visible.
  bool hides_all() const { return hides_all_; }

 private:
  enum class Missing { make, leave };
  struct Open {
    std::string path;
    UniqueFd fd;
    uint64_t used = 0;
  };
  struct Directory {
    size_t path;
    uint64_t inode;
    uint32_t mode;
    uint32_t depth;
    Time modified;
    Time accessed;
  };
  // A name in an open directory.
  struct Place {
    int parent;
    const char* name;
  };
  struct Found;

  bool fail(const char* syscall, int error);
  bool fail(std::string reason);
  bool not_kept(const char* syscall, int error, uint64_t& count);

  // Returns the descriptor of a directory in the tree, valid until the next entry, or a negative errno. A directory of
  // the lower layers is copied into the tree; a directory that no layer has is made only with `make`.
  int directory(const std::string& path, Missing missing);
  long walk(const std::string& path, Missing missing, std::string& canonical);
  long find(const std::string& path, Found& found);
  long make_missing(const std::string& path, const Found& found);
  long copy_xattrs(int from, int to);
  long find_below(const std::string& path, UniqueFd& fd);
  bool is_opaque(int fd) const;
  bool passes_opaque(int root, const std::string& path) const;
  int remember(const std::string& path, UniqueFd fd);

  template <typename Make>
  bool make_anew(const Place& at, const char* syscall, Make make);
  bool place_file(const Entry& entry, const Place& at);
  bool place_directory(const Entry& entry, const std::string& path, const Place& at);
  bool place_hard_link(const Entry& entry, const Place& at);
  bool link_to_lower(const std::string& parent, const char* name, const Place& at);
  bool place_node(const Entry& entry, const Place& at);
  bool place_symlink(const Entry& entry, const Place& at);
  bool place_whiteout(const std::string& parent, const char* hidden);
  bool hide_lower(const std::string& path);
  bool set_opaque(int fd);
  bool write_data(const Entry& entry, int fd);
  bool describe_by_name(const Entry& entry, const Place& at);
  bool set_xattrs(const Entry& entry, int fd, const std::string& path);
  void defer(const std::string& path, uint64_t inode, uint32_t mode, const Time& modified, const Time& accessed);

  Options options_;
  Reader& reader_;
  Problem problem_;
  Counts counts_;
  bool uses_lowers_ = false;
  bool hides_all_ = false;
  unsigned umask_;
  // The time of the current entry, for the directories that the archive lacks.
  Time modified_;

  // The newest directories. They are looked up again after a link or a directory was removed.
  static constexpr size_t kOpen = 16;
  Open open_[kOpen];
  uint64_t uses_ = 0;
  bool stale_ = false;
  std::vector<Directory> directories_;
  // Their paths, each with a NUL.
  std::string paths_;
};

}  // namespace tsubo::unpack
