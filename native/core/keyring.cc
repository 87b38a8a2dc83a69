// SPDX-License-Identifier: Apache-2.0
//
// The session keyring: the keys of the caller must not be visible in the container.
#include <linux/errno.h>
#include <linux/keyctl.h>

#include "core/context.h"
#include "core/kernel.h"

namespace tsubo {

Result run(Context& c, const wire::step::joinSessionKeyring& s) {
  const char* name = c.plan.text(s.name);
  c.about(name);
  long key = sys::call(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, sys::arg(name));
  if (key == -ENOSYS) return {};
  if (key < 0) return check("keyctl", key);
  // The format is "keyring;uid;gid;permissions in hex;name".
  char description[512];
  long n = sys::call(__NR_keyctl, KEYCTL_DESCRIBE, key, sys::arg(description), sizeof description - 1);
  if (n < 0 || n > static_cast<long>(sizeof description - 1))
    return n < 0 ? check("keyctl", n) : Result{E2BIG, "keyctl"};
  description[n] = '\0';
  const char* p = description;
  for (int i = 0; i < 3 && p != nullptr; i++) p = text::find(p, ';') != nullptr ? text::find(p, ';') + 1 : nullptr;
  if (p == nullptr) return {EINVAL, "keyctl"};
  uint32_t permissions = 0;
  for (; *p != ';' && *p != '\0'; p++) {
    permissions = permissions * 16 + static_cast<uint32_t>(*p <= '9' ? *p - '0' : (*p | 32) - 'a' + 10);
  }
  return check("keyctl", sys::call(__NR_keyctl, KEYCTL_SETPERM, key, permissions | kernel::kKeyUserSearch));
}

}  // namespace tsubo
