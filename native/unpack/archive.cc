// SPDX-License-Identifier: Apache-2.0
#include "unpack/archive.h"

#include <errno.h>
#include <string.h>

namespace tsubo::unpack {

namespace {

constexpr size_t kBlock = 512;
constexpr size_t kBuffer = 256 << 10;
// Longer names and records are refused, because otherwise a header could fill the memory.
constexpr uint64_t kMostText = 1 << 20;
// A map of more parts is refused: each takes 16 bytes.
constexpr size_t kMostParts = 1 << 20;
constexpr uint64_t kMostBytes = INT64_MAX;
constexpr const char* kWrongMap = "the map of the sparse file is wrong";

// The fields of a header, by offset and size.
struct Field {
  size_t at;
  size_t size;
};
constexpr Field kName = {0, 100}, kMode = {100, 8}, kUid = {108, 8}, kGid = {116, 8}, kSize = {124, 12},
                kTime = {136, 12}, kChecksum = {148, 8}, kLink = {157, 100}, kMajor = {329, 8}, kMinor = {337, 8},
                kPrefix = {345, 155};
constexpr size_t kKind = 156, kMagic = 257;
// GNU's sparse files have a map of four parts in the header, a mark that blocks with more follow, and the whole size.
constexpr size_t kOldSparse = 386, kOldSparseMore = 482, kOldSparseBlockMore = 504;
constexpr Field kOldSparseSize = {483, 12};

std::string_view text_of(const uint8_t* header, Field field) {
  const char* begin = reinterpret_cast<const char*>(header) + field.at;
  return {begin, strnlen(begin, field.size)};
}

// A number is octal digits between blanks or, with the high bit set, binary. Returns false if it is neither, or too
// large.
bool number_of(const uint8_t* header, Field field, int64_t& value) {
  const uint8_t* at = header + field.at;
  value = 0;
  if ((at[0] & 0x80) != 0) {
    const bool negative = (at[0] & 0x40) != 0;
    // Only copies of the sign may be shifted out of the 64 bits.
    uint64_t bits = negative ? ~uint64_t{0} : 0;
    for (size_t i = 0; i < field.size; i++) {
      const uint8_t byte = i == 0 ? static_cast<uint8_t>(negative ? at[0] | 0x80 : at[0] & 0x7f) : at[i];
      const uint64_t lost = bits >> 56;
      if (lost != (negative ? 0xff : 0)) return false;
      bits = bits << 8 | byte;
    }
    value = static_cast<int64_t>(bits);
    return (value < 0) == negative;
  }
  size_t i = 0;
  while (i < field.size && (at[i] == ' ' || at[i] == '\0')) i++;
  for (; i < field.size && at[i] != ' ' && at[i] != '\0'; i++) {
    if (at[i] < '0' || at[i] > '7' || value > INT64_MAX >> 3) return false;
    value = value << 3 | (at[i] - '0');
  }
  for (; i < field.size; i++) {
    if (at[i] != ' ' && at[i] != '\0') return false;
  }
  return true;
}

bool decimal(std::string_view text, uint64_t most, uint64_t& value) {
  value = 0;
  if (text.empty()) return false;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
    const auto digit = static_cast<uint64_t>(c - '0');
    if (digit > most || value > (most - digit) / 10) return false;
    value = value * 10 + digit;
  }
  return true;
}

// Seconds with a fraction, before 1970 with a sign.
bool time_of(std::string_view text, Time& time) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  const size_t dot = text.find('.');
  uint64_t seconds = 0;
  if (!decimal(text.substr(0, dot), INT64_MAX / 2, seconds)) return false;
  uint32_t fraction = 0;
  if (dot != text.npos) {
    const std::string_view digits = text.substr(dot + 1);
    for (size_t i = 0; i < digits.size() || i < 9; i++) {
      const char c = i < digits.size() ? digits[i] : '0';
      if (c < '0' || c > '9') return false;
      if (i < 9) fraction = fraction * 10 + static_cast<uint32_t>(c - '0');
    }
  }
  time.seconds = static_cast<int64_t>(seconds);
  time.nanoseconds = fraction;
  if (!negative) return true;
  time.seconds = -time.seconds;
  if (fraction == 0) return true;
  time.seconds--;
  time.nanoseconds = 1'000'000'000 - fraction;
  return true;
}

bool is_zero(const uint8_t* block) {
  for (size_t i = 0; i < kBlock; i++) {
    if (block[i] != 0) return false;
  }
  return true;
}

