// SPDX-License-Identifier: Apache-2.0
//
// The runtime's own create, as a child of the keeper: the container's init is then reparented to the keeper.
#pragma once

#include "keeper/container_request.h"

namespace tsubo::keeper {

struct Streams {
  int input, output, error;
};

// Runs a command with these standard streams and the environment of the ContainerRequest. Returns its pid or a negative
// errno. If the exec fails, the child writes a CreateStatus to `status` (-1: no message) and exits with 127.
long run_command(const ContainerRequest& request, uint32_t first, uint32_t words, const Streams& streams, int status);

}  // namespace tsubo::keeper
