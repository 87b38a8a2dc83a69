// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/context.h"

namespace tsubo {

// Copies the content of the directory `from` (O_PATH is enough) into the directory `to`: files, directories, symbolic
// links and device nodes, with owner and mode. Timestamps and extended attributes are not copied.
Result copy_up(Context& c, int from, int to);

}  // namespace tsubo
