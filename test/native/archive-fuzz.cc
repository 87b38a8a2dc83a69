// SPDX-License-Identifier: Apache-2.0
//
// Reads an archive many times, each time with other damage and in pieces of other sizes, and makes its files in a new
// directory. With sanitizers every access outside a buffer ends the program. Prints the number of archives that were
// unpacked whole.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unpack/place.h"

namespace {

using namespace tsubo;

uint64_t seed;
uint64_t random_number(uint64_t below) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (seed >> 33) % below;
}

struct Bytes {
  std::string text;
  size_t at = 0;
};

long read_piece(void* context, void* to, size_t size) {
  auto* bytes = static_cast<Bytes*>(context);
  const size_t most = random_number(4) == 0 ? 1 + random_number(700) : size;
  size_t n = bytes->text.size() - bytes->at;
  if (n > most) n = most;
  memcpy(to, bytes->text.data() + bytes->at, n);
  bytes->at += n;
  return static_cast<long>(n);
}

// Most damage is in a header, whose checksum is then corrected: otherwise nothing behind it is read.
void damage(std::string& text) {
  const size_t blocks = text.size() / 512;
  for (uint64_t count = 1 + random_number(3); count > 0; count--) {
    const size_t block = random_number(blocks) * 512;
    auto* at = reinterpret_cast<unsigned char*>(text.data()) + block;
    switch (random_number(4)) {
      case 0:
        at[random_number(512)] ^= static_cast<unsigned char>(1u << random_number(8));
        break;
      case 1:
        at[100 + random_number(57)] = static_cast<unsigned char>('0' + random_number(9));
        break;
      case 2:
        at[156] = static_cast<unsigned char>("01234567xgLKSV\0"[random_number(15)]);
        break;
      default:
        at[random_number(512)] = static_cast<unsigned char>("/.9\n= \0\xff"[random_number(8)]);
    }
    unsigned sum = 8 * ' ';
    for (size_t i = 0; i < 512; i++) sum += i < 148 || i >= 156 ? at[i] : 0;
    char digits[8];
    snprintf(digits, sizeof digits, "%06o", sum & 0777777);
    memcpy(at + 148, digits, 8);
  }
  if (random_number(16) == 0) text.resize(random_number(text.size()));
}

}  // namespace

int main(int, char** argv) {
  const auto rounds = static_cast<int>(strtol(argv[3], nullptr, 10));
  seed = strtoull(argv[4], nullptr, 10);
  FILE* f = fopen(argv[1], "rb");
  std::string archive(1 << 20, '\0');
  archive.resize(fread(archive.data(), 1, archive.size(), f));
  fclose(f);
  int whole = 0;
  for (int round = 0; round < rounds; round++) {
    Bytes bytes{archive};
    damage(bytes.text);
    const std::string tree = std::string(argv[2]) + "/" + std::to_string(round % 64);
    if (mkdir(tree.c_str(), 0700) < 0 && errno != EEXIST) abort();
    UniqueFd fd(open(tree.c_str(), O_RDONLY | O_DIRECTORY));
    unpack::Input input(read_piece, &bytes);
    unpack::Reader reader(input);
    unpack::Options options;
    options.tree = fd.get();
    options.lowers = {fd.get()};
    options.strict = false;
    unpack::Placer placer(std::move(options), reader);
    unpack::Entry entry;
    while (true) {
      const unpack::Reader::Next next = reader.next(entry);
      if (next == unpack::Reader::Next::failed || (next == unpack::Reader::Next::entry && !placer.place(entry))) break;
      if (next == unpack::Reader::Next::entry) continue;
      if (placer.finish()) whole++;
      input.drain();
      break;
    }
    if (bytes.at > bytes.text.size()) abort();
  }
  printf("%d whole of %d\n", whole, rounds);
  return 0;
}
