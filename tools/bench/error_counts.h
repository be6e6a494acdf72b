// Failed calls by kind.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "ringfort/status.h"

namespace ringfort::bench {

using ErrorCounts = std::map<std::string, std::uint64_t>;

inline void Count(ErrorCounts* errors, const Status& status) {
  ++(*errors)[std::string(CodeName(status.code()))];
}

/// "Unavailable 3, DeadlineExceeded 1"; "none".
inline std::string ErrorText(const ErrorCounts& errors) {
  std::string text;
  for (const auto& [kind, count] : errors) {
    text += (text.empty() ? "" : ", ") + kind + " " + std::to_string(count);
  }
  return text.empty() ? "none" : text;
}

}  // namespace ringfort::bench
