// SPDX-License-Identifier: Apache-2.0
//
// The program that becomes the container's first process: no C library, no heap, one page of data. Its only argument is
// the number of a descriptor, which contains the boot block and the plan.
#include <asm/signal.h>
#include <linux/mman.h>
#include <linux/prctl.h>

#include "core/clone_init.h"
#include "core/executor.h"
#include "core/files.h"
#include "init/stack_guard.h"
#include "wire/report.h"

extern "C" [[noreturn, gnu::no_stack_protector]] void tsubo_main(long* stack);

namespace {

using namespace tsubo;

constexpr int kBadPlan = 125;

// Reports a failure before the first step of the plan, over the channel.
[[noreturn]] void give_up(const wire::Boot& boot, const char* syscall, long result) {
  wire::Report report = {};
  report.kind = wire::ReportKind::failed;
  report.step = wire::kNoStep;
  report.error = static_cast<int32_t>(-result);
  for (size_t i = 0; syscall[i] != '\0'; i++) report.syscall[i] = syscall[i];
  // If the runtime has exited, the exit status is enough.
  sys::unchecked(sys::write(boot.channel, &report, sizeof report));
  sys::exit(1);
}

void require(const wire::Boot& boot, const char* syscall, long result) {
  if (result < 0) give_up(boot, syscall, result);
}

// Returns the boot block, or null. The plan stays mapped until the exec.
const wire::Boot* map_plan(int fd) {
  alignas(8) wire::Boot boot;
  if (sys::read(fd, &boot, sizeof boot) != sizeof boot || boot.magic != wire::kBootMagic) return nullptr;
  if (boot.plan_bytes > wire::kMaxPlanBytes || boot.fds > wire::kSpawnSlots) return nullptr;
  if (boot.joins > wire::kJoins || boot.root_slot > boot.fds) return nullptr;
  long at = sys::call(__NR_mmap, 0, static_cast<long>(sizeof boot + boot.plan_bytes), PROT_READ, MAP_PRIVATE, fd, 0);
  return at < 0 && at > -4096 ? nullptr : reinterpret_cast<const wire::Boot*>(at);
}

// Closes the descriptors that the runtime's caller left open, from the first one that does not belong to the container.
// The init's own descriptors become close-on-exec.
void close_foreign(const wire::Boot& boot) {
  int kept[wire::kSpawnSlots + wire::kJoins + 1];
  uint32_t count = 0;
  kept[count++] = boot.channel;
  for (uint32_t i = 0; i < boot.fds; i++) kept[count++] = boot.slots[i];
  for (uint32_t i = 0; i < boot.joins; i++) kept[count++] = boot.join_fds[i];
  unsigned next = 3 + boot.preserve_fds;
  while (true) {
    unsigned lowest = ~0u;
    for (uint32_t i = 0; i < count; i++) {
      auto fd = static_cast<unsigned>(kept[i]);
      if (fd >= next && fd < lowest) lowest = fd;
    }
    if (lowest > next) require(boot, "close_range", sys::close_range(next, lowest - 1, 0));
    if (lowest == ~0u) return;
    require(boot, "fcntl", sys::fcntl(static_cast<int>(lowest), F_SETFD, FD_CLOEXEC));
    next = lowest + 1;
  }
}

}  // namespace

void tsubo_main(long* stack) {
  init::set_stack_guard(stack);
  // No process in the same pid namespace may trace this one or follow its descriptors (CVE-2016-9962). The init must
  // not outlive the runtime, because only the runtime records it.
  const long hidden = sys::prctl(PR_SET_DUMPABLE, 0);
  const long bound = sys::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The runtime blocked every signal from before the clone until here.
  uint64_t none = 0;
  const long unblocked = sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&none), 0, 8);
  // The name is only displayed in process lists; a failure is harmless.
  sys::unchecked(sys::prctl(PR_SET_NAME, static_cast<unsigned long>(sys::arg("tsubo:[init]"))));
  if (stack[0] < 2) sys::exit(kBadPlan);
  int fd = 0;
  for (const char* p = reinterpret_cast<const char*>(stack[2]); *p >= '0' && *p <= '9'; p++) fd = fd * 10 + (*p - '0');

  const wire::Boot* boot = map_plan(fd);
  if (boot == nullptr) sys::exit(kBadPlan);
  sys::close(fd);
  // Report the failures from above now, because the channel is known only from the boot block.
  require(*boot, "prctl", hidden);
  require(*boot, "prctl", bound);
  require(*boot, "rt_sigprocmask", unblocked);
  close_foreign(*boot);
  if (boot->joins > 0) {
    join_and_clone_init(*boot);
  }

  static Context c;
  for (uint32_t i = 0; i < boot->fds; i++) c.slots.put(i + 1, boot->slots[i]);
  c.channel = boot->channel;
  c.handed_over = boot->fds;
  c.preserve_fds = boot->preserve_fds;
  if (!wire::Plan::open(reinterpret_cast<const uint8_t*>(boot + 1), boot->plan_bytes, &c.plan)) sys::exit(kBadPlan);

  require(*boot, "setsid", sys::call(__NR_setsid));
  c.callers_umask = sys::call(__NR_umask, 0);
  require(*boot, "umask", c.callers_umask);
  // Until the container has its own root, paths in the root refer to the init's `/`.
  long here = sys::openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  require(*boot, "openat", here);
  c.root = static_cast<int>(here);
  execute(c);
  sys::exit(1);
}
