// What is text and what is not: UTF-8 as RFC 3629 has it, and what may be shown of bytes that
// somebody else chose.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ringfort {

/// How many bytes the character takes that `bytes` begins with; 0 when none begins there.
std::size_t Utf8Length(std::string_view bytes);
bool IsUtf8(std::string_view bytes);

/// Whether a terminal obeys it in place of showing it: controls (of ASCII, line ends among them,
/// and U+0080 to U+009F), and what turns the direction of writing. Of one character of UTF-8.
bool IsControl(std::string_view character);

/// Controls, and bytes that are not UTF-8, as \xNN.
std::string WithoutControls(std::string_view bytes);
/// The same, cut after `bytes_max` bytes, with "..." where something was cut away: what came over
/// the wire, for one line of a message.
std::string OneLine(std::string_view bytes, std::size_t bytes_max);

}  // namespace ringfort
