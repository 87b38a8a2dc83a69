// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace tsubo::binding {

// The kernel would cut the path at a NUL and use another path.
inline bool has_nul(const std::string& path) { return path.find('\0') != std::string::npos; }

}  // namespace tsubo::binding
