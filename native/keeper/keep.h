// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keeper/kept.h"

namespace tsubo::keeper {

// Returns the input; null if the file has another kind of input, or is incomplete.
const Kept* map_kept(int fd);

// Creates the container, copies its streams, and exits after the container's init.
[[noreturn]] void keep(const Kept& kept);

}  // namespace tsubo::keeper
