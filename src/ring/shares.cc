#include "ring/shares.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <utility>

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

NodesByZone MembersOf(const std::vector<std::uint32_t>& zone_of) {
  NodesByZone zones(zone_of.empty() ? 0 : std::ranges::max(zone_of) + 1);
  for (std::size_t node = 0; node < zone_of.size(); ++node) zones[zone_of[node]].push_back(node);
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

// The shares before they are rounded to whole numbers.
struct ExactShares {
  NodesByZone members;            ///< By zone.
  std::vector<Fixed> zone_share;  ///< By zone, within its bounds.
  std::vector<Fixed> node_share;  ///< By node: less than weight x 2^-32 below the true one.
};

// Fills in what is whole anyway, zones and their bounds, and returns the rest.
ExactShares Divide(std::span<const NodeInfo> nodes, std::uint32_t shards, std::uint32_t replicas,
                   Shares* shares) {
  RF_CHECK(replicas >= 1 && replicas <= nodes.size())
      << replicas << " replicas on " << nodes.size() << " nodes";
  ExactShares exact;
  shares->zone_of = NumberZones(nodes);
  exact.members = MembersOf(shares->zone_of);
  shares->zones = BoundZones(exact.members, replicas);
  const std::size_t zones = exact.members.size();

  const auto members_at = [&](std::size_t zone, Fixed level) {
    Fixed sum = 0;
    for (const std::size_t node : exact.members[zone]) {
      sum += NodeAt(level, nodes[node].weight, shards);
    }
    return sum;
  };
  const auto zone_at = [&](std::size_t zone, Fixed level) {
    const ZoneBounds& bounds = shares->zones[zone];
    return std::clamp(members_at(zone, level), ToFixed(std::uint64_t{shards} * bounds.least),
                      ToFixed(std::uint64_t{shards} * bounds.most));
  };

  // One level for all zones that are within their bounds.
  const Fixed total = ToFixed(std::uint64_t{shards} * replicas);
  const Fixed level = Level(shards, total, [&](Fixed at) {
    Fixed sum = 0;
    for (std::size_t zone = 0; zone < zones; ++zone) sum += zone_at(zone, at);
    return sum;
  });
  // Within a zone that is at a bound the level is the zone's own.
  exact.node_share.resize(nodes.size());
  for (std::size_t zone = 0; zone < zones; ++zone) {
    exact.zone_share.push_back(zone_at(zone, level));
    const Fixed own =
        Level(shards, exact.zone_share[zone], [&](Fixed at) { return members_at(zone, at); });
    for (const std::size_t node : exact.members[zone]) {
      exact.node_share[node] = NodeAt(own, nodes[node].weight, shards);
    }
  }
  return exact;
}

// A share so close below a whole number that it is one but for the rounding of the level is made
// one. (Else its node could get one less than its share, which is whole.)
Fixed Settle(Fixed share, std::uint32_t weight) {
  const Fixed most = share + weight;
  return Whole(most) == Whole(share) ? share : ToFixed(Whole(most));
}

}  // namespace

Shares ComputeShares(std::span<const NodeInfo> nodes, std::uint32_t shards,
                     std::uint32_t replicas) {
  Shares shares;
  const ExactShares exact = Divide(nodes, shards, replicas, &shares);
  std::vector<std::uint64_t> zone_most;
  for (const ZoneBounds& bounds : shares.zones) {
    zone_most.push_back(std::uint64_t{shards} * bounds.most);
  }
  const std::vector<std::uint64_t> zone_totals =
      Round(exact.zone_share, std::uint64_t{shards} * replicas, zone_most);

  shares.replicas.resize(nodes.size());
  for (std::size_t zone = 0; zone < zone_totals.size(); ++zone) {
    const std::vector<std::size_t>& members = exact.members[zone];
    std::vector<Fixed> node_shares;
    for (const std::size_t node : members) node_shares.push_back(exact.node_share[node]);
    const std::vector<std::uint64_t> node_most(members.size(), shards);
    const std::vector<std::uint64_t> rounded = Round(node_shares, zone_totals[zone], node_most);
    for (std::size_t i = 0; i < members.size(); ++i) {
      shares.replicas[members[i]] = static_cast<std::uint32_t>(rounded[i]);
    }
  }
  return shares;
}

Shares ComputeShares(std::span<const NodeInfo> nodes, std::uint32_t shards, std::uint32_t replicas,
                     std::span<const std::uint32_t> held) {
  Shares shares;
  ExactShares exact = Divide(nodes, shards, replicas, &shares);
  std::uint64_t left = std::uint64_t{shards} * replicas;
  std::vector<std::uint64_t> in_zone(shares.zones.size());
  std::vector<std::size_t> order;  // The nodes whose share is no whole number.
  for (std::size_t node = 0; node < nodes.size(); ++node) {
    Fixed& share = exact.node_share[node];
    share = Settle(share, nodes[node].weight);
    shares.replicas.push_back(static_cast<std::uint32_t>(Whole(share)));
    in_zone[shares.zone_of[node]] += Whole(share);
    left -= Whole(share);
    if (Fraction(share) > 0) order.push_back(node);
  }
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t node) {
    return std::pair(held[node] > shares.replicas[node], Fraction(exact.node_share[node]));
  });

  // Zones get theirs rounded down or up too: first each what it must have. Each takes the best of
  // the order, so no choice within the bounds is better (they make it a matroid, where the greedy
  // choice is the best).
  std::vector<std::uint32_t> zone_weights(shares.zones.size());
  for (std::size_t node = 0; node < nodes.size(); ++node) {
    zone_weights[shares.zone_of[node]] += nodes[node].weight;
  }
  std::vector<bool> up(nodes.size());
  const auto round_up = [&](Fixed add) {
    for (const std::size_t node : order) {
      const std::uint32_t zone = shares.zone_of[node];
      const Fixed zone_share = Settle(exact.zone_share[zone], zone_weights[zone]);
      if (left == 0 || up[node] || in_zone[zone] >= Whole(zone_share + add)) continue;
      up[node] = true;
      ++shares.replicas[node];
      ++in_zone[zone];
      --left;
    }
  };
  round_up(0);
  round_up(ToFixed(1) - 1);
  RF_CHECK(left == 0) << left << " replicas without a node";
  return shares;
}

std::vector<std::uint32_t> NumberZones(std::span<const NodeInfo> nodes) {
  std::map<std::string, std::uint32_t> numbers;
  for (const NodeInfo& node : nodes) numbers[node.zone] = 0;
  std::uint32_t next = 0;
  for (auto& [name, number] : numbers) number = next++;
  std::vector<std::uint32_t> zone_of;
  for (const NodeInfo& node : nodes) zone_of.push_back(numbers[node.zone]);
  return zone_of;
}

std::vector<PrimaryBounds> BoundPrimaries(std::span<const std::uint32_t> weights,
                                          std::uint32_t shards) {
  const std::uint64_t sum = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  std::vector<PrimaryBounds> bounds;
  for (const std::uint64_t weight : weights) {
    bounds.push_back({.low = static_cast<std::uint32_t>(shards * weight / sum),
                      .high = static_cast<std::uint32_t>((shards * weight + sum - 1) / sum)});
  }
  return bounds;
}

}  // namespace ringfort::ring
