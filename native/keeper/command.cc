// SPDX-License-Identifier: Apache-2.0
#include "keeper/command.h"

#include <asm/signal.h>
#include <linux/errno.h>
#include <linux/mman.h>

#include "core/kernel.h"
#include "core/syscall.h"
#include "core/text.h"

namespace tsubo::keeper {

namespace {

constexpr int kNotExecuted = 127;

// Texts first ... first + count, as an array that ends with null.
const char** words_of(const ContainerRequest& request, uint32_t first, uint32_t count) {
  const char* at = reinterpret_cast<const char*>(&request + 1);
  for (uint32_t i = 0; i < first; i++) at += text::length(at) + 1;
  long memory = sys::call(__NR_mmap, 0, static_cast<long>((count + 1) * sizeof at), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory < 0 && memory > -4096) sys::exit(kNotExecuted);
  auto* words = reinterpret_cast<const char**>(memory);
  for (uint32_t i = 0; i < count; i++) {
    words[i] = at;
    at += text::length(at) + 1;
  }
  words[count] = nullptr;
  return words;
}

}  // namespace

long run_command(const ContainerRequest& request, uint32_t first, uint32_t words, const Streams& streams, int status) {
  long pid = sys::call(__NR_clone, SIGCHLD, 0, 0, 0, 0);
  if (pid != 0) return pid;
  // The keeper's own standard streams are open: these have higher numbers.
  const int wanted[] = {streams.input, streams.output, streams.error};
  for (int fd = 0; fd < 3; fd++) {
    if (wanted[fd] != fd && sys::call(__NR_dup3, wanted[fd], fd, 0) < 0) sys::exit(kNotExecuted);
  }
  const char** argv = words_of(request, first, words);
  const char** envp = words_of(request, request.words, request.environment);
  // The keeper has blocked every signal.
  uint64_t none = 0;
  sys::unchecked(sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&none), 0, 8));
  long result = sys::call(__NR_execve, sys::arg(argv[0]), sys::arg(argv), sys::arg(envp));
  const CreateStatus failure = {{0, static_cast<int32_t>(-result), "execve"}, 0, kNotExecuted};
  // If the runtime has exited, no process reads the status.
  if (status >= 0) sys::unchecked(sys::write(status, &failure, sizeof failure));
  sys::exit(kNotExecuted);
}

}  // namespace tsubo::keeper
