// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tsubo::standalone {

// Puts the snapshot into one huge page, and lends what it leaves of that to `malloc`: README.md beside this file. To be
// called before anything is allocated. False where there is no such page: then all stays as it was.
bool move_to_huge_page();

}  // namespace tsubo::standalone
