// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "binding/path.h"
#include "binding/table.h"
#include "binding/write_to_end.h"
#include "core/fd.h"
#include "spawn/images.h"

namespace tsubo::binding::function {

Outcome writeReaper(const Arguments& a) {
  const std::string& path = a[0].text();
  if (has_nul(path)) return refused("open", EINVAL, path);
  const auto mode = static_cast<mode_t>(a[1].number());
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd.open()) return refused("open", errno, path);
  // Any user of the container executes it, whatever the umask of the caller.
  if (fchmod(fd.get(), mode) < 0) return refused("fchmod", errno, path);
  const std::string program(reinterpret_cast<const char*>(kReaperImage.data), kReaperImage.bytes);
  if (int error = write_to_end(fd.get(), program); error != 0) return refused("write", error, path);
  return {};
}

}  // namespace tsubo::binding::function
