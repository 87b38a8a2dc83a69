// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "binding/buffer.h"
#include "binding/decompressor.h"
#include "binding/interrupt.h"
#include "binding/path.h"
#include "binding/table.h"
#include "core/fd.h"
#include "unpack/place.h"

namespace tsubo::binding {

namespace {

constexpr size_t kRoom = 256 << 10;

Value count(uint64_t n) { return Value::number(static_cast<int64_t>(n)); }

long read_some(void* context, void* to, size_t size) {
  ssize_t n;
  do n = read(*static_cast<const int*>(context), to, size);
  while (n < 0 && call_again());
  return n < 0 ? -errno : n;
}

// The most bytes of an archive that is unpacked into the directory: those that are free without root's reserve, because
// its files need as many. A smaller archive may fail at its writes.
uint64_t limit_of(int directory) {
  constexpr uint64_t kLeast = 16 << 20;
  struct statvfs found;
  if (fstatvfs(directory, &found) < 0 || found.f_blocks == 0) return UINT64_MAX;
  const uint64_t free = static_cast<uint64_t>(found.f_bavail) * found.f_frsize;
  return free < kLeast ? kLeast : free;
}

Outcome open_directory(const std::string& path, UniqueFd& fd) {
  if (has_nul(path)) return refused("open", EINVAL, path);
  fd.reset(syscall(SYS_openat, AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd.open() ? Outcome() : refused("open", errno, path);
}

Value record_of(const unpack::Problem& problem) {
  return Value::record({{"syscall", Value::text(problem.syscall != nullptr ? problem.syscall : "")},
                        {"errno", Value::number(problem.error)},
                        {"reason", Value::text(problem.reason)},
                        {"entry", Value::text(problem.entry)},
                        {"offset", count(problem.offset)}});
}

// Returns the first problem of the reader or the placer; null on success.
const unpack::Problem* unpack_all(unpack::Input& input, unpack::Reader& reader, unpack::Placer& placer,
                                  unpack::Entry& entry) {
  while (true) {
    const unpack::Reader::Next next = reader.next(entry);
    if (next == unpack::Reader::Next::failed) return &reader.problem();
    if (next == unpack::Reader::Next::end) break;
    if (!placer.place(entry)) return reader.failed() ? &reader.problem() : &placer.problem();
  }
  entry.name.clear();
  if (!placer.finish()) return &placer.problem();
  input.drain();
  return nullptr;
}

}  // namespace

namespace function {

Outcome unpackTree(const Arguments& a) {
  const Value& r = a[0];
  unpack::Options options;
  UniqueFd tree;
  if (Outcome opened = open_directory(r.field("tree").text(), tree); opened.syscall != nullptr) return opened;
  options.tree = tree.get();
  std::vector<UniqueFd> lowers;
  lowers.reserve(r.field("lowers").items().size());
  for (const Value& path : r.field("lowers").items()) {
    UniqueFd lower;
    if (Outcome opened = open_directory(path.text(), lower); opened.syscall != nullptr) return opened;
    options.lowers.push_back(lower.get());
    lowers.push_back(std::move(lower));
  }
  options.layer = r.field("layer").truth();
  options.whiteouts = r.field("whiteouts").truth();
  options.strict = r.field("strict").truth();
  options.opaque = r.field("opaque").text();

  int source = static_cast<int>(r.field("source").number());
  Decompressor decompressor;
  if (const std::vector<Value>& program = r.field("decompress").items(); !program.empty()) {
    Outcome started = decompressor.start(program, source);
    if (started.syscall != nullptr) return started;
    source = decompressor.output();
  }
  const uint64_t limit = limit_of(tree.get());
  unpack::Input input(read_some, &source, r.field("hashes").truth(), limit);
  unpack::Reader reader(input);
  unpack::Placer placer(std::move(options), reader);
  unpack::Entry entry;
  const unpack::Problem* found = unpack_all(input, reader, placer, entry);
  unpack::Problem problem = found != nullptr ? *found : unpack::Problem();
  // `drain` reads the rest of the archive for the digest, and may fail too.
  if (found == nullptr && input.error() != 0) problem.syscall = "read", problem.error = input.error();
  if (found == &placer.problem() && !entry.name.empty()) {
    problem.entry = entry.name;
    problem.offset = reader.problem().offset;
  }
  const Value broken = decompressor.finish();

  const unpack::Counts& counts = placer.counts();
  Fields fields = {{"digest", Value::text(input.digest())},
                   {"size", count(input.offset())},
                   {"entries", count(counts.entries)},
                   {"usesLowers", Value::boolean(placer.uses_lowers())},
                   {"hidesAll", Value::boolean(placer.hides_all())},
                   {"lostOwners", count(counts.owners)},
                   {"lostDevices", count(counts.devices)},
                   {"lostAttributes", count(counts.xattrs)}};
  if (input.error() == EFBIG) fields.emplace_back("limit", count(limit));
  if (problem.syscall != nullptr || !problem.reason.empty()) fields.emplace_back("problem", record_of(problem));
  if (!broken.is_undefined()) fields.emplace_back("decompressor", broken);
  return Value::record(std::move(fields));
}

Outcome digest(const Arguments& a) {
  int source = static_cast<int>(a[0].number());
  unpack::Sha256 hash;
  Buffer room(kRoom);
  int64_t size = 0;
  while (true) {
    const long n = read_some(&source, room.get(), kRoom);
    if (n < 0) return refused("read", static_cast<int>(-n));
    if (n == 0) break;
    hash.update(reinterpret_cast<const uint8_t*>(room.get()), static_cast<size_t>(n));
    size += n;
  }
  return Value::record({{"digest", Value::text(hash.hex())}, {"size", Value::number(size)}});
}

Outcome linkFile(const Arguments& a) {
  const std::string& path = a[1].text();
  if (has_nul(path)) return refused("linkat", EINVAL, path);
  const std::string open_file = "/proc/self/fd/" + std::to_string(a[0].number());
  if (linkat(AT_FDCWD, open_file.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) < 0) {
    return refused("linkat", errno, path);
  }
  return {};
}

Outcome copyBytes(const Arguments& a) {
  int from = static_cast<int>(a[0].number());
  const int to = static_cast<int>(a[1].number());
  int64_t copied = 0;
  while (true) {
    const ssize_t n = sendfile(to, from, nullptr, size_t{1} << 30);
    if (n < 0 && call_again()) continue;
    // sendfile(2) does not read from pipes, nor from some file systems.
    if (n < 0 && errno == EINVAL) break;
    if (n < 0) return refused("sendfile", errno);
    if (n == 0) return Value::number(copied);
    copied += n;
  }
  Buffer room(kRoom);
  while (true) {
    const long n = read_some(&from, room.get(), kRoom);
    if (n < 0) return refused("read", static_cast<int>(-n));
    if (n == 0) return Value::number(copied);
    for (long done = 0; done < n;) {
      const ssize_t written = ::write(to, room.get() + done, static_cast<size_t>(n - done));
      if (written < 0 && call_again()) continue;
      if (written < 0) return refused("write", errno);
      done += written;
    }
    copied += n;
  }
}

Outcome syncFilesystem(const Arguments& a) {
  UniqueFd fd;
  if (Outcome opened = open_directory(a[0].text(), fd); opened.syscall != nullptr) return opened;
  return syncfs(fd.get()) < 0 ? refused("syncfs", errno, a[0].text()) : Outcome();
}

}  // namespace function

}  // namespace tsubo::binding
