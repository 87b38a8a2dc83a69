// SPDX-License-Identifier: Apache-2.0
//
// <stdio.h> as far as it makes text for messages: %c %d %i %u %x %X %p %s %% with flags, width and precision, and no
// numbers with a fraction, which the engine prints with its own code.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

namespace {

class Out {
 public:
  Out(char* to, size_t size) : to_(to), size_(size) {}
  void put(char c) {
    if (n_ + 1 < size_) to_[n_] = c;
    n_++;
  }
  void repeat(char c, int times) {
    while (times-- > 0) put(c);
  }
  void put(const char* s, size_t n) {
    for (size_t i = 0; i < n; i++) put(s[i]);
  }
  int end() {
    if (size_ > 0) to_[n_ < size_ ? n_ : size_ - 1] = '\0';
    return static_cast<int>(n_);
  }

 private:
  char* to_;
  size_t size_;
  size_t n_ = 0;
};

struct Form {
  bool left = false, zero = false;
  char sign = '\0';
  int width = 0, precision = -1;
};

void put_padded(Out& out, const Form& form, const char* s, size_t n) {
  int blanks = form.width - static_cast<int>(n);
  if (!form.left) out.repeat(' ', blanks);
  out.put(s, n);
  if (form.left) out.repeat(' ', blanks);
}

void put_number(Out& out, const Form& form, uint64_t value, bool negative, unsigned base, const char* digits) {
  char text[24];
  int n = 0;
  for (uint64_t rest = value; rest != 0; rest /= base)
    text[sizeof text - 1 - static_cast<size_t>(n++)] = digits[rest % base];
  if (n == 0 && form.precision != 0) text[sizeof text - 1 - static_cast<size_t>(n++)] = '0';
  char sign = negative ? '-' : form.sign;
  int zeros = form.precision > n ? form.precision - n : 0;
  int blanks = form.width - n - zeros - (sign != '\0' ? 1 : 0);
  if (form.zero && !form.left && form.precision < 0 && blanks > 0) {
    zeros = blanks;
    blanks = 0;
  }
  if (!form.left) out.repeat(' ', blanks);
  if (sign != '\0') out.put(sign);
  out.repeat('0', zeros);
  out.put(text + sizeof text - n, static_cast<size_t>(n));
  if (form.left) out.repeat(' ', blanks);
}

}  // namespace

extern "C" {

int vsnprintf(char* to, size_t size, const char* format, va_list values) noexcept {
  Out out(to, size);
  for (const char* p = format; *p != '\0'; p++) {
    if (*p != '%') {
      out.put(*p);
      continue;
    }
    Form form;
    for (p++;; p++) {
      if (*p == '-') {
        form.left = true;
      } else if (*p == '0') {
        form.zero = true;
      } else if (*p == '+' || *p == ' ') {
        form.sign = *p;
      } else if (*p != '#') {
        break;
      }
    }
    auto number = [&] {
      int n = 0;
      if (*p == '*') {
        p++;
        return va_arg(values, int);
      }
      for (; *p >= '0' && *p <= '9'; p++) n = n * 10 + (*p - '0');
      return n;
    };
    form.width = number();
    if (form.width < 0) {
      form.left = true;
      form.width = -form.width;
    }
    if (*p == '.') {
      p++;
      form.precision = number();
    }
    int bytes = 4;
    for (; *p == 'l' || *p == 'h' || *p == 'z' || *p == 'j' || *p == 't'; p++) {
      bytes = *p != 'h' ? 8 : bytes == 4 ? 2 : 1;
    }
    switch (*p) {
      case 'd':
      case 'i': {
        int64_t value = bytes == 8 ? va_arg(values, int64_t) : va_arg(values, int);
        if (bytes == 2) value = static_cast<int16_t>(value);
        if (bytes == 1) value = static_cast<int8_t>(value);
        uint64_t size_of = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
        put_number(out, form, size_of, value < 0, 10, "0123456789");
        break;
      }
      case 'u':
      case 'x':
      case 'X': {
        uint64_t value = bytes == 8 ? va_arg(values, uint64_t) : va_arg(values, unsigned);
        if (bytes == 2) value = static_cast<uint16_t>(value);
        if (bytes == 1) value = static_cast<uint8_t>(value);
        form.sign = '\0';
        put_number(out, form, value, false, *p == 'u' ? 10 : 16, *p == 'X' ? "0123456789ABCDEF" : "0123456789abcdef");
        break;
      }
      case 'p':
        out.put("0x", 2);
        put_number(out, {}, reinterpret_cast<uint64_t>(va_arg(values, void*)), false, 16, "0123456789abcdef");
        break;
      case 'c': {
        char c = static_cast<char>(va_arg(values, int));
        put_padded(out, form, &c, 1);
        break;
      }
      case 's': {
        const char* s = va_arg(values, const char*);
        if (s == nullptr) s = "(null)";
        put_padded(out, form, s, form.precision < 0 ? strlen(s) : strnlen(s, static_cast<size_t>(form.precision)));
        break;
      }
      case '%':
        out.put('%');
        break;
      case '\0':
        return out.end();
      default:
        // a form that is not here takes no value, and what follows would take the wrong one
        out.put("%?", 2);
        return out.end();
    }
  }
  return out.end();
}

int snprintf(char* to, size_t size, const char* format, ...) noexcept {
  va_list values;
  va_start(values, format);
  int n = vsnprintf(to, size, format, values);
  va_end(values);
  return n;
}

// The only two files there are: no buffers.
FILE* stdout = reinterpret_cast<FILE*>(STDOUT_FILENO);
FILE* stderr = reinterpret_cast<FILE*>(STDERR_FILENO);

size_t fwrite(const void* from, size_t size, size_t count, FILE* file) {
  auto* p = static_cast<const char*>(from);
  auto fd = static_cast<int>(reinterpret_cast<intptr_t>(file));
  for (size_t left = size * count; left > 0;) {
    ssize_t n = write(fd, p, left);
    if (n <= 0) return 0;
    p += n;
    left -= static_cast<size_t>(n);
  }
  return count;
}

int vfprintf(FILE* file, const char* format, va_list values) {
  char text[4096];
  int n = vsnprintf(text, sizeof text, format, values);
  size_t there = n < static_cast<int>(sizeof text) ? static_cast<size_t>(n) : sizeof text - 1;
  return fwrite(text, 1, there, file) == there ? n : -1;
}

int fprintf(FILE* file, const char* format, ...) {
  va_list values;
  va_start(values, format);
  int n = vfprintf(file, format, values);
  va_end(values);
  return n;
}

int printf(const char* format, ...) {
  va_list values;
  va_start(values, format);
  int n = vfprintf(stdout, format, values);
  va_end(values);
  return n;
}

int fputs(const char* s, FILE* file) { return fwrite(s, 1, strlen(s), file) == strlen(s) ? 0 : EOF; }

int fputc(int c, FILE* file) {
  char one = static_cast<char>(c);
  return fwrite(&one, 1, 1, file) == 1 ? c : EOF;
}

}  // extern "C"
