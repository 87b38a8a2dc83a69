// SPDX-License-Identifier: Apache-2.0
//
// The JavaScript engine as the standalone host sets it up, and as the build sets it up to compile for it: the same
// intrinsics, so that what compiles also runs.
#pragma once

extern "C" {
#include "quickjs.h"

// settle.h
void tsubo_settle(JSRuntime* runtime);
void tsubo_settle_large(void* block);
void tsubo_seed(JSContext* context);
}

namespace tsubo::standalone {

// Deep enough for any config the reader accepts, far from the end of an 8 MiB stack.
inline constexpr size_t kStackBytes = 4u << 20;
// A command needs 2 to 4 MiB; one that needs this much is lost in a loop, and the machine shall not pay for it.
inline constexpr size_t kMemoryBytes = 512u << 20;

inline JSRuntime* new_runtime(const JSMallocFunctions& memory) {
  JSRuntime* runtime = JS_NewRuntime2(&memory, nullptr);
  if (runtime == nullptr) return nullptr;
  JS_SetMaxStackSize(runtime, kStackBytes);
  JS_SetMemoryLimit(runtime, kMemoryBytes);
  // A command lives some milliseconds: what it leaves behind goes with the process.
  JS_SetGCThreshold(runtime, 64u << 20);
  return runtime;
}

// No Date, Proxy, WeakRef, eval: the core does without, and each costs start-up.
inline JSContext* new_context(JSRuntime* runtime) {
  JSContext* context = JS_NewContextRaw(runtime);
  if (context == nullptr) return nullptr;
  JS_AddIntrinsicBaseObjects(context);
  JS_AddIntrinsicDate(context);
  JS_AddIntrinsicRegExpCompiler(context);
  JS_AddIntrinsicRegExp(context);
  JS_AddIntrinsicJSON(context);
  JS_AddIntrinsicMapSet(context);
  JS_AddIntrinsicTypedArrays(context);
  JS_AddIntrinsicPromise(context);
  JS_AddIntrinsicBigInt(context);
  return context;
}

}  // namespace tsubo::standalone
