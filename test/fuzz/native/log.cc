// SPDX-License-Identifier: Apache-2.0
//
// The output of a program, through the keeper's log and the reader of logs: all of it arrives, in order.
#include "keeper/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "binding/interrupt.h"
#include "binding/table.h"
#include "bytes.h"

namespace {

using namespace tsubo;
using binding::Value;

char directory[] = "/dev/shm/tsubo-fuzz-XXXXXX";
int directory_fd = -1;
std::string printed;

void remove_directory() {
  const std::string files[] = {"log", "log.1", "log.2"};
  for (const std::string& name : files) unlinkat(directory_fd, name.c_str(), 0);
  rmdir(directory);
}

}  // namespace

namespace tsubo::binding {
bool interrupted(Wait) { return false; }
}  // namespace tsubo::binding

// native.mjs renames write(2) in the reader.
extern "C" ssize_t fuzz_write(int, const void* data, size_t size) {
  printed.append(static_cast<const char*>(data), size);
  return static_cast<ssize_t>(size);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (directory_fd < 0) {
    if (mkdtemp(directory) == nullptr) abort();
    directory_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    atexit(remove_directory);
  }
  fuzz::Bytes bytes(data, size);
  const uint8_t how = bytes.byte();
  // Half of the inputs are a log that another program has damaged.
  const bool damaged = (how & 1) != 0;
  int fd = openat(directory_fd, "log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) abort();
  if (damaged && write(fd, bytes.data(), bytes.left()) < 0) abort();
  close(fd);
  std::string expected;
  if (!damaged) {
    static keeper::Log log;
    static bool opened = false;
    if (!opened && log.open(directory_fd, 0, 1) < 0) abort();
    opened = true;
    while (bytes.left() > 0) {
      unsigned char text[256];
      const size_t n = bytes.copy(text, bytes.byte());
      log.add("stdout", text, n);
      expected.append(reinterpret_cast<char*>(text), n);
    }
    if (log.lost() > 0) abort();
  }
  printed.clear();
  const binding::Outcome outcome = binding::function::printLog({Value::record({
      {"directory", Value::text(directory)},
      {"tail", how & 2 ? Value::number(how >> 4) : Value()},
      {"timestamps", Value::boolean((how & 4) != 0)},
      {"since", Value::text(how & 8 ? "2026" : "")},
      {"until", Value::text("")},
      {"stdout", Value::boolean(true)},
      {"stderr", Value::boolean((how & 0x80) == 0)},
  })});
  if (outcome.syscall != nullptr) abort();
  if (!damaged && (how & 6) == 0) {
    if (!expected.empty() && printed != expected) abort();
  }
  return 0;
}
