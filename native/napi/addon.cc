// SPDX-License-Identifier: Apache-2.0
//
// Exports the table of native/binding to Node.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <napi.h>
#pragma GCC diagnostic pop

#include <algorithm>
#include <cmath>

#include "binding/table.h"
#include "binding/utf8.h"

namespace {

using tsubo::binding::Arguments;
using tsubo::binding::Fields;
using tsubo::binding::Function;
using tsubo::binding::Outcome;
using tsubo::binding::Value;

Value from_js(const Napi::Value& v) {
  if (v.IsBoolean()) return Value::boolean(v.As<Napi::Boolean>().Value());
  if (v.IsNumber()) {
    double d = v.As<Napi::Number>().DoubleValue();
    // A fraction, or a number without an exact integer, stays undefined; `mismatch` then reports "must be an integer".
    if (std::trunc(d) != d || std::fabs(d) > 9007199254740991.0) return Value();
    return Value::number(static_cast<int64_t>(d));
  }
  if (v.IsString()) return Value::text(v.As<Napi::String>().Utf8Value());
  if (v.IsTypedArray()) {
    auto array = v.As<Napi::TypedArray>();
    const auto* data = static_cast<const uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset();
    return Value::bytes(data, array.ByteLength());
  }
  if (v.IsArray()) {
    auto array = v.As<Napi::Array>();
    std::vector<Value> items;
    for (uint32_t i = 0; i < array.Length(); i++) items.push_back(from_js(array.Get(i)));
    return Value::list(std::move(items));
  }
  if (v.IsObject()) {
    auto object = v.As<Napi::Object>();
    auto names = object.GetPropertyNames();
    Fields fields;
    for (uint32_t i = 0; i < names.Length(); i++) {
      Napi::Value name = names.Get(i);
      fields.emplace_back(name.As<Napi::String>().Utf8Value(), from_js(object.Get(name)));
    }
    return Value::record(std::move(fields));
  }
  return Value();
}

Napi::String text_to_js(Napi::Env env, const std::string& text) {
  const size_t wrong = tsubo::binding::first_not_utf8(text);
  return Napi::String::New(env, wrong == text.size() ? text : tsubo::binding::to_utf8(text, wrong));
}

Napi::Value to_js(Napi::Env env, const Value& v) {
  switch (v.kind()) {
    case Value::Kind::boolean:
      return Napi::Boolean::New(env, v.truth());
    case Value::Kind::number:
      return Napi::Number::New(env, static_cast<double>(v.number()));
    case Value::Kind::bigint:
      return Napi::BigInt::New(env, v.bigint());
    case Value::Kind::text:
      return text_to_js(env, v.text());
    case Value::Kind::bytes: {
      auto array = Napi::Uint8Array::New(env, v.size());
      std::copy_n(v.data(), v.size(), array.Data());
      return array;
    }
    case Value::Kind::list: {
      auto array = Napi::Array::New(env, v.items().size());
      for (uint32_t i = 0; i < v.items().size(); i++) array.Set(i, to_js(env, v.items()[i]));
      return array;
    }
    case Value::Kind::record: {
      auto object = Napi::Object::New(env);
      for (const auto& [name, value] : v.fields()) object.Set(name, to_js(env, value));
      return object;
    }
    default:
      return env.Undefined();
  }
}

Napi::Value call(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const auto& function = *static_cast<const Function*>(info.Data());
  Arguments arguments;
  for (size_t i = 0; i < info.Length(); i++) arguments.push_back(from_js(info[i]));
  // Omitted optional arguments are undefined.
  std::string wrong = mismatch(function, arguments);
  if (!wrong.empty()) {
    Napi::TypeError::New(env, wrong).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Outcome outcome = function.call(arguments);
  if (outcome.syscall == nullptr) return to_js(env, outcome.value);
  Napi::Error error = Napi::Error::New(env, std::string(outcome.syscall) + " failed");
  error.Set("syscall", Napi::String::New(env, outcome.syscall));
  error.Set("errno", Napi::Number::New(env, outcome.error));
  if (!outcome.path.empty()) error.Set("path", text_to_js(env, outcome.path));
  error.ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  for (size_t i = 0; i < tsubo::binding::kFunctionCount; i++) {
    const Function& function = tsubo::binding::kFunctions[i];
    exports.Set(function.name, Napi::Function::New(env, call, function.name, const_cast<Function*>(&function)));
  }
  return exports;
}

}  // namespace

NODE_API_MODULE(tsubo, init)
