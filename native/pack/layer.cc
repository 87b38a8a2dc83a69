// SPDX-License-Identifier: Apache-2.0
#include "pack/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace tsubo::pack {

namespace {

constexpr size_t kBlock = 512;
constexpr size_t kBufferBytes = 256 << 10;
// Longer names are in a record.
constexpr size_t kName = 100;
constexpr uint64_t kMostOctal = (uint64_t{1} << 33) - 1;
constexpr uint32_t kMostOwner = (1 << 21) - 1;
// A file is written with its holes if they save kSaved bytes and it has at most kMostParts. Holes are pieces of zeros:
// they depend on the content, and not on the file system.
constexpr uint64_t kPiece = 64 << 10;
constexpr uint64_t kSaved = 1 << 20;
constexpr size_t kMostParts = 10000;
constexpr mode_t kPermissions = 07777;

struct Record {
  std::string key;
  std::string value;
};

struct Part {
  uint64_t offset;
  uint64_t size;
};

struct Header {
  std::string name;
  std::string link;
  char kind = '0';
  mode_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint64_t size = 0;
  int64_t modified = 0;
  uint32_t major = 0;
  uint32_t minor = 0;
  std::vector<Record> records;
};

void octal(char* field, size_t digits, uint64_t value) {
  field[digits] = '\0';
  for (size_t i = digits; i-- > 0; value >>= 3) field[i] = static_cast<char>('0' + (value & 7));
}

void text(char* field, size_t size, const std::string& value) {
  // A field that is full has no NUL at its end.
  value.copy(field, size);
}

// `LENGTH KEY=VALUE\n`; the length counts its own digits.
std::string line_of(const Record& record) {
  const size_t rest = record.key.size() + record.value.size() + 3;
  size_t length = rest + 1;
  while (std::to_string(length).size() + rest != length) length = std::to_string(length).size() + rest;
  return std::to_string(length) + " " + record.key + "=" + record.value + "\n";
}

bool put_block(Output& out, const Header& h) {
  char block[kBlock] = {};
  text(block, kName, h.name);
  octal(block + 100, 7, h.mode & kPermissions);
  octal(block + 108, 7, h.uid > kMostOwner ? 0 : h.uid);
  octal(block + 116, 7, h.gid > kMostOwner ? 0 : h.gid);
  octal(block + 124, 11, h.size > kMostOctal ? 0 : h.size);
  octal(block + 136, 11,
        h.modified < 0 || static_cast<uint64_t>(h.modified) > kMostOctal ? 0 : static_cast<uint64_t>(h.modified));
  memset(block + 148, ' ', 8);
  block[156] = h.kind;
  text(block + 157, kName, h.link);
  // The magic with its NUL, then the version.
  constexpr char kFormat[] = {'u', 's', 't', 'a', 'r', '\0', '0', '0'};
  memcpy(block + 257, kFormat, sizeof kFormat);
  octal(block + 329, 7, h.major);
  octal(block + 337, 7, h.minor);
  unsigned sum = 0;
  for (char byte : block) sum += static_cast<unsigned char>(byte);
  octal(block + 148, 6, sum);
  return out.put(block, sizeof block);
}

bool put_header(Output& out, Header h) {
  if (h.name.size() > kName) h.records.push_back({"path", h.name});
  if (h.link.size() > kName) h.records.push_back({"linkpath", h.link});
  if (h.uid > kMostOwner) h.records.push_back({"uid", std::to_string(h.uid)});
  if (h.gid > kMostOwner) h.records.push_back({"gid", std::to_string(h.gid)});
  if (h.size > kMostOctal) h.records.push_back({"size", std::to_string(h.size)});
  if (h.modified < 0 || static_cast<uint64_t>(h.modified) > kMostOctal) {
    h.records.push_back({"mtime", std::to_string(h.modified)});
  }
  if (!h.records.empty()) {
    std::sort(h.records.begin(), h.records.end(), [](const Record& a, const Record& b) { return a.key < b.key; });
    std::string lines;
    for (const Record& record : h.records) lines += line_of(record);
    Header extended;
    extended.name = "pax";
    extended.kind = 'x';
    extended.mode = 0644;
    extended.size = lines.size();
    if (!put_block(out, extended) || !out.put(lines.data(), lines.size()) || !out.pad()) return false;
  }
  return put_block(out, h);
}

bool is_zero(const char* at, size_t size) { return size == 0 || (at[0] == 0 && memcmp(at, at + 1, size - 1) == 0); }

// Reads `size` bytes, or fewer at the end of the file.
ssize_t read_at(int fd, char* buffer, size_t size, uint64_t offset) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = pread(fd, buffer + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return static_cast<ssize_t>(done);
}

// Finds the parts of a file that are not zeros. The whole file is one part if it or the holes are smaller than kSaved,
// or if there are more than kMostParts.
bool find_parts(int fd, uint64_t size, char* buffer, std::vector<Part>& parts) {
  parts.clear();
  uint64_t stored = 0;
  if (size >= kSaved) {
    for (uint64_t at = 0; at < size;) {
      const off_t data = lseek(fd, static_cast<off_t>(at), SEEK_DATA);
      if (data < 0 && errno == ENXIO) break;
      if (data > 0) at = std::max(at, static_cast<uint64_t>(data) / kPiece * kPiece);
      const uint64_t length = std::min(kPiece, size - at);
      const ssize_t n = read_at(fd, buffer, length, at);
      if (n < 0) return false;
      if (!is_zero(buffer, static_cast<size_t>(n))) {
        if (!parts.empty() && parts.back().offset + parts.back().size == at) {
          parts.back().size += length;
        } else {
          parts.push_back({at, length});
        }
        stored += length;
      }
      at += length;
    }
  }
  if (size < kSaved || size - stored < kSaved || parts.size() > kMostParts) {
    parts.clear();
    parts.push_back({0, size});
  }
  return true;
}

struct Linked {
  dev_t device;
  ino_t inode;
  size_t change;
};

class Writer {
 public:
  Writer(const Tree& tree, const std::vector<Change>& changes, const Packing& packing, Output& out, Problem& problem)
      : tree_(tree),
        changes_(changes),
        packing_(packing),
        out_(out),
        problem_(problem),
        prefix_(tree.opaque.substr(0, tree.opaque.rfind('.') + 1)),
        buffer_(kBufferBytes, '\0') {}

