// What is text and what is not: UTF-8 as RFC 3629 has it.
#pragma once

#include <cstddef>
#include <string_view>

namespace ringfort::cli {

/// How many bytes the character takes that `bytes` begins with; 0 when none begins there.
std::size_t Utf8Length(std::string_view bytes);
bool IsUtf8(std::string_view bytes);

}  // namespace ringfort::cli
