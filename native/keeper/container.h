// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keeper/container_request.h"

namespace tsubo::keeper {

// Returns the input; null if the file has another kind of input, or is incomplete.
const ContainerRequest* map_container_request(int fd);

// Creates the container, copies its streams, and exits after the container's init.
[[noreturn]] void keep_container(const ContainerRequest& request);

}  // namespace tsubo::keeper
