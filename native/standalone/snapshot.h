// SPDX-License-Identifier: Apache-2.0
//
// The heap of the engine, made by the build and mapped at every start. README.md in this directory describes it.
#pragma once

#include "standalone/engine.h"
#include "standalone/placement.h"

namespace tsubo::standalone {

// The header of the arena, with the values that a start needs.
struct Snapshot {
  uint64_t magic;
  // The size of the arena's content with this header. The memory after it may have another use: without address
  // randomisation the heap of the C library begins there.
  size_t bytes;
  JSRuntime* runtime;
  JSContext* context;
  JSValue start;  // the program's entry function
};

// Allocates in the arena while the snapshot is made, and with malloc afterwards. Blocks of the snapshot may be used and
// freed like others.
extern const JSMallocFunctions kMemory;

// Reserves memory for undoing a command after OOM. Returns false if there is not enough.
bool keep_reserve();
// True after an allocation of the engine has failed: any later error may be a consequence.
bool memory_ran_out();

// Returns the snapshot in this executable, or null.
const Snapshot* snapshot();

// True in an executable fresh from the linker, which has the whole arena.
bool can_make_snapshot();

// True while a snapshot is made: the program must not read the state of the machine then.
bool making_snapshot();

// From here on the engine allocates all memory in the arena. Requires can_make_snapshot().
void begin_snapshot();

// Gives the context the same seed in each build. Must be called before anything is evaluated.
void seed_for_snapshot(JSContext* context);

// Prepares the heap for the snapshot and ends it: from here on the engine allocates with malloc.
void settle_snapshot(JSRuntime* runtime);

// True for a shape of objects: commands search in them by the addresses of others, therefore a rehearsal, which has
// other addresses, uses other shapes.
bool is_shape(const Block* block);

// Writes the arena to a file, with `made` as its header. Returns false and sets errno on failure.
bool write_snapshot(const char* path, Snapshot made);

}  // namespace tsubo::standalone
