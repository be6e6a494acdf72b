#include "ring/replica_shift.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"

namespace ringfort::ring {
namespace {

std::vector<std::uint32_t> Sizes(const std::vector<std::vector<std::uint32_t>>& lists) {
  std::vector<std::uint32_t> sizes;
  for (const auto& list : lists) sizes.push_back(static_cast<std::uint32_t>(list.size()));
  return sizes;
}

}  // namespace

ReplicaShift::ReplicaShift(std::span<const NodeInfo> sorted_nodes,
                           std::vector<std::vector<Node>> standing, std::uint32_t replicas)
    : nodes_(sorted_nodes),
      replicas_(replicas),
      ring_(sorted_nodes),
      standing_(std::move(standing)),
      placed_(standing_),
      held_(sorted_nodes.size()) {
  for (Shard shard = 0; shard < placed_.size(); ++shard) {
    for (const Node node : placed_[shard]) held_[node].push_back(shard);
  }
  shares_ =
      ComputeShares(nodes_, static_cast<std::uint32_t>(placed_.size()), replicas_, Sizes(held_));
  for (const ZoneBounds& zone : shares_.zones) least_sum_ += zone.least;
  for (Shard shard = 0; shard < placed_.size(); ++shard) Strip(shard);
}

std::vector<std::vector<ReplicaShift::Node>> ReplicaShift::Run() {
  House();
  Give();
  while (ShiftAlongPath()) continue;
  for (Node node = 0; node < nodes_.size(); ++node) {
    RF_CHECK(held_[node].size() == shares_.replicas[node])
        << "node " << nodes_[node].id << " got " << held_[node].size() << ", its share is "
        << shares_.replicas[node];
  }
  for (Shard shard = 0; shard < placed_.size(); ++shard) {
    const std::vector<Node>& stood = standing_[shard];
    std::ranges::stable_sort(placed_[shard], {},
                             [&](Node node) { return std::ranges::find(stood, node); });
  }
  return placed_;
}

// Keeps first what is on the nodes that are most below their share. In a matroid the greedy choice
// is also the largest.
void ReplicaShift::Strip(Shard shard) {
  if (Fillable(placed_[shard])) return;
  std::vector<Node> nodes = placed_[shard];
  std::ranges::stable_sort(nodes, {}, [this](Node node) {
    return static_cast<std::int64_t>(held_[node].size()) - shares_.replicas[node];
  });
  for (const Node node : nodes) Drop(shard, node);
  for (const Node node : nodes) {
    if (CanTake(shard, node)) Take(shard, node);
  }
}

void ReplicaShift::House() {
  const auto shards = static_cast<std::uint32_t>(placed_.size());
  for (Shard shard = 0; shard < shards; ++shard) {
    if (placed_[shard].size() == replicas_) continue;
    ring_.Walk(ArcStart(ShardId(shard), shards), [&](NodeId id) {
      const Node node = NumberOf(id);
      if (Below(node) && CanTake(shard, node)) Take(shard, node);
      return placed_[shard].size() < replicas_;
    });
  }
}

// Looks at the first nodes of every shard's walk, then at twice as many, and so on: so a node that
// joins gets mostly the shards that prefer it.
void ReplicaShift::Give() {
  for (std::uint64_t depth = replicas_; depth < 2 * nodes_.size(); depth *= 2) GiveWithin(depth);
}

void ReplicaShift::GiveWithin(std::uint64_t depth) {
  const auto shards = static_cast<std::uint32_t>(placed_.size());
  const auto above = [this](Node node) { return Above(node); };
  for (Shard shard = 0; shard < shards; ++shard) {
    if (std::ranges::none_of(placed_[shard], above)) continue;
    std::uint64_t visited = 0;
    ring_.Walk(ArcStart(ShardId(shard), shards), [&](NodeId id) {
      const Node taker = NumberOf(id);
      if (Below(taker)) {
        const auto giver = std::ranges::find_if(placed_[shard], [&](Node node) {
          return Above(node) && CanExchange(shard, node, taker);
        });
        if (giver != placed_[shard].end()) {
          Drop(shard, *giver);
          Take(shard, taker);
        }
      }
      return ++visited < depth && std::ranges::any_of(placed_[shard], above);
    });
  }
}

// A flow problem: from shards that lack a replica and nodes above their share, along nodes that
// each take one shard and give another, to nodes below their share. Takes a cheapest path,
// searching from its end. A shard may occur in several steps of it: were they in each other's way,
// a step from the earlier one's giver to the later one's taker would make the path shorter and no
// dearer. (Schrijver: "Combinatorial Optimization", sections 41.2 and 41.3: matroid intersection.
// That a path exists as long as anything is missing follows from the shares, see placement.cc.)
bool ReplicaShift::ShiftAlongPath() {
  std::vector<Shard> lacking;
  for (Shard shard = 0; shard < placed_.size(); ++shard) {
    if (placed_[shard].size() < replicas_) lacking.push_back(shard);
  }
  std::vector<Reach> reach(nodes_.size());
  for (Node node = 0; node < nodes_.size(); ++node) {
    if (Below(node)) reach[node].price = Price{};
  }

  std::vector<bool> done(nodes_.size());
  for (;;) {
    // All nodes at the next price at once: one of them may end the search.
    std::optional<Price> next;
    std::vector<Node> nearest;
    for (Node node = 0; node < nodes_.size(); ++node) {
      const std::optional<Price>& price = reach[node].price;
      if (done[node] || !price.has_value() || (next.has_value() && *next < *price)) continue;
      if (next != price) nearest.clear();
      next = price;
      nearest.push_back(node);
    }
    if (nearest.empty()) return false;
    for (Node node : nearest) {
      done[node] = true;
      const auto source =
          std::ranges::find_if(lacking, [&](Shard shard) { return CanTake(shard, node); });
      if (source == lacking.end() && !Above(node)) continue;
      std::vector<std::pair<Shard, Node>> takes;
      if (source != lacking.end()) takes.emplace_back(*source, node);
      for (; reach[node].step.has_value(); node = takes.back().second) {
        Drop(reach[node].step->shard, node);
        takes.emplace_back(reach[node].step->shard, reach[node].step->taker);
      }
      for (const auto& [shard, taker] : takes) Take(shard, taker);
      return true;
    }
    for (const Node node : nearest) ReachBack(node, *next, &reach);
  }
}

void ReplicaShift::ReachBack(Node taker, Price price, std::vector<Reach>* reach) const {
  for (Node giver = 0; giver < nodes_.size(); ++giver) {
    Reach& from = (*reach)[giver];
    for (const Shard shard : held_[giver]) {
      if (from.price.has_value() && *from.price <= Price{price.moved, price.steps + 1}) break;
      const Price through{price.moved + (Stood(shard, giver) ? 1 : 0), price.steps + 1};
      if (from.price.has_value() && *from.price <= through) continue;
      if (CanExchange(shard, giver, taker)) from = {through, Step{shard, taker}};
    }
  }
}

bool ReplicaShift::Stood(Shard shard, Node node) const {
  return std::ranges::find(standing_[shard], node) != standing_[shard].end();
}

// What the zones' least asks for on top of `nodes` must fit into the places left.
bool ReplicaShift::Fillable(std::span<const Node> nodes) const {
  if (nodes.size() > replicas_) return false;
  std::uint32_t asked = least_sum_;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const std::uint32_t zone = shares_.zone_of[nodes[i]];
    std::uint32_t earlier = 0;
    for (std::size_t j = 0; j < i; ++j) earlier += shares_.zone_of[nodes[j]] == zone ? 1 : 0;
    if (earlier >= shares_.zones[zone].most) return false;
    if (earlier < shares_.zones[zone].least) --asked;
  }
  return asked <= replicas_ - nodes.size();
}

