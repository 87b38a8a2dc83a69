// SPDX-License-Identifier: Apache-2.0
//
// Commands of the runtime as children of the keeper: the create, whose init is then reparented to the keeper, the
// health checks, and the command after the container's end.
#pragma once

#include "keeper/container_request.h"

namespace tsubo::keeper {

struct Streams {
  int input, output, error;
};

// Starts the command in the texts `first` to `first + words - 1` of the ContainerRequest, with its environment and
// these standard streams. Returns the pid or a negative errno. If the exec fails, the child writes a CreateStatus to
// `status` (-1: no message) and exits with 127.
long run_command(const ContainerRequest& request, uint32_t first, uint32_t words, const Streams& streams, int status);

}  // namespace tsubo::keeper
