// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/context.h"

namespace tsubo {

// Copies what is in the directory `from` (O_PATH is enough) into the directory `to`: files, directories, symbolic links
// and device nodes with owner, mode and times of use left to the file system. Extended attributes are not copied.
Result copy_up(Context& c, int from, int to);

}  // namespace tsubo
