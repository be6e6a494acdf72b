// Which release this is.
#pragma once

namespace ringfort {

inline constexpr char kVersion[] = "0.2.0";

}  // namespace ringfort
