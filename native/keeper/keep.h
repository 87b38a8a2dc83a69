// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keeper/kept.h"

namespace tsubo::keeper {

// Returns the input of a supervisor; null if the file has another one, or is incomplete.
const Kept* map_kept(int fd);

// Creates the container, carries its streams, and exits after its end.
[[noreturn]] void keep(const Kept& kept);

}  // namespace tsubo::keeper
