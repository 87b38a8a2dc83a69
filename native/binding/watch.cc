// SPDX-License-Identifier: Apache-2.0
//
// Waits for changes of files with inotify, which also reports changes of cgroup files.
#include <errno.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "binding/table.h"

namespace tsubo::binding {

namespace {

// Returns true if there was an event.
bool drain(int watch) {
  alignas(inotify_event) char events[4096];
  bool any = false;
  while (read(watch, events, sizeof events) > 0) any = true;
  return any;
}

}  // namespace

namespace function {

Outcome watchFiles(const Arguments& a) {
  int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (fd < 0) return refused("inotify_init1", errno);
  for (const Value& path : a[0].field("paths").items()) {
    if (inotify_add_watch(fd, path.text().c_str(), IN_MODIFY) >= 0) continue;
    int error = errno;
    ::close(fd);
    return refused("inotify_add_watch", error, path.text());
  }
  return Value::number(fd);
}

Outcome awaitChange(const Arguments& a) {
  int watch = static_cast<int>(a[0].number());
  pollfd watched[] = {{watch, POLLIN, 0}, {static_cast<int>(a[1].number()), POLLIN, 0}};
  int n;
  do n = poll(watched, 2, static_cast<int>(a[2].number()));
  while (n < 0 && errno == EINTR);
  if (n < 0) return refused("poll", errno);
  if (n == 0) return Value::text("time");
  if (drain(watch)) return Value::text("changed");
  return Value::text(watched[1].revents != 0 ? "ended" : "time");
}

}  // namespace function

}  // namespace tsubo::binding
