// SPDX-License-Identifier: Apache-2.0
//
// Values that pass between TypeScript and C++, independent of the engine: each host converts its own values to and from
// these.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tsubo::binding {

class Value;
using Fields = std::vector<std::pair<std::string, Value>>;

class Value {
 public:
  enum class Kind { undefined, boolean, number, bigint, text, bytes, list, record };

  Value() = default;
  static Value boolean(bool b) { return Value(Kind::boolean, b ? 1 : 0); }
  // Exact below 2^53; a plain number in JavaScript.
  static Value number(int64_t n) { return Value(Kind::number, n); }
  static Value bigint(uint64_t n) { return Value(Kind::bigint, static_cast<int64_t>(n)); }
  static Value text(std::string s) {
    Value v(Kind::text, 0);
    v.text_ = std::move(s);
    return v;
  }
  // An argument, borrowed: valid only during the call.
  static Value bytes(const uint8_t* data, size_t size) {
    Value v(Kind::bytes, static_cast<int64_t>(size));
    v.data_ = data;
    return v;
  }
  // A result that owns its bytes.
  static Value owned_bytes(std::string s) {
    Value v(Kind::bytes, static_cast<int64_t>(s.size()));
    v.text_ = std::move(s);
    return v;
  }
  static Value list(std::vector<Value> items);
  static Value record(Fields fields);

  Kind kind() const { return kind_; }
  bool is_undefined() const { return kind_ == Kind::undefined; }
  bool truth() const { return n_ != 0; }
  int64_t number() const { return n_; }
  uint64_t bigint() const { return static_cast<uint64_t>(n_); }
  const std::string& text() const { return text_; }
  const uint8_t* data() const { return data_ != nullptr ? data_ : reinterpret_cast<const uint8_t*>(text_.data()); }
  size_t size() const { return static_cast<size_t>(n_); }
  const std::vector<Value>& items() const { return items_; }
  const Fields& fields() const { return fields_; }
  const Value& field(const char* name) const;

 private:
  Value(Kind kind, int64_t n) : kind_(kind), n_(n) {}

  Kind kind_ = Kind::undefined;
  int64_t n_ = 0;
  const uint8_t* data_ = nullptr;
  std::string text_;
  std::vector<Value> items_;
  Fields fields_;
};

// A value, or the system call that failed.
struct Outcome {
  Outcome() = default;
  Outcome(Value v) : value(std::move(v)) {}

  Value value;
  const char* syscall = nullptr;
  int error = 0;
  std::string path;
};

Outcome refused(const char* syscall, int error, std::string path = "");

}  // namespace tsubo::binding