// The sum of all bytes, with blanks in the place of the sum. Old programs add signed bytes.
bool sum_matches(const uint8_t* header) {
  int64_t wanted = 0;
  if (!number_of(header, kChecksum, wanted)) return false;
  int64_t sum = 0, signed_sum = 0;
  for (size_t i = 0; i < kBlock; i++) {
    const bool in_field = i >= kChecksum.at && i < kChecksum.at + kChecksum.size;
    const uint8_t byte = in_field ? ' ' : header[i];
    sum += byte;
    signed_sum += static_cast<int8_t>(byte);
  }
  return wanted == sum || wanted == signed_sum;
}

uint64_t padding_of(uint64_t size) { return (kBlock - size % kBlock) % kBlock; }

bool has_nul(const std::string& text) { return text.find('\0') != text.npos; }

}  // namespace

Input::Input(Read read, void* context, bool hashes, uint64_t limit)
    : read_(read), context_(context), hashes_(hashes), limit_(limit), buffer_(kBuffer) {}

bool Input::fill() {
  if (begin_ < end_) return true;
  if (error_ != 0) return false;
  const long n = read_(context_, buffer_.data(), buffer_.size());
  if (n < 0) error_ = static_cast<int>(-n);
  if (n <= 0) return false;
  total_ += static_cast<uint64_t>(n);
  if (total_ > limit_) {
    error_ = EFBIG;
    return false;
  }
  begin_ = 0;
  end_ = static_cast<size_t>(n);
  if (hashes_) hash_.update(reinterpret_cast<const uint8_t*>(buffer_.data()), end_);
  return true;
}

std::string_view Input::some(size_t most) {
  if (!fill()) return {};
  const size_t size = end_ - begin_ < most ? end_ - begin_ : most;
  const std::string_view bytes(buffer_.data() + begin_, size);
  begin_ += size;
  offset_ += size;
  return bytes;
}

size_t Input::exactly(void* to, size_t size) {
  size_t done = 0;
  while (done < size) {
    const std::string_view bytes = some(size - done);
    if (bytes.empty()) break;
    memcpy(static_cast<char*>(to) + done, bytes.data(), bytes.size());
    done += bytes.size();
  }
  return done;
}

void Input::drain() {
  while (!some(kBuffer).empty()) continue;
}

// Contents of the headers before an entry.
struct Reader::Extended {
  std::string long_name;
  std::string long_link;
  std::string path;
  std::string link;
  std::string size;
  std::string uid;
  std::string gid;
  std::string modified;
  std::string accessed;
  std::vector<std::pair<std::string, std::string>> xattrs;
  // GNU's sparse files in the formats 0.0, 0.1 and 1.0
  std::string sparse_major;
  std::string sparse_minor;
  std::string sparse_name;
  std::string sparse_size;
  std::string sparse_map;
  std::vector<uint64_t> sparse_numbers;
};

bool Reader::fail(std::string reason) {
  if (input_.error() != 0) {
    problem_.syscall = "read";
    problem_.error = input_.error();
    return false;
  }
  problem_.reason = std::move(reason);
  return false;
}

bool Reader::skip() {
  uint64_t rest = left_ + padding_;
  left_ = padding_ = 0;
  while (rest > 0) {
    const std::string_view bytes = input_.some(rest < kBuffer ? static_cast<size_t>(rest) : kBuffer);
    if (bytes.empty()) return fail("the archive ends inside this entry");
    rest -= bytes.size();
  }
  return true;
}

std::string_view Reader::data() {
  if (left_ == 0) return {};
  const std::string_view bytes = input_.some(left_ < kBuffer ? static_cast<size_t>(left_) : kBuffer);
  if (bytes.empty()) {
    fail("the archive ends inside this entry");
    left_ = padding_ = 0;
  }
  left_ -= bytes.size();
  return bytes;
}

bool Reader::read_text(uint64_t size, std::string& text) {
  if (size > kMostText) return fail("a header has more than 1 MiB");
  text.resize(static_cast<size_t>(size));
  if (input_.exactly(text.data(), text.size()) != text.size()) return fail("the archive ends inside a header");
  padding_ = padding_of(size);
  return skip();
}

