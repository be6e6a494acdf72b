// XXH3, the one hash of Ringfort: ring positions and checksums.
#pragma once

#include <cstdint>
#include <string_view>

namespace ringfort {

/// XXH3_64bits of the bytes. Stable across machines and versions: it is in the disk and wire
/// formats.
std::uint64_t Hash64(std::string_view bytes);
std::uint64_t Hash64(std::string_view bytes, std::uint64_t seed);

}  // namespace ringfort
