// SPDX-License-Identifier: Apache-2.0
//
// Signals that end a foreground runtime before its program runs or after it has exited (native/binding/foreground.cc).
#pragma once

#include <errno.h>

namespace tsubo::binding {

enum class Wait { any, hook };

// Returns true once if SIGTERM, SIGINT, SIGHUP or SIGQUIT has arrived since `catchSignals` and the program does not run
// yet. After the program's exit only a wait for a hook is interrupted, because the container must still be deleted.
// From then on these signals have their default action: a second one ends the runtime at once.
bool interrupted(Wait wait = Wait::any);

// The pipe with the numbers of the signals that were caught since `catchSignals`, or -1.
int caught_signals();
bool terminates(int signal);
// From now on signals belong to the program, and after its end they can end the runtime again.
void program_runs();
void program_ended();

// For loops around blocking calls: returns true if another signal has interrupted the call. Keeps errno.
inline bool call_again(Wait wait = Wait::any) { return errno == EINTR && !interrupted(wait); }

}  // namespace tsubo::binding
