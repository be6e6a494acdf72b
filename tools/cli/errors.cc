#include "tools/cli/errors.h"

#include <algorithm>

#include "tools/cli/utf8.h"

namespace ringfort::cli {
namespace {

constexpr std::size_t kPrintableMax = 64;

/// Of one character of UTF-8.
bool IsControl(std::string_view character) {
  const auto at = [&character](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return at(0) < 0x20 || at(0) == 0x7f;
  // U+0080 to U+009F; U+202A to U+202E, and U+2066 to U+2069.
  if (at(0) == 0xc2) return at(1) <= 0x9f;
  if (at(0) != 0xe2) return false;
  return (at(1) == 0x80 && at(2) >= 0xaa && at(2) <= 0xae) ||
         (at(1) == 0x81 && at(2) >= 0xa6 && at(2) <= 0xa9);
}

}  // namespace

int Fail(std::ostream& err, std::string_view what, const Status& status) {
  err << "error: " << what << ": " << status.message();
  if (status.effect() == Effect::kUnknown) {
    err << "; whether the write happened is not known (read it back)";
  }
  if (status.effect() == Effect::kApplied) err << "; the write happened";
  err << "\n";
  const bool words = status.code() == Code::kInvalidArgument || status.code() == Code::kTooLarge;
  return words ? kWrongWords : kFailed;
}

std::string WithoutControls(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string shown;
  while (!bytes.empty()) {
    const std::size_t length = Utf8Length(bytes);
    const std::string_view character = bytes.substr(0, std::max<std::size_t>(length, 1));
    bytes.remove_prefix(character.size());
    if (length > 0 && !IsControl(character)) {
      shown += character;
      continue;
    }
    for (const char c : character) {
      const auto byte = static_cast<unsigned char>(c);
      shown += "\\x";
      shown += kDigits[byte >> 4];
      shown += kDigits[byte & 15];
    }
  }
  return shown;
}

std::string Printable(std::string_view bytes) {
  if (bytes.size() <= kPrintableMax) return WithoutControls(bytes);
  return WithoutControls(bytes.substr(0, kPrintableMax)) + "...";
}

}  // namespace ringfort::cli
