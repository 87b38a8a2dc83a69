// SPDX-License-Identifier: Apache-2.0
//
// The protocol of sd_notify(3) between a container and the service manager of the runtime.
#pragma once

#include <sys/types.h>

#include <string>

#include "binding/value.h"

namespace tsubo::binding {

// Reads the datagrams that wait in the socket. Returns true if one of them has the line READY=1.
bool receive_ready(int socket);

// Sends the service manager at `host` READY=1, with `main` as the main process of the service.
Outcome announce_ready(const std::string& host, pid_t main, bool barrier);

}  // namespace tsubo::binding
