// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>

#include "core/fd.h"
#include "spawn/images.h"
#include "spawn/spawn.h"

namespace tsubo {

inline SpawnFailure failed(const char* syscall, int error = errno) { return {syscall, error, -1}; }

// An embedded program as a sealed file that no process can write: /proc/PID/exe leads the container to this file and
// not to an installed one (CVE-2019-5736). native/README.md has the measurements behind this choice.
SpawnFailure sealed_image(const Image& program, UniqueFd* image);

}  // namespace tsubo
