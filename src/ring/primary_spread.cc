#include "ring/primary_spread.h"

#include <algorithm>
#include <deque>
#include <optional>

#include "base/check.h"
#include "ring/shares.h"

namespace ringfort::ring {
namespace {

using Node = std::uint32_t;
using Shard = std::uint32_t;

// A flow problem: each shard gives one unit to one of its replicas, each node wants a number
// of units within its bounds. Starts from a good guess and shifts primaries along shortest paths of
// nodes, each of which hands one shard to the next. When no path leads away from an overfull node,
// the nodes it reaches hold every replica of the shards they lead, so no choice can do better (max
// flow, min cut).
class PrimarySpread {
 public:
  PrimarySpread(std::span<const std::uint32_t> weights,
                const std::vector<std::vector<Node>>& replicas)
      : weights_(weights),
        replicas_(replicas),
        held_(weights.size()),
        led_(weights.size()),
        bounds_(BoundPrimaries(weights, static_cast<std::uint32_t>(replicas.size()))) {
    for (Shard shard = 0; shard < replicas.size(); ++shard) {
      for (const Node node : replicas[shard]) held_[node].push_back(shard);
    }
  }

  std::vector<Node> Run() {
    for (const auto& nodes : replicas_) {
      primary_.push_back(LeastLed(nodes));
      ++led_[primary_.back()];
    }
    for (Node node = 0; node < weights_.size(); ++node) {
      while (led_[node] > bounds_[node].high && GiveFrom(node)) continue;
    }
    for (Node node = 0; node < weights_.size(); ++node) {
      while (led_[node] < bounds_[node].low && TakeTo(node)) continue;
    }
    return primary_;
  }

 private:
  // One step of a path: `shard` changes hands between the node it is noted for and `other`.
  struct Step {
    Shard shard;
    Node other;
  };
  using Steps = std::vector<std::optional<Step>>;

  // The node that leads least for its weight, the earliest of equals.
  [[nodiscard]] Node LeastLed(const std::vector<Node>& nodes) const {
    return *std::ranges::min_element(nodes, [this](Node a, Node b) {
      return std::uint64_t{led_[a]} * weights_[b] < std::uint64_t{led_[b]} * weights_[a];
    });
  }

  // Takes one primary off `start`, along a path to a node that may lead one more.
  bool GiveFrom(Node start) {
    Steps from(weights_.size());
    std::deque<Node> reached{start};
    for (; !reached.empty(); reached.pop_front()) {
      const Node giver = reached.front();
      for (const Shard shard : held_[giver]) {
        if (primary_[shard] != giver) continue;
        for (const Node taker : replicas_[shard]) {
          if (taker == start || from[taker].has_value() || taker == giver) continue;
          from[taker] = Step{shard, giver};
          if (led_[taker] < bounds_[taker].high) {
            for (Node node = taker; node != start; node = from[node]->other) {
              primary_[from[node]->shard] = node;
            }
            --led_[start];
            ++led_[taker];
            return true;
          }
          reached.push_back(taker);
        }
      }
    }
    return false;
  }

  // Gives one more primary to `start`, along a path from a node that may lead one less.
  bool TakeTo(Node start) {
    Steps to(weights_.size());
    std::deque<Node> reached{start};
    for (; !reached.empty(); reached.pop_front()) {
      const Node taker = reached.front();
      for (const Shard shard : held_[taker]) {
        const Node giver = primary_[shard];
        if (giver == start || to[giver].has_value() || giver == taker) continue;
        to[giver] = Step{shard, taker};
        if (led_[giver] > bounds_[giver].low) {
          for (Node node = giver; node != start; node = to[node]->other) {
            primary_[to[node]->shard] = to[node]->other;
          }
          --led_[giver];
          ++led_[start];
          return true;
        }
        reached.push_back(giver);
      }
    }
    return false;
  }

  std::span<const std::uint32_t> weights_;
  const std::vector<std::vector<Node>>& replicas_;
  std::vector<std::vector<Shard>> held_;  ///< By node: the shards it has a replica of.
  std::vector<std::uint32_t> led_;        ///< By node: how many shards it is primary of.
  std::vector<PrimaryBounds> bounds_;     ///< By node.
  std::vector<Node> primary_;             ///< By shard.
};

}  // namespace

void SpreadPrimaries(std::span<const std::uint32_t> weights,
                     std::vector<std::vector<std::uint32_t>>* replicas) {
  const std::vector<Node> primaries = PrimarySpread(weights, *replicas).Run();
  for (Shard shard = 0; shard < replicas->size(); ++shard) {
    std::vector<Node>& nodes = (*replicas)[shard];
    const auto primary = std::ranges::find(nodes, primaries[shard]);
    RF_CHECK(primary != nodes.end());
    std::rotate(nodes.begin(), primary, primary + 1);
  }
}

}  // namespace ringfort::ring
