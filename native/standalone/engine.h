// SPDX-License-Identifier: Apache-2.0
//
// The configuration of the JavaScript engine. The standalone host and the build's compiler use the same intrinsics,
// therefore code that compiles also runs.
#pragma once

extern "C" {
#include "quickjs.h"

// Defined in settle.h.
extern int tsubo_large_blocks_only;
void tsubo_settle(JSRuntime* runtime);
void tsubo_settle_large(void* block);
int tsubo_is_shape(const void* block);
void tsubo_seed(JSContext* context);
}

namespace tsubo::standalone {

// Deep enough for any config that the reader accepts, and far below an 8 MiB stack.
inline constexpr size_t kStackBytes = 4u << 20;
// A command needs 2 to 4 MiB. A command that needs this much is in an endless loop and must not exhaust the machine.
inline constexpr size_t kMemoryBytes = 512u << 20;

inline JSRuntime* new_runtime(const JSMallocFunctions& memory) {
  JSRuntime* runtime = JS_NewRuntime2(&memory, nullptr);
  if (runtime == nullptr) return nullptr;
  JS_SetMaxStackSize(runtime, kStackBytes);
  JS_SetMemoryLimit(runtime, kMemoryBytes);
  // A command runs for a few milliseconds: garbage is freed by the exit of the process.
  JS_SetGCThreshold(runtime, 64u << 20);
  return runtime;
}

// No Proxy, WeakRef, eval: the core does not use them, and each makes the start slower.
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
