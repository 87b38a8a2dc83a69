// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/mman.h>

#include "core/context.h"

namespace tsubo {

// The arrays of execve(2), which end with null. Their entries point into the plan.
struct ExecArguments {
  const char** args;
  const char** env;
};

// Returns the arrays in an anonymous mapping, because there is no heap. `home` is an additional variable; empty for
// none.
inline Result exec_arguments(const Context& c, wire::texts args, wire::texts env, const char* home,
                             ExecArguments* arguments) {
  const size_t count = static_cast<size_t>(args.count) + env.count + 3;
  long memory = sys::call(__NR_mmap, 0, static_cast<long>(count * sizeof(char*)), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory < 0) return check("mmap", memory);
  arguments->args = reinterpret_cast<const char**>(memory);
  for (uint32_t i = 0; i < args.count; i++) arguments->args[i] = c.plan.text(args, i);
  arguments->env = arguments->args + args.count + 1;
  for (uint32_t i = 0; i < env.count; i++) arguments->env[i] = c.plan.text(env, i);
  if (*home != '\0') arguments->env[env.count] = home;
  return {};
}

}  // namespace tsubo
