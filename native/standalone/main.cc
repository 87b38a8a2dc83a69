// SPDX-License-Identifier: Apache-2.0
//
// The standalone host: the same TypeScript as in Node, in a small engine, in one static executable. It gives the
// program one global, `tsuboBinding`, built from the table of native/binding. The program returns the exit status.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>

#include "binding/table.h"
#include "binding/utf8.h"
#include "standalone/bytecode.h"
#include "standalone/engine.h"
#include "standalone/placement.h"
#include "standalone/snapshot.h"

namespace tsubo::standalone {

namespace {

using binding::Arguments;
using binding::Fields;
using binding::Outcome;
using binding::Value;

Value from_js(JSContext* context, JSValueConst v);

Value text_of(JSContext* context, JSValueConst v) {
  size_t size = 0;
  const char* s = JS_ToCStringLen(context, &size, v);
  if (s == nullptr) return Value();
  Value text = Value::text(std::string(s, size));
  JS_FreeCString(context, s);
  return text;
}

Value list_of(JSContext* context, JSValueConst v) {
  int64_t length = 0;
  JS_GetLength(context, v, &length);
  std::vector<Value> items;
  for (int64_t i = 0; i < length; i++) {
    JSValue item = JS_GetPropertyInt64(context, v, i);
    items.push_back(from_js(context, item));
    JS_FreeValue(context, item);
  }
  return Value::list(std::move(items));
}

Value record_of(JSContext* context, JSValueConst v) {
  JSPropertyEnum* names = nullptr;
  uint32_t count = 0;
  if (JS_GetOwnPropertyNames(context, &names, &count, v, JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY) < 0) return Value();
  Fields fields;
  for (uint32_t i = 0; i < count; i++) {
    const char* name = JS_AtomToCString(context, names[i].atom);
    JSValue item = JS_GetProperty(context, v, names[i].atom);
    if (name != nullptr) fields.emplace_back(name, from_js(context, item));
    JS_FreeValue(context, item);
    JS_FreeCString(context, name);
  }
  JS_FreePropertyEnum(context, names, count);
  return Value::record(std::move(fields));
}

Value from_js(JSContext* context, JSValueConst v) {
  if (JS_IsBool(v)) return Value::boolean(JS_ToBool(context, v) == 1);
  if (JS_IsNumber(v)) {
    double d = 0;
    JS_ToFloat64(context, &d, v);
    // A fraction, or a number without an exact integer, stays undefined; `mismatch` then reports "must be an integer".
    if (!(d >= -9007199254740991.0 && d <= 9007199254740991.0) || static_cast<double>(static_cast<int64_t>(d)) != d) {
      return Value();
    }
    return Value::number(static_cast<int64_t>(d));
  }
  if (JS_IsString(v)) return text_of(context, v);
  if (!JS_IsObject(v)) return Value();
  if (JS_GetTypedArrayType(v) == JS_TYPED_ARRAY_UINT8) {
    size_t size = 0;
    const uint8_t* data = JS_GetUint8Array(context, &size, v);
    return Value::bytes(data, size);
  }
  return JS_IsArray(v) ? list_of(context, v) : record_of(context, v);
}

JSValue text_to_js(JSContext* context, const std::string& text) {
  const size_t wrong = binding::first_not_utf8(text);
  if (wrong == text.size()) return JS_NewStringLen(context, text.data(), text.size());
  const std::string valid = binding::to_utf8(text, wrong);
  return JS_NewStringLen(context, valid.data(), valid.size());
}

JSValue to_js(JSContext* context, const Value& v) {
  switch (v.kind()) {
    case Value::Kind::boolean:
      return JS_NewBool(context, v.truth());
    case Value::Kind::number:
      return JS_NewInt64(context, v.number());
    case Value::Kind::bigint:
      return JS_NewBigUint64(context, v.bigint());
    case Value::Kind::text:
      return text_to_js(context, v.text());
    case Value::Kind::bytes:
      return JS_NewUint8ArrayCopy(context, v.data(), v.size());
    case Value::Kind::list: {
      JSValue array = JS_NewArray(context);
      for (uint32_t i = 0; i < v.items().size(); i++) {
        JS_SetPropertyUint32(context, array, i, to_js(context, v.items()[i]));
      }
      return array;
    }
    case Value::Kind::record: {
      JSValue object = JS_NewObject(context);
      for (const auto& [name, value] : v.fields()) {
        JS_SetPropertyStr(context, object, name.c_str(), to_js(context, value));
      }
      return object;
    }
    default:
      return JS_UNDEFINED;
  }
}

JSValue call(JSContext* context, JSValueConst, int argc, JSValueConst* argv, int index) {
  const binding::Function& function = binding::kFunctions[index];
  // During the build a module must not read the state of the build machine.
  if (making_snapshot()) return JS_ThrowInternalError(context, "%s is called while modules are loaded", function.name);
  Arguments arguments;
  for (int i = 0; i < argc; i++) arguments.push_back(from_js(context, argv[i]));
  // After OOM the arguments may be truncated: do not call.
  if (JS_HasException(context)) return JS_EXCEPTION;
  std::string wrong = mismatch(function, arguments);
  if (!wrong.empty()) return JS_ThrowTypeError(context, "%s", wrong.c_str());
  Outcome outcome = function.call(arguments);
  if (outcome.syscall == nullptr) {
    JSValue result = to_js(context, outcome.value);
    if (!JS_HasException(context)) return result;
    JS_FreeValue(context, result);
    return JS_EXCEPTION;
  }
  JSValue error = JS_NewError(context);
  if (JS_IsException(error)) return error;
  std::string message = std::string(outcome.syscall) + " failed";
  JS_DefinePropertyValueStr(context, error, "message", JS_NewStringLen(context, message.data(), message.size()),
                            JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE);
  JS_SetPropertyStr(context, error, "syscall", JS_NewString(context, outcome.syscall));
  JS_SetPropertyStr(context, error, "errno", JS_NewInt32(context, outcome.error));
  if (!outcome.path.empty()) {
    JS_SetPropertyStr(context, error, "path", text_to_js(context, outcome.path));
  }
  return JS_Throw(context, error);
}

// The code is not freed, because freeing it would only cost time.
JSValue evaluate_program(JSContext* context) {
  JSValue code = JS_ReadObject(context, kProgram, kProgramBytes, JS_READ_OBJ_BYTECODE);
  if (JS_IsException(code)) return code;
  return JS_EvalFunction(context, JS_DupValue(context, code));
}

// The caller may have closed 0, 1 or 2. A file opened later would get that number, and output of the container or an
// error message would be written to it.
bool open_standard_descriptors() {
  for (int fd = 0; fd < 3; fd++) {
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) return false;
  }
  return true;
}

// SIGPIPE and SIGXFSZ would end the process without a message. With a handler the write fails instead (EPIPE, EFBIG),
// and the error can be reported and its effects undone. A handler instead of SIG_IGN, because an exec would pass on
// SIG_IGN. A signal that the caller ignores already stays ignored: the plan then has a step that resets it in the init.
void catch_signals_of_writes() {
  struct sigaction nothing = {};
  nothing.sa_handler = [](int) {};
  nothing.sa_flags = SA_RESTART;
  for (int signal : {SIGPIPE, SIGXFSZ}) {
    struct sigaction before = {};
    // These calls cannot fail, because their arguments are valid.
    sigaction(signal, &nothing, &before);
    if (before.sa_handler == SIG_IGN) sigaction(signal, &before, nullptr);
  }
}

// Prints an unexpected exception: the program itself handles every expected error.
int explain_exception(JSContext* context) {
  JSValue error = JS_GetException(context);
  const char* text = JS_ToCString(context, error);
  JSValue stack = JS_GetPropertyStr(context, error, "stack");
  const char* trace = JS_IsString(stack) ? JS_ToCString(context, stack) : nullptr;
  // An engine without memory for its own error throws null, or an error without its text.
  const bool exhausted =
      memory_ran_out() || text == nullptr || JS_IsNull(error) || strstr(text, "Invalid error message") != nullptr;
  fprintf(stderr, "tsubo: %s\n%s", exhausted ? "out of memory" : text, trace != nullptr ? trace : "");
  return 1;
}

int out_of_memory() {
  fputs("tsubo: out of memory\n", stderr);
  return 1;
}

// Returns a function that src/standalone/main.ts exports.
JSValue exported(JSContext* context, const char* name) {
  JSValue global = JS_GetGlobalObject(context);
  JSValue program = JS_GetPropertyStr(context, global, "tsuboProgram");
  JSValue function = JS_GetPropertyStr(context, program, name);
  JS_FreeValue(context, program);
  JS_FreeValue(context, global);
  return function;
}

// Creates the runtime and the context and evaluates the program. `context` stays null if there is not enough memory.
JSValue prepare(Snapshot* made) {
  made->runtime = new_runtime(kMemory);
  JSContext* context = made->runtime == nullptr ? nullptr : new_context(made->runtime);
  if (context == nullptr) return JS_EXCEPTION;
  made->context = context;
  if (making_snapshot()) seed_for_snapshot(context);
  JSValue global = JS_GetGlobalObject(context);
  JSValue functions = JS_NewObject(context);
  for (size_t i = 0; i < binding::kFunctionCount; i++) {
    const char* name = binding::kFunctions[i].name;
    JS_SetPropertyStr(context, functions, name,
                      JS_NewCFunctionMagic(context, call, name, 0, JS_CFUNC_generic_magic, static_cast<int>(i)));
  }
  JS_SetPropertyStr(context, global, "tsuboBinding", functions);
  JS_FreeValue(context, global);
  JSValue result = evaluate_program(context);
  if (!JS_IsException(result)) made->start = exported(context, "start");
  return result;
}

// Calls a function of the program with a text, or without an argument.
JSValue call_exported(JSContext* context, const char* name, const char* text) {
  JSValue function = exported(context, name);
  JSValue argument = text == nullptr ? JS_UNDEFINED : JS_NewString(context, text);
  JSValue result = JS_Call(context, function, JS_UNDEFINED, text == nullptr ? 0 : 1, &argument);
  JS_FreeValue(context, argument);
  JS_FreeValue(context, function);
  return result;
}

int failed(const char* path) {
  fprintf(stderr, "%s: %s\n", path, strerror(errno));
  return 1;
}

// Used by the build: evaluates and warms up the program, stops before it reads the command line, and settles the heap.
// Returns an exception or its result.
JSValue make_heap(Snapshot* made) {
  begin_snapshot();
  JSValue result = prepare(made);
  if (made->context == nullptr || JS_IsException(result)) return result;
  result = call_exported(made->context, "warm", nullptr);
  if (!JS_IsException(result)) settle_snapshot(made->runtime);
  return result;
}

// tsubo --write-snapshot FILE [ORDER]
int make_snapshot_here(void* argument) {
  auto** words = static_cast<char**>(argument);
  if (words[1] != nullptr && !place_in_order(words[1])) return failed(words[1]);
  Snapshot made = {};
  JSValue result = make_heap(&made);
  if (made.context == nullptr) return out_of_memory();
  if (JS_IsException(result)) return explain_exception(made.context);
  // The engine must not run after this.
  return write_snapshot(words[0], made) ? 0 : failed(words[0]);
}

// The contents of a file with a terminating NUL; null and errno on failure.
char* contents(const char* path) {
  FILE* file = fopen(path, "re");
  if (file == nullptr) return nullptr;
  constexpr size_t kMost = 4 << 20;
  auto* text = static_cast<char*>(malloc(kMost + 1));
  if (text != nullptr) text[fread(text, 1, kMost, file)] = 0;
  fclose(file);
  return text;
}

// tsubo --rehearse ORDER RECORDING
int rehearse_here(void* argument) {
  auto** words = static_cast<char**>(argument);
  char* recording = contents(words[1]);
  if (recording == nullptr) return failed(words[1]);
  place_apart();
  Snapshot made = {};
  JSValue result = make_heap(&made);
  if (made.context == nullptr) return out_of_memory();
  if (!JS_IsException(result)) {
    if (!watch_blocks()) return failed("mprotect");
    result = call_exported(made.context, "rehearseText", recording);
  }
  if (JS_IsException(result)) return explain_exception(made.context);
  const char* report = JS_ToCString(made.context, result);
  if (report != nullptr) fputs(report, stdout);
  fflush(stdout);
  return write_used(words[0], is_shape) ? 0 : failed(words[0]);
}

// Runs on a stack at a fixed address: the engine stores addresses of its stack, used or not, and two builds must be
// identical.
int on_fixed_stack(int (*task)(void*), char** words) {
  constexpr uintptr_t kStack = 0x30000000;
  constexpr size_t kBytes = 2 * kStackBytes;
  void* stack = mmap(reinterpret_cast<void*>(kStack), kBytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (stack == MAP_FAILED) return out_of_memory();
  int status = 0;
  const pid_t pid = clone(task, static_cast<char*>(stack) + kBytes, CLONE_VM | CLONE_VFORK | SIGCHLD, words);
  if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
    fprintf(stderr, "%s: the process that makes it has failed\n", words[0]);
    return 1;
  }
  return WEXITSTATUS(status);
}

}  // namespace

