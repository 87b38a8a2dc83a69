// SPDX-License-Identifier: Apache-2.0
//
// Reads JSON texts from standard input, and prints the number of members and a few members of each text, or `no` if
// they cannot be read; a NUL follows each. Each text is in a buffer of exactly its size: ASan and UBSan end the program
// at a read out of bounds.
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "binding/json_members.h"

using namespace tsubo::binding;

int main() {
  std::string input;
  char chunk[65536];
  for (size_t n; (n = fread(chunk, 1, sizeof chunk, stdin)) > 0;) input.append(chunk, n);
  for (size_t at = 0; at < input.size();) {
    const size_t size = input.find('\0', at) - at;
    std::unique_ptr<char[]> text(new char[size]);
    memcpy(text.get(), input.data() + at, size);
    std::vector<Member> members = {
        {"id", "", Member::Kind::text, {}},         {"bundle", "", Member::Kind::text, {}},
        {"cgroup", "path", Member::Kind::text, {}}, {"version", "", Member::Kind::number, {}},
        {"init", "pid", Member::Kind::number, {}},  {"annotations", "", Member::Kind::object, {}}};
    std::string line = "no";
    size_t count = 0;
    if (find_members({text.get(), size}, members, count)) {
      line = std::to_string(count) + '\t';
      for (const Member& member : members) line.append(member.value).push_back('\t');
    }
    line.push_back(0);
    fwrite(line.data(), 1, line.size(), stdout);
    at += size + 1;
  }
  return 0;
}
