// SPDX-License-Identifier: Apache-2.0
//
// Signals that end a runtime in the foreground while its program does not run yet (native/binding/foreground.cc).
#pragma once

#include <errno.h>

namespace tsubo::binding {

enum class Wait { any, hook };

// True once when SIGTERM, SIGINT, SIGHUP or SIGQUIT has come since `catchSignals` and the program does not run yet;
// after its end only a hook is not waited for any longer, so that the container is still deleted. From then on these
// signals have their default action: a second one ends the runtime at once.
bool interrupted(Wait wait = Wait::any);

// For the loop around a call that may wait: true when a signal that is none of these has interrupted it. Keeps errno.
inline bool call_again(Wait wait = Wait::any) { return errno == EINTR && !interrupted(wait); }

}  // namespace tsubo::binding