// Each record is its length in decimal digits, a blank, `key=value` and a newline; the length includes itself.
bool Reader::read_records(const std::string& text, Extended& extended) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t blank = rest.find(' ');
    uint64_t length = 0;
    if (blank == rest.npos || !decimal(rest.substr(0, blank), rest.size(), length) || length < blank + 3 ||
        rest[length - 1] != '\n') {
      return fail("a pax header has a wrong length");
    }
    const std::string_view record = rest.substr(blank + 1, length - blank - 2);
    rest.remove_prefix(length);
    const size_t equals = record.find('=');
    if (equals == record.npos || equals == 0) return fail("a pax header has no key");
    const std::string_view key = record.substr(0, equals);
    const std::string_view value = record.substr(equals + 1);
    constexpr std::string_view kXattr = "SCHILY.xattr.";
    const bool may_have_nul = key.substr(0, kXattr.size()) == kXattr;
    if (key.find('\0') != key.npos || (!may_have_nul && value.find('\0') != value.npos)) {
      return fail("a pax header contains a NUL");
    }
    if (may_have_nul) {
      extended.xattrs.emplace_back(key.substr(kXattr.size()), value);
      continue;
    }
    const std::pair<std::string_view, std::string*> kept[] = {
        {"path", &extended.path},
        {"linkpath", &extended.link},
        {"size", &extended.size},
        {"uid", &extended.uid},
        {"gid", &extended.gid},
        {"mtime", &extended.modified},
        {"atime", &extended.accessed},
        {"GNU.sparse.major", &extended.sparse_major},
        {"GNU.sparse.minor", &extended.sparse_minor},
        {"GNU.sparse.name", &extended.sparse_name},
        {"GNU.sparse.realsize", &extended.sparse_size},
        {"GNU.sparse.size", &extended.sparse_size},
        {"GNU.sparse.map", &extended.sparse_map},
    };
    for (const auto& [name, to] : kept) {
      if (key == name) to->assign(value);
    }
    if (key == "GNU.sparse.offset" || key == "GNU.sparse.numbytes") {
      uint64_t number = 0;
      const bool is_offset = key == "GNU.sparse.offset";
      if (!decimal(value, kMostBytes, number) || is_offset != (extended.sparse_numbers.size() % 2 == 0)) {
        return fail(kWrongMap);
      }
      if (extended.sparse_numbers.size() >= 2 * kMostParts) return fail("the sparse file has too many parts");
      extended.sparse_numbers.push_back(number);
    }
  }
  return true;
}

bool Reader::read_header(const uint8_t* header, Entry& entry, char& kind) {
  kind = static_cast<char>(header[kKind]);
  entry.name = text_of(header, kName);
  entry.link = text_of(header, kLink);
  const bool has_magic = memcmp(header + kMagic, "ustar", 5) == 0;
  // GNU's format has other fields there.
  if (has_magic && header[kMagic + 5] == '\0' && header[kPrefix.at] != '\0') {
    entry.name = std::string(text_of(header, kPrefix)) + "/" + entry.name;
  }
  problem_.entry = entry.name;
  int64_t mode = 0, uid = 0, gid = 0, size = 0, seconds = 0, major = 0, minor = 0;
  if (!number_of(header, kMode, mode) || !number_of(header, kUid, uid) || !number_of(header, kGid, gid) ||
      !number_of(header, kSize, size) || !number_of(header, kTime, seconds)) {
    return fail("a number in the header is invalid");
  }
  if (size < 0) return fail("the size is negative");
  entry.mode = static_cast<uint32_t>(mode & 07777);
  if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX) return fail("the owner is not a valid number");
  entry.uid = static_cast<uint32_t>(uid);
  entry.gid = static_cast<uint32_t>(gid);
  entry.stored = static_cast<uint64_t>(size);
  entry.modified.seconds = seconds;
  if (kind == '3' || kind == '4') {
    if (!number_of(header, kMajor, major) || !number_of(header, kMinor, minor) || major < 0 || major > 0xfff ||
        minor < 0 || minor > 0xfffff) {
      return fail("the number of the device is invalid");
    }
    entry.major = static_cast<uint32_t>(major);
    entry.minor = static_cast<uint32_t>(minor);
  }
  return true;
}

