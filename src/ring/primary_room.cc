#include "ring/primary_room.h"

#include <algorithm>

#include "ring/shares.h"

namespace ringfort::ring {
namespace {

using Node = std::uint32_t;
using Shard = std::uint32_t;
using Replicas = std::vector<std::vector<Node>>;

bool Has(const std::vector<Node>& nodes, Node node) {
  return std::ranges::find(nodes, node) != nodes.end();
}

// The two sides that no path of handing primaries over connects, with the sink of primary_keep.cc
// as one more node: `giving` is what nodes that lead too much can reach, `lacking` is from where
// nodes that lead too little can be reached.
class Sides {
 public:
  Sides(std::span<const std::uint32_t> weights, const Replicas& replicas)
      : replicas_(replicas),
        bounds_(BoundPrimaries(weights, static_cast<std::uint32_t>(replicas.size()))),
        sink_(static_cast<Node>(weights.size())),
        led_(weights.size()),
        giving_(weights.size() + 1),
        lacking_(weights.size() + 1) {
    for (const std::vector<Node>& nodes : replicas) ++led_[nodes.front()];
    // What is too much and what is too little cancel out; the sink has the difference.
    std::int64_t too_much = 0;
    for (Node node = 0; node < sink_; ++node) {
      const auto [low, high] = bounds_[node];
      giving_[node] = led_[node] > high;
      lacking_[node] = led_[node] < low;
      too_much += std::int64_t{led_[node]} - std::clamp(led_[node], low, high);
    }
    giving_[sink_] = too_much < 0;
    lacking_[sink_] = too_much > 0;
    if (std::ranges::find(giving_, true) == giving_.end()) return;
    while (Extend()) continue;
  }

  [[nodiscard]] bool Giving(Node node) const { return giving_[node]; }
  [[nodiscard]] bool Lacking(Node node) const { return lacking_[node]; }

 private:
  bool Extend() {
    bool changed = false;
    const auto way = [&](Node from, Node to) {
      if (giving_[from] && !giving_[to]) changed = giving_[to] = true;
      if (lacking_[to] && !lacking_[from]) changed = lacking_[from] = true;
    };
    for (const std::vector<Node>& nodes : replicas_) {
      for (const Node node : nodes) way(nodes.front(), node);
    }
    for (Node node = 0; node < sink_; ++node) {
      if (led_[node] < bounds_[node].high) way(node, sink_);
      if (led_[node] > bounds_[node].low) way(sink_, node);
    }
    return changed;
  }

  const Replicas& replicas_;
  std::vector<PrimaryBounds> bounds_;  ///< By node.
  Node sink_;
  std::vector<std::uint32_t> led_;  ///< By node.
  std::vector<bool> giving_;        ///< By node and sink.
  std::vector<bool> lacking_;       ///< By node and sink.
};

}  // namespace

// A shard led on the giving side has all its replicas there. With one of them on the lacking side
// instead, the path that was missing is there. It is not cut elsewhere: what comes back is a shard
// that the taker does not lead.
std::optional<ReplicaExchange> MakeRoomForPrimary(
    std::span<const std::uint32_t> weights, std::span<const std::uint32_t> zone_of,
    const std::vector<std::vector<std::uint32_t>>& replicas) {
  const Sides sides(weights, replicas);
  for (Node taker = 0; taker < weights.size(); ++taker) {
    if (!sides.Lacking(taker)) continue;
    for (Shard given = 0; given < replicas.size(); ++given) {
      if (!sides.Giving(replicas[given].front()) || Has(replicas[given], taker)) continue;
      for (auto last = replicas[given].rbegin(); last != replicas[given].rend(); ++last) {
        const Node giver = *last;
        if (zone_of[giver] != zone_of[taker]) continue;
        for (Shard returned = 0; returned < replicas.size(); ++returned) {
          const std::vector<Node>& nodes = replicas[returned];
          if (nodes.front() == taker || !Has(nodes, taker) || Has(nodes, giver)) continue;
          return ReplicaExchange{giver, taker, given, returned};
        }
      }
    }
  }
  return std::nullopt;
}

}  // namespace ringfort::ring
