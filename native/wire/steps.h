// SPDX-License-Identifier: Apache-2.0
//
// The types of the steps, from the generated table. The files of src/plan have the meaning of each step. Order and
// names are the wire format.
#pragma once

#include <stdint.h>

#include "wire/vocabulary.h"

namespace tsubo::wire {

using number = uint64_t;

// A text or a list in the data part: its offset from the start of the plan, and its length.
struct text {
  uint32_t offset;
  uint32_t length;
};
struct texts {
  uint32_t offset;
  uint32_t count;
};
struct numbers {
  uint32_t offset;
  uint32_t count;
};

// The C++ type of each field kind. The alias for `signed` is needed because `signed` is a keyword of C++.
using field_number = number;
using field_signed = int64_t;
using field_text = text;
using field_texts = texts;
using field_numbers = numbers;

// One struct per step, with the layout of the plan: 8 bytes per field.
namespace step {
#define TSUBO_DECLARE_FIELD(kind, name) field_##kind name;
#define TSUBO_DECLARE_STEP(op)             \
  struct op {                              \
    TSUBO_FIELDS_##op(TSUBO_DECLARE_FIELD) \
  };
TSUBO_STEPS(TSUBO_DECLARE_STEP)
#undef TSUBO_DECLARE_STEP
#undef TSUBO_DECLARE_FIELD
}  // namespace step

#define TSUBO_NAME_STEP(op) op,
enum class Op : uint32_t { TSUBO_STEPS(TSUBO_NAME_STEP) count };
#undef TSUBO_NAME_STEP

// The kinds of a step's fields, one letter each: n(umber, signed or unsigned), t(ext), l(ist of texts), N(umbers).
struct kind_letter {
  static constexpr char number = 'n', text = 't', texts = 'l', numbers = 'N';
  static constexpr char of_number = number, of_signed = number, of_text = text, of_texts = texts, of_numbers = numbers;
};
#define TSUBO_FIELD_LETTER(kind, name) kind_letter::of_##kind,
#define TSUBO_STEP_LETTERS(op) inline constexpr char letters_##op[] = {TSUBO_FIELDS_##op(TSUBO_FIELD_LETTER) '\0'};
TSUBO_STEPS(TSUBO_STEP_LETTERS)
#undef TSUBO_STEP_LETTERS
#undef TSUBO_FIELD_LETTER

// The flags of mount, bind and mountCgroup, the counterpart of `mountFlags`.
enum MountFlag : uint64_t {
  kOrdinaryDirectory = 1,
  kInsideProc = 2,
  kInheritMode = 4,
  kCopyUp = 8,
  kSourceIsProc = 16,
};

// A mask of setUmask with this value means the caller's umask; the counterpart of `callersUmask`.
inline constexpr uint64_t kCallersUmask = 010000;

// The vocabulary as text, one step per line: `mount text:fstype text:source ...`. A test compares it with the
// TypeScript table.
#define TSUBO_FIELD_TEXT(kind, name) " " #kind ":" #name
#define TSUBO_STEP_TEXT(op) #op TSUBO_FIELDS_##op(TSUBO_FIELD_TEXT) "\n"
inline constexpr char kVocabulary[] = TSUBO_STEPS(TSUBO_STEP_TEXT);
#undef TSUBO_STEP_TEXT
#undef TSUBO_FIELD_TEXT

}  // namespace tsubo::wire