// A reserve for C++ containers, which cannot report a failed allocation. The new handler frees it, and the engine soon
// fails with the lack of memory.
constexpr size_t kSpareBytes = 64 << 10;
static void* spare = nullptr;

namespace {

int run(int argc, char** argv) {
  if (!open_standard_descriptors()) {
    fprintf(stderr, "tsubo: unable to open /dev/null in the place of a closed descriptor: %s\n", strerror(errno));
    return 1;
  }
  catch_signals_of_writes();
  binding::set_argv(std::vector<std::string>(argv, argv + argc));
  spare = malloc(kSpareBytes);
  if (spare == nullptr || !keep_reserve()) return out_of_memory();
  Snapshot made = {};
  if (const Snapshot* ready = snapshot()) {
    made = *ready;
    // The snapshot contains the stack address of the process that made it.
    JS_UpdateStackTop(made.runtime);
  } else {
    JSValue result = prepare(&made);
    if (made.context == nullptr) return out_of_memory();
    if (JS_IsException(result)) return explain_exception(made.context);
  }
  JSValue status = JS_Call(made.context, made.start, JS_UNDEFINED, 0, nullptr);
  int32_t exit_status = 1;
  if (JS_IsException(status) || JS_ToInt32(made.context, &exit_status, status) < 0) {
    return explain_exception(made.context);
  }
  // The memory is not freed, because the process exits.
  return exit_status;
}

}  // namespace

}  // namespace tsubo::standalone

int main(int argc, char** argv) {
  std::set_new_handler([] {
    using tsubo::standalone::spare;
    if (spare != nullptr) {
      free(spare);
      spare = nullptr;
      return;
    }
    fputs("tsubo: out of memory\n", stderr);
    _exit(1);
  });
  using namespace tsubo::standalone;
  // Only an executable without a snapshot, fresh from the linker, accepts these options.
  int status;
  if (argc >= 3 && argc <= 4 && can_make_snapshot() && strcmp(argv[1], "--write-snapshot") == 0) {
    status = on_fixed_stack(make_snapshot_here, argv + 2);
  } else if (argc == 4 && can_make_snapshot() && strcmp(argv[1], "--rehearse") == 0) {
    status = on_fixed_stack(rehearse_here, argv + 2);
  } else {
    status = run(argc, argv);
  }
  _exit(status);
}
