// SPDX-License-Identifier: Apache-2.0
//
// The last steps: the program is found while `create` still waits, and executed after `start`.
#include <asm/signal.h>
#include <linux/errno.h>
#include <linux/prctl.h>

#include "core/exec_arguments.h"
#include "core/files.h"
#include "core/kernel.h"
#include "core/signals.h"
#include "core/sync.h"
#include "wire/report.h"

namespace tsubo {

namespace {

Result executable(Context& c, const char* path) {
  files::Status at;
  c.about(path);
  if (long r = files::status(AT_FDCWD, path, 0, &at); r < 0) return check("stat", r);
  if (at.is(S_IFDIR)) return {EISDIR, "stat"};
  long r = sys::call(__NR_faccessat2, AT_FDCWD, sys::arg(path), X_OK, AT_EACCESS);
  // A filter may be older than the call. faccessat is equivalent here, because real and effective IDs are the same.
  if (r == -ENOSYS || r == -EPERM) r = sys::call(__NR_faccessat, AT_FDCWD, sys::arg(path), X_OK);
  return check("faccessat2", r);
}

// `create` reports a filter that refuses the calls of the waiting init; after `ready` the init could only exit. The
// report itself tests write(2). A read of 0 bytes from a socket has no other effect.
Result may_read(Context& c) {
  if (!c.filtered) return {};
  char nothing;
  return check("read", sys::read(c.channel, &nothing, 0));
}

}  // namespace

Result run(Context& c, const wire::step::findProgram& s) {
  const char* name = c.plan.text(s.name);
  c.program.clear();
  if (text::find(name, '/') != nullptr) {
    Result r = executable(c, name);
    if (r.ok()) c.program.add(name);
    return r;
  }
  for (uint32_t i = 0; i < s.search.count; i++) {
    const char* directory = c.plan.text(s.search, i);
    c.program.clear();
    c.program.add(*directory == '\0' ? "." : directory).add("/").add(name);
    if (*name != '\0' && !c.program.overflowed() && executable(c, c.program.c_str()).ok()) return {};
  }
  c.about(name);
  return {ENOENT, "stat"};
}

Result run(Context& c, const wire::step::ready&) {
  // A waiting init holds only the FIFO: no directory, no mount and no file of the host (CVE-2024-21626).
  int* const held[] = {&c.root,           &c.procfs,   &c.null_device, &c.host_null,
                       &c.mask_directory, &c.terminal, &c.here,        &c.parent.fd};
  for (int* fd : held) {
    if (*fd >= 0) sys::close(*fd);
    *fd = -1;
  }
  for (uint32_t i = 0; i < c.slots.end(); i++) {
    if (i == 0 || i > c.handed_over) c.slots.close(i);
  }
  if (Result r = outlive_runtime(c); !r.ok()) return r;
  if (Result r = may_read(c); !r.ok()) return r;
  if (c.step + 1 < c.plan.steps() && c.plan.op(c.step + 1) == wire::Op::awaitStart) {
    // A container that waits for `start` exits on the signals that kill a process without handlers, from the moment
    // `create` returns. If a filter refuses the call, only SIGKILL ends it.
    constexpr int kEnding[] = {SIGHUP, SIGINT, SIGQUIT, SIGABRT, SIGTERM};
    for (int signal : kEnding) sys::unchecked(end_on(signal));
  }
  wire::Report report = {};
  report.kind = wire::ReportKind::ready;
  if (sys::write(c.channel, &report, sizeof report) != sizeof report) sys::exit(1);
  await_resume(c);
  return {};
}

Result run(Context& c, const wire::step::awaitStart& s) {
  if (s.fifo >= wire::kSlots) return {EINVAL, "write"};
  // The runtime that created this init has finished; the process that runs `start` reads from the FIFO.
  sys::close(c.channel);
  c.channel = -1;
  c.result = c.slots[s.fifo];
  wire::Report report = {};
  report.kind = wire::ReportKind::waiting;
  report.step = c.step;
  return check("write", sys::write(c.result, &report, sizeof report));
}

Result run(Context& c, const wire::step::execute& s) {
  ExecArguments arguments = {};
  if (Result r = exec_arguments(c, s.args, s.env, c.home.c_str(), &arguments); !r.ok()) return r;
  if (c.hooked) {
    wire::Report report = {};
    report.kind = wire::ReportKind::ready;
    report.step = c.step;
    if (long r = sys::write(c.result, &report, sizeof report); r < 0) return check("write", r);
  }
  c.about(c.program.c_str());
  long r = sys::call(__NR_execve, sys::arg(c.program.c_str()), sys::arg(arguments.args), sys::arg(arguments.env));
  return check("execve", r);
}

}  // namespace tsubo