  bool all() {
    for (size_t i = 0; i < changes_.size(); i++)
      if (!entry(i)) return false;
    // The end of an archive.
    return (out_.zeros(2 * kBlock) && out_.flush()) || fail("write", "");
  }

 private:
  bool fail(const char* syscall, const std::string& path) {
    problem_ = {syscall, errno, "", path};
    return false;
  }

  bool entry(size_t index) {
    const Change& change = changes_[index];
    const std::string& path = change.path;
    if (change.kind == Kind::deleted) return put_empty(parent_of(path), ".wh." + std::string(name_in(path)));
    const long opened = open_in_tree(tree_.upper, parent_of(path), O_PATH | O_DIRECTORY);
    if (opened < 0) {
      errno = static_cast<int>(-opened);
      // A container that runs has removed or replaced the directory since the changes were found.
      return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || fail("openat2", path);
    }
    const UniqueFd parent(opened);
    struct stat st;
    if (fstatat(parent.get(), name_in(path), &st, AT_SYMLINK_NOFOLLOW) < 0)
      return errno == ENOENT || fail("newfstatat", path);
    Header h;
    h.name = path;
    describe(st, h);
    if (S_ISREG(st.st_mode)) return file(parent.get(), index, h);
    if (S_ISDIR(st.st_mode)) {
      h.kind = '5';
      h.name += "/";
      if (!attributes(parent.get(), path, h)) return false;
      if (!put_header(out_, std::move(h))) return fail("write", path);
      if (change.opaque && !put_empty(path, ".wh..wh..opq")) return false;
    } else if (S_ISLNK(st.st_mode)) {
      h.kind = '2';
      if (!read_link(parent.get(), path, h.link)) return errno == ENOENT || fail("readlinkat", path);
      if (!put_header(out_, std::move(h))) return fail("write", path);
    } else {
      if (is_whiteout(st)) return true;
      h.kind = S_ISCHR(st.st_mode) ? '3' : S_ISBLK(st.st_mode) ? '4' : '6';
      if (!S_ISFIFO(st.st_mode)) h.major = major(st.st_rdev), h.minor = minor(st.st_rdev);
      if (!put_header(out_, std::move(h))) return fail("write", path);
    }
    return settle_times(parent.get(), st, path);
  }

  int64_t modified(const struct stat& st) const {
    const int64_t seconds = st.st_mtim.tv_sec;
    return packing_.has_latest && seconds > packing_.latest ? packing_.latest : seconds;
  }

