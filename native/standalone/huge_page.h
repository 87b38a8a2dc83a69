// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tsubo::standalone {

// Puts the snapshot into one huge page, and lends what it leaves of that to `malloc`: README.md beside this file. To be
// called before anything is allocated. Where there is no such page all stays as it was.
void move_to_huge_page();

}  // namespace tsubo::standalone
