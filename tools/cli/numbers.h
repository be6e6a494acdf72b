// Numbers as people read them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace ringfort::cli {

/// 1,234,567
std::string CountText(std::uint64_t count);
/// 999 B, 1.2 KB, 64.0 MB: powers of 1,000.
std::string BytesText(std::uint64_t bytes);
/// 0.42 s, 12.3 s, 3m12s, 2h05m, 3d04h
std::string DurationText(std::chrono::milliseconds duration);
/// With so many digits behind the point.
std::string FixedText(double number, int digits);

}  // namespace ringfort::cli