  void describe(const struct stat& st, Header& h) const {
    h.mode = st.st_mode & kPermissions;
    h.uid = !packing_.is_root && st.st_uid == packing_.uid ? 0 : st.st_uid;
    h.gid = !packing_.is_root && st.st_gid == packing_.gid ? 0 : st.st_gid;
    h.modified = modified(st);
  }

  bool put_empty(const std::string& directory, const std::string& name) {
    const std::string path = directory.empty() ? name : directory + "/" + name;
    Header h;
    h.name = path;
    return put_header(out_, std::move(h)) || fail("write", path);
  }

  bool read_link(int parent, const std::string& path, std::string& target) {
    const ssize_t n = readlinkat(parent, name_in(path), buffer_.data(), buffer_.size());
    if (n < 0) return false;
    target.assign(buffer_.data(), static_cast<size_t>(n));
    return true;
  }

  // Returns the place of the first change with the same file; `index` itself if there is none before.
  size_t first_link(size_t index, const struct stat& st) {
    if (st.st_nlink < 2) return index;
    for (const Linked& one : linked_)
      if (one.inode == st.st_ino && one.device == st.st_dev) return one.change;
    linked_.push_back({st.st_dev, st.st_ino, index});
    return index;
  }

  bool file(int parent, size_t index, Header& h) {
    const std::string& path = changes_[index].path;
    // O_NONBLOCK: the file may have been replaced by a FIFO.
    UniqueFd fd(openat(parent, name_in(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME | O_CLOEXEC));
    if (!fd.open() && errno == EPERM)
      fd.reset(openat(parent, name_in(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd.open()) return errno == ENOENT || errno == ELOOP || fail("openat", path);
    struct stat st;
    if (fstat(fd.get(), &st) < 0) return fail("fstat", path);
    if (!S_ISREG(st.st_mode)) return true;
    describe(st, h);
    const size_t first = first_link(index, st);
    if (first != index) {
      h.kind = '1';
      h.link = changes_[first].path;
      return put_header(out_, std::move(h)) || fail("write", path);
    }
    if (!attributes(parent, path, h)) return false;
    const uint64_t size = static_cast<uint64_t>(st.st_size);
    if (!find_parts(fd.get(), size, buffer_.data(), parts_)) return fail("pread64", path);
    const bool sparse = parts_.size() != 1 || parts_[0].size != size;
    std::string map;
    h.size = size;
    if (sparse) {
      map = map_of(size);
      h.records.push_back({"GNU.sparse.major", "1"});
      h.records.push_back({"GNU.sparse.minor", "0"});
      h.records.push_back({"GNU.sparse.name", path});
      h.records.push_back({"GNU.sparse.realsize", std::to_string(size)});
      h.name = ("GNUSparseFile.0/" + std::string(name_in(path))).substr(0, kName);
      h.size = map.size();
      for (const Part& part : parts_) h.size += part.size;
    }
    if (!put_header(out_, std::move(h)) || !out_.put(map.data(), map.size())) return fail("write", path);
    for (const Part& part : parts_)
      if (!data(fd.get(), part, path)) return false;
    if (!out_.pad()) return fail("write", path);
    return settle_times(parent, st, path);
  }

  // GNU tar's format 1.0: the number of parts, and their offsets and sizes, in whole blocks before the data. The last
  // part ends with the file.
  std::string map_of(uint64_t size) {
    if (parts_.empty() || parts_.back().offset + parts_.back().size < size) parts_.push_back({size, 0});
    std::string map = std::to_string(parts_.size()) + "\n";
    for (const Part& part : parts_) map += std::to_string(part.offset) + "\n" + std::to_string(part.size) + "\n";
    map.resize((map.size() + kBlock - 1) / kBlock * kBlock);
    return map;
  }

  // A file that became shorter is filled with zeros: its size is in the header.
  bool data(int fd, const Part& part, const std::string& path) {
    for (uint64_t done = 0; done < part.size;) {
      const size_t wanted = static_cast<size_t>(std::min<uint64_t>(buffer_.size(), part.size - done));
      const ssize_t n = read_at(fd, buffer_.data(), wanted, part.offset + done);
      if (n < 0) return fail("pread64", path);
      if (!out_.put(buffer_.data(), static_cast<size_t>(n))) return fail("write", path);
      if (static_cast<size_t>(n) < wanted)
        return out_.zeros(part.size - done - static_cast<size_t>(n)) || fail("write", path);
      done += static_cast<uint64_t>(n);
    }
    return true;
  }

  bool is_own(const std::string& name) const { return name.compare(0, prefix_.size(), prefix_) == 0; }

  // Extended attributes, without those of the overlay and the label of SELinux.
  bool attributes(int parent, const std::string& path, Header& h) {
    const std::string place = entry_of(parent, name_in(path));
    const ssize_t n = llistxattr(place.c_str(), buffer_.data(), buffer_.size());
    if (n < 0) return errno == EOPNOTSUPP || errno == ENOENT || fail("llistxattr", path);
    const std::string names(buffer_.data(), static_cast<size_t>(n));
    for (size_t at = 0; at < names.size(); at += strlen(names.c_str() + at) + 1) {
      const std::string name = names.c_str() + at;
      if (is_own(name)) {
        if (packing_.settle && name != tree_.opaque && lremovexattr(place.c_str(), name.c_str()) < 0 &&
            errno != ENODATA)
          return fail("lremovexattr", path);
        continue;
      }
      if (name == "security.selinux" || name.compare(0, 16, "trusted.overlay.") == 0) continue;
      const ssize_t size = lgetxattr(place.c_str(), name.c_str(), buffer_.data(), buffer_.size());
      // It was removed in the meantime, or this user may not read it.
      if (size < 0) continue;
      h.records.push_back({"SCHILY.xattr." + name, std::string(buffer_.data(), static_cast<size_t>(size))});
    }
    return true;
  }

  // Sets the times of the tree to whole seconds, like those in the archive.
  bool settle_times(int parent, const struct stat& st, const std::string& path) {
    if (!packing_.settle) return true;
    const timespec times[] = {{modified(st), 0}, {modified(st), 0}};
    return utimensat(parent, name_in(path), times, AT_SYMLINK_NOFOLLOW) == 0 || fail("utimensat", path);
  }

  const Tree& tree_;
  const std::vector<Change>& changes_;
  const Packing& packing_;
  Output& out_;
  Problem& problem_;
  std::string prefix_;
  std::string buffer_;
  std::vector<Part> parts_;
  std::vector<Linked> linked_;
};

}  // namespace

Output::Output(int fd) : fd_(fd), buffer_(new char[kBufferBytes]) {}

Output::~Output() { delete[] buffer_; }

bool Output::put(const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    if (used_ == kBufferBytes && !flush()) return false;
    const size_t n = std::min(size, kBufferBytes - used_);
    memcpy(buffer_ + used_, at, n);
    used_ += n;
    size_ += n;
    at += n;
    size -= n;
  }
  return true;
}

bool Output::zeros(uint64_t size) {
  static const char kZeros[4096] = {};
  for (; size > 0; size -= std::min<uint64_t>(size, sizeof kZeros)) {
    if (!put(kZeros, static_cast<size_t>(std::min<uint64_t>(size, sizeof kZeros)))) return false;
  }
  return true;
}

bool Output::pad() { return zeros((kBlock - size_ % kBlock) % kBlock); }

bool Output::flush() {
  hash_.update(reinterpret_cast<const uint8_t*>(buffer_), used_);
  for (size_t done = 0; done < used_;) {
    const ssize_t n = ::write(fd_, buffer_ + done, used_ - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    done += static_cast<size_t>(n);
  }
  used_ = 0;
  return true;
}

bool write_archive(const Tree& tree, const std::vector<Change>& changes, const Packing& packing, Output& out,
                   Problem& problem) {
  return Writer(tree, changes, packing, out, problem).all();
}

bool remove_stubs(const Tree& tree, const std::vector<std::string>& stubs, Problem& problem) {
  for (const std::string& path : stubs) {
    auto fail = [&](const char* syscall, int error) {
      problem = {syscall, error, "", path};
      return false;
    };
    const long opened = open_in_tree(tree.upper, parent_of(path), O_RDONLY | O_DIRECTORY);
    if (opened < 0) return fail("openat2", static_cast<int>(-opened));
    const UniqueFd parent(opened);
    struct stat st;
    if (fstat(parent.get(), &st) < 0) return fail("fstat", errno);
    if (unlinkat(parent.get(), name_in(path), 0) < 0 &&
        (errno != EISDIR || unlinkat(parent.get(), name_in(path), AT_REMOVEDIR) < 0)) {
      return fail("unlinkat", errno);
    }
    // unlinkat has changed the times of the directory.
    const timespec times[] = {st.st_atim, st.st_mtim};
    if (futimens(parent.get(), times) < 0) return fail("utimensat", errno);
  }
  return true;
}

}  // namespace tsubo::pack