bool Reader::apply(const Extended& extended, Entry& entry, char kind) {
  if (!extended.long_name.empty()) entry.name = extended.long_name;
  if (!extended.long_link.empty()) entry.link = extended.long_link;
  if (!extended.path.empty()) entry.name = extended.path;
  if (!extended.sparse_name.empty()) entry.name = extended.sparse_name;
  if (!extended.link.empty()) entry.link = extended.link;
  problem_.entry = entry.name;
  if (has_nul(entry.name) || has_nul(entry.link)) return fail("the name contains a NUL");
  uint64_t uid = entry.uid, gid = entry.gid;
  if ((!extended.uid.empty() && !decimal(extended.uid, UINT32_MAX - 1, uid)) ||
      (!extended.gid.empty() && !decimal(extended.gid, UINT32_MAX - 1, gid))) {
    return fail("the owner is not a valid number");
  }
  entry.uid = static_cast<uint32_t>(uid);
  entry.gid = static_cast<uint32_t>(gid);
  if (!extended.size.empty() && !decimal(extended.size, kMostBytes, entry.stored)) {
    return fail("the size is not a valid number");
  }
  if (!extended.modified.empty() && !time_of(extended.modified, entry.modified)) return fail("the time is invalid");
  entry.accessed = entry.modified;
  if (!extended.accessed.empty() && !time_of(extended.accessed, entry.accessed)) return fail("the time is invalid");
  entry.xattrs = extended.xattrs;
  switch (kind) {
    case '\0':
      entry.type = !entry.name.empty() && entry.name.back() == '/' ? Type::directory : Type::file;
      break;
    case '0':
    case '7':
    case 'S':
      entry.type = Type::file;
      break;
    case '1':
      entry.type = Type::hard_link;
      break;
    case '2':
      entry.type = Type::symlink;
      break;
    case '3':
      entry.type = Type::char_device;
      break;
    case '4':
      entry.type = Type::block_device;
      break;
    case '5':
      entry.type = Type::directory;
      break;
    case '6':
      entry.type = Type::fifo;
      break;
    default: {
      const char quoted[] = {'"', kind, '"', '\0'};
      return fail(std::string("entries of the type ") + (kind > ' ' && kind < 127 ? quoted : "of this number") +
                  " are not known");
    }
  }
  // The other types have no data, whatever the size in their header is.
  if (entry.type != Type::file) entry.stored = 0;
  entry.size = entry.stored;
  if (entry.stored > kMostBytes - kBlock) return fail("the size is not a valid number");
  left_ = entry.stored;
  padding_ = padding_of(entry.stored);
  return true;
}

// The entry's parts are `stored` bytes together, ascending and inside the file.
bool Reader::check_parts(Entry& entry) {
  uint64_t end = 0, stored = 0;
  for (const Part& part : entry.parts) {
    if (part.offset < end || part.size > entry.size || part.offset > entry.size - part.size) {
      return fail(kWrongMap);
    }
    end = part.offset + part.size;
    stored += part.size;
  }
  if (stored != entry.stored) return fail(kWrongMap);
  return true;
}

bool Reader::read_old_sparse(const uint8_t* header, Entry& entry) {
  int64_t whole = 0;
  if (!number_of(header, kOldSparseSize, whole) || whole < 0) return fail(kWrongMap);
  entry.sparse = true;
  entry.size = static_cast<uint64_t>(whole);
  uint8_t block[kBlock];
  memcpy(block, header, kBlock);
  size_t at = kOldSparse, count = 4, more = kOldSparseMore;
  while (true) {
    for (size_t i = 0; i < count; i++, at += 24) {
      // An unused place.
      if (block[at] == '\0' && block[at + 12] == '\0') continue;
      int64_t offset = 0, size = 0;
      if (!number_of(block, {at, 12}, offset) || !number_of(block, {at + 12, 12}, size) || offset < 0 || size < 0) {
        return fail(kWrongMap);
      }
      if (entry.parts.size() >= kMostParts) return fail("the sparse file has too many parts");
      entry.parts.push_back({static_cast<uint64_t>(offset), static_cast<uint64_t>(size)});
    }
    if (block[more] == 0) return check_parts(entry);
    if (input_.exactly(block, kBlock) != kBlock) return fail("the archive ends inside a header");
    at = 0, count = 21, more = kOldSparseBlockMore;
  }
}

