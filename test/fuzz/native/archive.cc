// SPDX-License-Identifier: Apache-2.0
//
// An archive. Each block gets the checksum of a header, because the reader looks at nothing behind a wrong one.
#include "unpack/archive.h"

#include <stdio.h>
#include <stdlib.h>

#include <string>

#include "bytes.h"

namespace {

using namespace tsubo;

constexpr size_t kBlock = 512;

struct Stream {
  std::string text;
  size_t at = 0;
  size_t piece = 0;
};

long read_piece(void* context, void* to, size_t size) {
  auto* stream = static_cast<Stream*>(context);
  size_t n = stream->text.size() - stream->at;
  if (n > size) n = size;
  if (stream->piece > 0 && n > stream->piece) n = stream->piece;
  memcpy(to, stream->text.data() + stream->at, n);
  stream->at += n;
  return static_cast<long>(n);
}

void correct_checksums(std::string& text) {
  for (size_t begin = 0; begin + kBlock <= text.size(); begin += kBlock) {
    auto* at = reinterpret_cast<unsigned char*>(text.data()) + begin;
    unsigned sum = 8 * ' ';
    for (size_t i = 0; i < kBlock; i++) sum += i < 148 || i >= 156 ? at[i] : 0;
    // An empty block is the end of the archive.
    if (sum == 8 * ' ') continue;
    char digits[8];
    snprintf(digits, sizeof digits, "%06o", sum & 0777777);
    memcpy(at + 148, digits, 8);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // The input has a large buffer, whose allocation would take most of the time: one is used for all archives.
  static Stream stream;
  static unpack::Input input(read_piece, &stream, false);
  fuzz::Bytes bytes(data, size);
  stream.at = 0;
  const uint8_t how = bytes.byte();
  stream.piece = how & 1 ? 1 + (how >> 1) * 5u : 0;
  stream.text.assign(reinterpret_cast<const char*>(bytes.data()), bytes.left());
  correct_checksums(stream.text);
  unpack::Reader reader(input);
  unpack::Entry entry;
  unpack::Reader::Next next;
  while ((next = reader.next(entry)) == unpack::Reader::Next::entry) {
    uint64_t parts = 0;
    for (const unpack::Part& part : entry.parts) {
      if (part.offset + part.size > entry.size || part.offset + part.size < part.offset) abort();
      parts += part.size;
    }
    if (entry.sparse && parts != entry.stored) abort();
    if (entry.name.find('\0') != std::string::npos || entry.link.find('\0') != std::string::npos) abort();
    if (entry.type != unpack::Type::file) continue;
    uint64_t read = 0;
    for (std::string_view piece = reader.data(); !piece.empty(); piece = reader.data()) read += piece.size();
    if (!reader.failed() && read != entry.stored) abort();
  }
  if ((next == unpack::Reader::Next::failed) != reader.failed()) abort();
  input.drain();
  return 0;
}
