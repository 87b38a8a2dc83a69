// SPDX-License-Identifier: Apache-2.0
//
// Build tool: compile OUT.cc NAME=BUNDLE...: the bundled TypeScript as bytecode in a C++ source. Runs on the machine
// that builds; the bytecode has one form for all machines of the same byte order.
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

// Writes one array of bytes.
int compile(FILE* out, JSContext* context, int number, const char* bundle) {
  std::string source = read_file(bundle);
  if (source.empty()) {
    fprintf(stderr, "%s: nothing to compile\n", bundle);
    return 1;
  }
  JSValue code = JS_Eval(context, source.c_str(), source.size(), "tsubo",
                         JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_COMPILE_ONLY | JS_EVAL_FLAG_STRICT);
  if (JS_IsException(code)) return fail(context, bundle);
  size_t size = 0;
  // Neither source nor line numbers: they would be read at every start for the one case of a defect of ours.
  uint8_t* bytes = JS_WriteObject(context, &size, code,
                                  JS_WRITE_OBJ_BYTECODE | JS_WRITE_OBJ_STRIP_SOURCE | JS_WRITE_OBJ_STRIP_DEBUG);
  if (bytes == nullptr) return fail(context, bundle);
  // a segment of its own, which an executable with a snapshot goes without: .ci/standalone.mjs
  fprintf(out, "[[gnu::section(\".tsubo_program\")]] const unsigned char chunk%d[] = {\n", number);
  for (size_t i = 0; i < size; i++) fprintf(out, "%u,%s", bytes[i], i % 32 == 31 ? "\n" : "");
  fputs("};\n", out);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  JSRuntime* runtime = JS_NewRuntime();
  JSContext* context = tsubo::standalone::new_context(runtime);
  JS_AddIntrinsicEval(context);
  FILE* out = fopen(argv[1], "wb");
  if (out == nullptr) {
    perror(argv[1]);
    return 1;
  }
  fputs("#include \"standalone/bytecode.h\"\n\nnamespace tsubo::standalone {\n\nnamespace {\n", out);
  std::string table;
  for (int i = 2; i < argc; i++) {
    std::string argument = argv[i];
    size_t equals = argument.find('=');
    if (equals == std::string::npos) return 2;
    if (compile(out, context, i - 2, argument.c_str() + equals + 1) != 0) return 1;
    std::string number = std::to_string(i - 2);
    table += "    {\"" + argument.substr(0, equals) + "\", chunk" + number + ", sizeof chunk" + number + "},\n";
  }
  fprintf(out, "}  // namespace\n\nconst Chunk kChunks[] = {\n%s};\n", table.c_str());
  fputs("const size_t kChunkCount = sizeof kChunks / sizeof *kChunks;\n\n}  // namespace tsubo::standalone\n", out);
  return fclose(out) == 0 ? 0 : 1;
}