// Format 1.0: the data begin with the map, in lines of decimal numbers, filled up to a whole block.
bool Reader::read_sparse_map(Entry& entry) {
  std::vector<uint64_t> numbers;
  std::string digits;
  uint64_t read = 0;
  bool counted = false;
  uint64_t wanted = 1;
  while (numbers.size() < wanted) {
    uint8_t block[kBlock];
    if (left_ < kBlock) return fail(kWrongMap);
    if (input_.exactly(block, kBlock) != kBlock) return fail("the archive ends inside this entry");
    left_ -= kBlock;
    read += kBlock;
    for (size_t i = 0; i < kBlock && numbers.size() < wanted; i++) {
      if (block[i] != '\n') {
        digits.push_back(static_cast<char>(block[i]));
        if (digits.size() > 20) return fail(kWrongMap);
        continue;
      }
      uint64_t number = 0;
      if (!decimal(digits, kMostBytes, number)) return fail(kWrongMap);
      digits.clear();
      if (counted) {
        numbers.push_back(number);
        continue;
      }
      counted = true;
      if (number > kMostParts) return fail("the sparse file has too many parts");
      wanted = number * 2;
    }
  }
  entry.stored -= read;
  for (size_t i = 0; i + 1 < numbers.size(); i += 2) entry.parts.push_back({numbers[i], numbers[i + 1]});
  return true;
}

Reader::Next Reader::next(Entry& entry) {
  if (failed() || !skip()) return Next::failed;
  if (ended_) return Next::end;
  entry = {};
  Extended extended;
  bool prepared = false;
  while (true) {
    problem_.offset = input_.offset();
    uint8_t header[kBlock];
    const size_t size = input_.exactly(header, kBlock);
    if (size == 0 && !prepared && input_.error() == 0) return Next::end;
    if (size < kBlock) {
      if (!prepared) problem_.entry.clear();
      fail("the archive ends inside a header");
      return Next::failed;
    }
    if (is_zero(header)) {
      const size_t second = input_.exactly(header, kBlock);
      if (prepared || (second > 0 && (second < kBlock || !is_zero(header))) || input_.error() != 0) {
        problem_.entry.clear();
        fail("a block of zeros is between two entries");
        return Next::failed;
      }
      ended_ = true;
      return Next::end;
    }
    if (!sum_matches(header)) {
      if (!prepared) problem_.entry.clear();
      fail("the checksum of a header is wrong: the file is not a tar archive, or it is damaged");
      return Next::failed;
    }
    char kind = 0;
    if (!read_header(header, entry, kind)) return Next::failed;
    std::string text;
    if (kind == 'x' || kind == 'X') {
      if (!read_text(entry.stored, text) || !read_records(text, extended)) return Next::failed;
    } else if (kind == 'g') {
      // The records for all entries, comments mostly, are ignored, as the engines do.
      if (!read_text(entry.stored, text)) return Next::failed;
      entry = {};
      continue;
    } else if (kind == 'L' || kind == 'K') {
      if (!read_text(entry.stored, text)) return Next::failed;
      text.resize(strnlen(text.data(), text.size()));
      (kind == 'L' ? extended.long_name : extended.long_link) = std::move(text);
    } else {
      if (!apply(extended, entry, kind)) return Next::failed;
      if (kind == 'S') return read_old_sparse(header, entry) ? Next::entry : Next::failed;
      const bool has_map = !extended.sparse_map.empty() || !extended.sparse_numbers.empty();
      const bool is_newest = extended.sparse_major == "1" && extended.sparse_minor == "0";
      if (entry.type != Type::file || (!has_map && !is_newest)) return Next::entry;
      entry.sparse = true;
      if (!decimal(extended.sparse_size, kMostBytes, entry.size)) {
        fail("the size of the sparse file is wrong");
        return Next::failed;
      }
      if (is_newest) {
        if (!read_sparse_map(entry)) return Next::failed;
      } else {
        std::vector<uint64_t> numbers = std::move(extended.sparse_numbers);
        std::string_view map = extended.sparse_map;
        while (!map.empty()) {
          const size_t comma = map.find(',');
          uint64_t number = 0;
          if (!decimal(map.substr(0, comma), kMostBytes, number)) {
            fail(kWrongMap);
            return Next::failed;
          }
          numbers.push_back(number);
          map.remove_prefix(comma == map.npos ? map.size() : comma + 1);
        }
        if (numbers.size() % 2 != 0) {
          fail(kWrongMap);
          return Next::failed;
        }
        for (size_t i = 0; i + 1 < numbers.size(); i += 2) entry.parts.push_back({numbers[i], numbers[i + 1]});
      }
      return check_parts(entry) ? Next::entry : Next::failed;
    }
    entry = {};
    prepared = true;
  }
}

}  // namespace tsubo::unpack
