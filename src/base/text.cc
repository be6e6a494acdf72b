#include "base/text.h"

#include <algorithm>

namespace ringfort {

std::size_t Utf8Length(std::string_view bytes) {
  if (bytes.empty()) return 0;
  const auto at = [&bytes](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  std::size_t length = 0;
  // The second byte has a narrower range where a shorter form, a surrogate or a number over
  // 0x10ffff would be written (RFC 3629, section 4).
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
  } else {
    return 0;
  }
  if (bytes.size() < length || at(1) < low || at(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (at(i) < 0x80 || at(i) > 0xbf) return 0;
  }
  return length;
}

bool IsUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = Utf8Length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

bool IsControl(std::string_view character) {
  const auto at = [&character](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return at(0) < 0x20 || at(0) == 0x7f;
  // U+0080 to U+009F; U+202A to U+202E, and U+2066 to U+2069.
  if (at(0) == 0xc2) return at(1) <= 0x9f;
  if (at(0) != 0xe2) return false;
  return (at(1) == 0x80 && at(2) >= 0xaa && at(2) <= 0xae) ||
         (at(1) == 0x81 && at(2) >= 0xa6 && at(2) <= 0xa9);
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

std::string OneLine(std::string_view bytes, std::size_t bytes_max) {
  if (bytes.size() <= bytes_max) return WithoutControls(bytes);
  // Not in the midst of a character.
  std::size_t end = bytes_max;
  while (end > 0 && bytes_max - end < 3 && (bytes[end] & 0xc0) == 0x80) --end;
  return WithoutControls(bytes.substr(0, end)) + "...";
}

}  // namespace ringfort