bool ReplicaShift::CanTake(Shard shard, Node node) const {
  const std::vector<Node>& placed = placed_[shard];
  if (placed.size() == replicas_ || std::ranges::find(placed, node) != placed.end()) return false;
  std::array<Node, kReplicasMax> nodes;
  *std::ranges::copy(placed, nodes.begin()).out = node;
  return Fillable(std::span(nodes).first(placed.size() + 1));
}

bool ReplicaShift::CanExchange(Shard shard, Node giver, Node taker) const {
  const std::vector<Node>& placed = placed_[shard];
  if (std::ranges::find(placed, taker) != placed.end()) return false;
  if (shares_.zone_of[giver] == shares_.zone_of[taker]) return true;
  std::array<Node, kReplicasMax> nodes;
  std::ranges::replace_copy(placed, nodes.begin(), giver, taker);
  return Fillable(std::span(nodes).first(placed.size()));
}

void ReplicaShift::Take(Shard shard, Node node) {
  placed_[shard].push_back(node);
  held_[node].push_back(shard);
}

void ReplicaShift::Drop(Shard shard, Node node) {
  RF_CHECK(std::erase(placed_[shard], node) == 1) << "shard " << shard;
  RF_CHECK(std::erase(held_[node], shard) == 1) << "shard " << shard;
}

ReplicaShift::Node ReplicaShift::NumberOf(NodeId id) const {
  return static_cast<Node>(std::ranges::lower_bound(nodes_, id, {}, &NodeInfo::id) -
                           nodes_.begin());
}

}  // namespace ringfort::ring
