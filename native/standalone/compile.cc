// SPDX-License-Identifier: Apache-2.0
//
// Build tool: `compile OUT.cc BUNDLE` writes the bundled TypeScript as bytecode into a C++ source. It runs on the build
// machine; the bytecode is the same on all machines of the same byte order.
#include <cstdio>
#include <string>

#include "standalone/engine.h"

namespace {

std::string read_file(const char* path) {
  std::string text;
  FILE* file = fopen(path, "rb");
  if (file == nullptr) return text;
  char block[65536];
  while (size_t n = fread(block, 1, sizeof block, file)) text.append(block, n);
  fclose(file);
  return text;
}

int fail(JSContext* context, const char* what) {
  JSValue error = JS_GetException(context);
  const char* text = JS_ToCString(context, error);
  fprintf(stderr, "%s: %s\n", what, text != nullptr ? text : "?");
  return 1;
}

// Writes the bytecode as an array of bytes.
int compile(FILE* out, JSContext* context, const char* bundle) {
  std::string source = read_file(bundle);
  if (source.empty()) {
    fprintf(stderr, "%s: nothing to compile\n", bundle);
    return 1;
  }
  JSValue code = JS_Eval(context, source.c_str(), source.size(), "tsubo",
                         JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_COMPILE_ONLY | JS_EVAL_FLAG_STRICT);
  if (JS_IsException(code)) return fail(context, bundle);
  size_t size = 0;
  // Strip the source and the line numbers: an executable without a snapshot would read them at every start, but only a
  // bug in tsubo itself would print them.
  uint8_t* bytes = JS_WriteObject(context, &size, code,
                                  JS_WRITE_OBJ_BYTECODE | JS_WRITE_OBJ_STRIP_SOURCE | JS_WRITE_OBJ_STRIP_DEBUG);
  if (bytes == nullptr) return fail(context, bundle);
  fputs("#include \"standalone/bytecode.h\"\n\nnamespace tsubo::standalone {\n\n", out);
  // In its own section, which native/build/standalone.mjs removes from an executable with a snapshot.
  fputs("[[gnu::section(\".tsubo_program\")]] const unsigned char kProgram[] = {\n", out);
  for (size_t i = 0; i < size; i++) fprintf(out, "%u,%s", bytes[i], i % 32 == 31 ? "\n" : "");
  fputs("};\nconst size_t kProgramBytes = sizeof kProgram;\n\n}  // namespace tsubo::standalone\n", out);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  JSRuntime* runtime = JS_NewRuntime();
  JSContext* context = tsubo::standalone::new_context(runtime);
  JS_AddIntrinsicEval(context);
  FILE* out = fopen(argv[1], "wb");
  if (out == nullptr) {
    perror(argv[1]);
    return 1;
  }
  if (compile(out, context, argv[2]) != 0) return 1;
  return fclose(out) == 0 ? 0 : 1;
}
