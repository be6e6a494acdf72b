// What tests of the choices of primaries have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ringfort::ring {

// How far the counts are outside of each node's share rounded down and up, summed.
inline std::uint64_t Excess(const std::vector<std::uint32_t>& weights,
                            const std::vector<std::uint32_t>& led, std::uint64_t shards) {
  std::uint64_t sum = 0;
  for (const std::uint32_t weight : weights) sum += weight;
  std::uint64_t excess = 0;
  for (std::size_t node = 0; node < weights.size(); ++node) {
    const std::uint64_t low = shards * weights[node] / sum;
    const std::uint64_t high = (shards * weights[node] + sum - 1) / sum;
    if (led[node] < low) excess += low - led[node];
    if (led[node] > high) excess += led[node] - high;
  }
  return excess;
}

}  // namespace ringfort::ring
