// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "binding/value.h"

namespace tsubo::binding {

// Connects a Unix socket of any type. The path may be longer than an address; `@name` is an abstract name.
Outcome connect_to(int socket, const std::string& path);

}  // namespace tsubo::binding
