#include "ring/shares.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <string>

#include "base/check.h"

namespace ringfort::ring {
namespace {

// A share is a number of replicas in units of 2^-32: fine enough that the rounding down below costs
// a node of a cluster of thousands less than a thousandth of a replica.
constexpr int kFractionBits = 32;
using Fixed = std::uint64_t;

constexpr Fixed ToFixed(std::uint64_t whole) {
  return whole << kFractionBits;
}
constexpr std::uint64_t Whole(Fixed share) {
  return share >> kFractionBits;
}
constexpr Fixed Fraction(Fixed share) {
  return share & (ToFixed(1) - 1);
}

// What each node of a zone gets at a given water level: `level` for each unit of weight.
Fixed NodeAt(Fixed level, std::uint32_t weight, std::uint32_t shards) {
  return std::min(ToFixed(shards), level * weight);
}

// The highest level at which `total(level)`, which never decreases, is at most `wanted`. At the
// level of one full node per unit of weight every node is full.
Fixed Level(std::uint32_t shards, Fixed wanted, const std::function<Fixed(Fixed)>& total) {
  Fixed low = 0;
  Fixed high = ToFixed(shards);
  while (low < high) {
    const Fixed middle = low + (high - low + 1) / 2;
    if (total(middle) <= wanted) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

// `shares` as whole numbers that sum to `total`: each rounded down, then the largest fractions up,
// never above `most`, which has room for `total`. Equal fractions: the earlier first.
std::vector<std::uint64_t> Round(const std::vector<Fixed>& shares, std::uint64_t total,
                                 const std::vector<std::uint64_t>& most) {
  RF_CHECK(std::accumulate(most.begin(), most.end(), std::uint64_t{0}) >= total);
  std::vector<std::uint64_t> rounded;
  for (const Fixed share : shares) {
    rounded.push_back(Whole(share));
    total -= rounded.back();
  }
  std::vector<std::size_t> order(shares.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater(),
                           [&](std::size_t i) { return Fraction(shares[i]); });
  for (std::size_t next = 0; total > 0; next = (next + 1) % order.size()) {
    const std::size_t i = order[next];
    if (rounded[i] == most[i]) continue;
    ++rounded[i];
    --total;
  }
  return rounded;
}

using NodesByZone = std::vector<std::vector<std::size_t>>;

NodesByZone NumberZones(std::span<const NodeInfo> nodes, std::vector<std::uint32_t>* zone_of) {
  std::map<std::string, std::vector<std::size_t>> by_name;
  for (std::size_t i = 0; i < nodes.size(); ++i) by_name[nodes[i].zone].push_back(i);
  NodesByZone zones;
  zone_of->resize(nodes.size());
  for (auto& [name, members] : by_name) {
    for (const std::size_t node : members) {
      (*zone_of)[node] = static_cast<std::uint32_t>(zones.size());
    }
    zones.push_back(std::move(members));
  }
  return zones;
}

// Fills level after level of all zones that have a node left, until `replicas` no longer suffice
// for a whole level. What remains of them is `extra`.
std::vector<ZoneBounds> BoundZones(const NodesByZone& zones, std::uint32_t replicas) {
  std::vector<ZoneBounds> bounds(zones.size());
  for (std::uint32_t level = 1;; ++level) {
    std::uint32_t wanted = 0;
    for (const auto& members : zones) wanted += members.size() >= level ? 1 : 0;
    const bool whole = wanted <= replicas;
    for (std::size_t z = 0; z < zones.size(); ++z) {
      if (zones[z].size() < level) continue;
      bounds[z].most = replicas > 0 ? level : bounds[z].least;
      if (whole) bounds[z].least = level;
    }
    if (!whole || wanted == 0) return bounds;
    replicas -= wanted;
  }
}

}  // namespace

Shares ComputeShares(std::span<const NodeInfo> nodes, std::uint32_t shards,
                     std::uint32_t replicas) {
  RF_CHECK(replicas >= 1 && replicas <= nodes.size())
      << replicas << " replicas on " << nodes.size() << " nodes";
  Shares shares;
  const NodesByZone zones = NumberZones(nodes, &shares.zone_of);
  shares.zones = BoundZones(zones, replicas);

  const auto members_at = [&](std::size_t zone, Fixed level) {
    Fixed sum = 0;
    for (const std::size_t node : zones[zone]) sum += NodeAt(level, nodes[node].weight, shards);
    return sum;
  };
  const auto zone_at = [&](std::size_t zone, Fixed level) {
    const ZoneBounds& bounds = shares.zones[zone];
    return std::clamp(members_at(zone, level), ToFixed(std::uint64_t{shards} * bounds.least),
                      ToFixed(std::uint64_t{shards} * bounds.most));
  };

  // One level for all zones that are within their bounds.
  const std::uint64_t total = std::uint64_t{shards} * replicas;
  const Fixed level = Level(shards, ToFixed(total), [&](Fixed at) {
    Fixed sum = 0;
    for (std::size_t zone = 0; zone < zones.size(); ++zone) sum += zone_at(zone, at);
    return sum;
  });
  std::vector<Fixed> zone_shares;
  std::vector<std::uint64_t> zone_most;
  for (std::size_t zone = 0; zone < zones.size(); ++zone) {
    zone_shares.push_back(zone_at(zone, level));
    zone_most.push_back(std::uint64_t{shards} * shares.zones[zone].most);
  }
  const std::vector<std::uint64_t> zone_totals = Round(zone_shares, total, zone_most);

  // Within a zone that is at a bound the level is the zone's own.
  shares.replicas.resize(nodes.size());
  for (std::size_t zone = 0; zone < zones.size(); ++zone) {
    const Fixed own =
        Level(shards, zone_shares[zone], [&](Fixed at) { return members_at(zone, at); });
    std::vector<Fixed> node_shares;
    for (const std::size_t node : zones[zone]) {
      node_shares.push_back(NodeAt(own, nodes[node].weight, shards));
    }
    const std::vector<std::uint64_t> node_most(node_shares.size(), shards);
    const std::vector<std::uint64_t> rounded = Round(node_shares, zone_totals[zone], node_most);
    for (std::size_t i = 0; i < rounded.size(); ++i) {
      shares.replicas[zones[zone][i]] = static_cast<std::uint32_t>(rounded[i]);
    }
  }
  return shares;
}

}  // namespace ringfort::ring
