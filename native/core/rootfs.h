// SPDX-License-Identifier: Apache-2.0
//
// The root of the container before the pivot: a mount that is attached over a directory of the host.
#pragma once

#include "core/context.h"

namespace tsubo::rootfs {

// Opens the host directory that the root is mounted over. The last component must not be a link: it was resolved when
// the bundle was read, and must still be that directory.
Result open_place(Context& c, const char* path, UniqueFd* place);

// Takes the mount that the host has made from its slot, and checks that the init may enter it.
Result take_tree(Context& c, uint64_t slot, UniqueFd* tree);

// Attaches the detached mount to `place`, with the propagation, and uses it as the root.
Result use_root(Context& c, UniqueFd tree, int place, uint64_t propagation);

// In a user namespace, prepares the procfs of the init. Called before the first mount of the container can cover the
// host's.
void keep_procfs(Context& c);

// Truncates the path to its parent directory; the parent of a top directory is the empty string.
void to_parent(text::Path* path);

// Sets the propagation of the mount that contains the path.
Result spread_nearest(Context& c, text::Path* path, uint64_t flags);

// Closes the saved working directory, because it is a directory of the host. After this point nothing is mounted on a
// target of the container.
void forget_working_directory(Context& c);

}  // namespace tsubo::rootfs
