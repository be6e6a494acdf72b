// Bytes as text: hexadecimal and base64 (RFC 4648, sections 8 and 4, with padding).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ringfort::ctl {

std::string ToHex(std::string_view bytes);
/// Digits in either case, two a byte; none for anything else.
std::optional<std::string> FromHex(std::string_view hex);

std::string ToBase64(std::string_view bytes);
/// None unless it is exactly what ToBase64 gives for some bytes.
std::optional<std::string> FromBase64(std::string_view text);

}  // namespace ringfort::ctl
