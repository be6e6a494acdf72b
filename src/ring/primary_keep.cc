#include "ring/primary_keep.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <queue>
#include <utility>

#include "base/check.h"
#include "ring/shares.h"

namespace ringfort::ring {
namespace {

using Node = std::uint32_t;
using Shard = std::uint32_t;

// A flow of least cost: each shard sends one unit to its primary, each node sends on what it leads,
// within its bounds, to the sink. A unit at another node than the one that leads now costs one.
//
// Starts with everything where it is: that costs nothing, but some nodes have more than they may
// send on and others less than they must. Shifts units from the former to the latter along cheapest
// paths, which keeps the cost least at each step: the primal-dual method (Ahuja, Magnanti, Orlin:
// "Network Flows", section 9.8). Every price at which paths exist is a round, and there are few.
class PrimaryKeep {
 public:
  PrimaryKeep(std::span<const std::uint32_t> weights, const std::vector<bool>& leads,
              const std::vector<std::vector<Node>>& replicas)
      : replicas_(replicas),
        leads_(leads),
        bounds_(BoundPrimaries(weights, static_cast<std::uint32_t>(replicas.size()))),
        sink_(static_cast<Node>(weights.size())),
        primary_(replicas.size()),
        led_(weights.size()),
        excess_(weights.size() + 1),
        potential_(weights.size() + 1) {
    Start(weights);
    for (Node node = 0; node < sink_; ++node) {
      const auto led = static_cast<std::uint32_t>(led_[node].size());
      sent_.push_back(std::clamp(led, bounds_[node].low, bounds_[node].high));
      excess_[node] = std::int64_t{led} - sent_[node];
      excess_[sink_] -= excess_[node];
    }
  }

  std::vector<Node> Run() {
    while (Reprice()) {
      for (bool shifted = true; shifted;) {
        shifted = false;
        seen_.assign(sink_ + 1, false);
        for (Node node = 0; node <= sink_; ++node) {
          while (excess_[node] > 0 && !seen_[node] && Shift(node)) {
            --excess_[node];
            shifted = true;
          }
        }
      }
    }
    return primary_;
  }

 private:
  // Who leads, leads; the other shards go to the replica that leads least for its weight so far.
  void Start(std::span<const std::uint32_t> weights) {
    for (Shard shard = 0; shard < replicas_.size(); ++shard) {
      if (leads_[shard]) Lead(shard, replicas_[shard].front());
    }
    for (Shard shard = 0; shard < replicas_.size(); ++shard) {
      if (leads_[shard]) continue;
      Lead(shard, *std::ranges::min_element(replicas_[shard], [&](Node a, Node b) {
             return led_[a].size() * weights[b] < led_[b].size() * weights[a];
           }));
    }
  }

  void Lead(Shard shard, Node node) {
    primary_[shard] = node;
    led_[node].push_back(shard);
  }

  // Calls `visit(to, cost, apply)` for each way a unit can go from `from`, until it returns true.
  // `apply` is the index of the shard in led_[from] that changes hands, if one does.
  template <typename Visit>
  bool VisitWays(Node from, Visit visit) const {
    if (from == sink_) {
      for (Node node = 0; node < sink_; ++node) {
        if (sent_[node] > bounds_[node].low && visit(node, 0, kNoShard)) return true;
      }
      return false;
    }
    if (sent_[from] < bounds_[from].high && visit(sink_, 0, kNoShard)) return true;
    for (std::size_t i = 0; i < led_[from].size(); ++i) {
      const Shard shard = led_[from][i];
      for (const Node node : replicas_[shard]) {
        if (node != from && visit(node, Cost(shard, node) - Cost(shard, from), i)) return true;
      }
    }
    return false;
  }

  [[nodiscard]] int Cost(Shard shard, Node node) const {
    return leads_[shard] && node != replicas_[shard].front() ? 1 : 0;
  }

  // Sets the potentials so that exactly the ways on cheapest paths from an excess to a lack cost
  // nothing, and none less. False where no such path exists.
  bool Reprice() {
    constexpr int kFar = std::numeric_limits<int>::max();
    std::vector<int> distance(sink_ + 1, kFar);
    using Reached = std::pair<int, Node>;
    std::priority_queue<Reached, std::vector<Reached>, std::greater<>> queue;
    const auto reach = [&](Node node, int at) {
      if (at >= distance[node]) return;
      distance[node] = at;
      queue.emplace(at, node);
    };
    for (Node node = 0; node <= sink_; ++node) {
      if (excess_[node] > 0) reach(node, 0);
    }
    int nearest = kFar;
    while (!queue.empty()) {
      const auto [at, from] = queue.top();
      queue.pop();
      if (at > distance[from]) continue;
      if (excess_[from] < 0) nearest = std::min(nearest, at);
      VisitWays(from, [&, at = at, from = from](Node to, int cost, std::size_t) {
        reach(to, at + cost + potential_[from] - potential_[to]);
        return false;
      });
    }
    if (nearest == kFar) return false;
    for (Node node = 0; node <= sink_; ++node) {
      potential_[node] += std::min(distance[node], nearest);
    }
    return true;
  }

  // Brings one unit from `from` to a node that lacks one, along ways that cost nothing now.
  bool Shift(Node from) {
    seen_[from] = true;
    if (excess_[from] < 0) {
      ++excess_[from];
      seen_[from] = false;
      return true;
    }
    const bool shifted = VisitWays(from, [&](Node to, int cost, std::size_t index) {
      if (seen_[to] || cost + potential_[from] != potential_[to] || !Shift(to)) return false;
      Apply(from, to, index);
      return true;
    });
    if (shifted) seen_[from] = false;
    return shifted;
  }

  void Apply(Node from, Node to, std::size_t index) {
    if (to == sink_) {
      ++sent_[from];
    } else if (from == sink_) {
      --sent_[to];
    } else {
      std::swap(led_[from][index], led_[from].back());
      Lead(led_[from].back(), to);
      led_[from].pop_back();
    }
  }

  static constexpr std::size_t kNoShard = ~std::size_t{0};

  const std::vector<std::vector<Node>>& replicas_;
  const std::vector<bool>& leads_;
  std::vector<PrimaryBounds> bounds_;    ///< By node.
  Node sink_;                            ///< The number behind the last node's.
  std::vector<Node> primary_;            ///< By shard.
  std::vector<std::vector<Shard>> led_;  ///< By node: the same the other way round.
  std::vector<std::uint32_t> sent_;      ///< By node: what it sends to the sink, within bounds_.
  std::vector<std::int64_t> excess_;  ///< By node and sink: units that wait there; below 0: lack.
  std::vector<int> potential_;  ///< By node and sink. No way costs less than their difference.
  std::vector<bool> seen_;      ///< By node and sink: on the path, or leads nowhere.
};

}  // namespace

void KeepPrimaries(std::span<const std::uint32_t> weights, const std::vector<bool>& leads,
                   std::vector<std::vector<std::uint32_t>>* replicas) {
  const std::vector<Node> primaries = PrimaryKeep(weights, leads, *replicas).Run();
  for (Shard shard = 0; shard < replicas->size(); ++shard) {
    std::vector<Node>& nodes = (*replicas)[shard];
    const auto primary = std::ranges::find(nodes, primaries[shard]);
    RF_CHECK(primary != nodes.end());
    std::rotate(nodes.begin(), primary, primary + 1);
  }
}

}  // namespace ringfort::ring
