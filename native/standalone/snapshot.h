// SPDX-License-Identifier: Apache-2.0
//
// The heap of the engine, made by the build and mapped at every start: README.md beside this file.
#pragma once

#include "standalone/engine.h"

namespace tsubo::standalone {

// What a start needs of it, at the beginning of the arena.
struct Snapshot {
  uint64_t magic;
  // Of the arena with this. What follows may be anybody's: without randomization the heap of the C library is there.
  size_t bytes;
  JSRuntime* runtime;
  JSContext* context;
  JSValue start;  // the program's entry function
};

// Allocates in the arena while the snapshot is made, and after that as malloc does: the blocks of the snapshot can be
// used and let go all the same.
extern const JSMallocFunctions kMemory;

// Keeps memory aside for taking back what was done when there is no more. False when there is none to keep.
bool keep_reserve();
// The engine has been refused memory: what goes wrong from then on may be called anything.
bool memory_ran_out();

// The snapshot that was written into this executable, or null.
const Snapshot* snapshot();

// True in an executable fresh from the linker, which has the whole arena.
bool can_make_snapshot();

// True while one is made: the program must not look at the machine then.
bool making_snapshot();

// From here on all memory of the engine is taken from the arena. Only where it can.
void begin_snapshot();

// Gives the context the same seed in each build. Before anything is evaluated.
void seed_for_snapshot(JSContext* context);

// Writes the arena to a file; `made` is put at its beginning. False, with errno, when that fails.
bool write_snapshot(const char* path, Snapshot made);

}  // namespace tsubo::standalone
