#include "tools/cli/numbers.h"

#include <array>
#include <cstdio>

namespace ringfort::cli {

std::string CountText(std::uint64_t count) {
  std::string text = std::to_string(count);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

std::string FixedText(double number, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, number);
  return text.data();
}

std::string BytesText(std::uint64_t bytes) {
  if (bytes < 1000) return std::to_string(bytes) + " B";
  constexpr std::array<const char*, 5> kUnits = {"KB", "MB", "GB", "TB", "PB"};
  double scaled = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  // What would be rounded up to 1000.0 belongs to the next unit.
  while (scaled >= 999.95 && unit + 1 < kUnits.size()) {
    scaled /= 1000;
    ++unit;
  }
  return FixedText(scaled, 1) + " " + kUnits.at(unit);
}

std::string DurationText(std::chrono::milliseconds duration) {
  const auto ms = duration.count();
  if (ms < 1000) return FixedText(static_cast<double>(ms) / 1000, 2) + " s";
  if (ms < 60'000) return FixedText(static_cast<double>(ms) / 1000, 1) + " s";
  const auto seconds = ms / 1000;
  std::array<char, 64> text{};
  if (seconds < 3600) {
    std::snprintf(text.data(), text.size(), "%dm%02ds", static_cast<int>(seconds / 60),
                  static_cast<int>(seconds % 60));
  } else if (seconds < 86'400) {
    std::snprintf(text.data(), text.size(), "%dh%02dm", static_cast<int>(seconds / 3600),
                  static_cast<int>(seconds / 60 % 60));
  } else {
    std::snprintf(text.data(), text.size(), "%dd%02dh", static_cast<int>(seconds / 86'400),
                  static_cast<int>(seconds / 3600 % 24));
  }
  return text.data();
}

}  // namespace ringfort::cli
