#include "ring/primary_load.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "base/check.h"
#include "ring/shares.h"

namespace ringfort::ring {
namespace {

using Node = std::uint32_t;  // Position in the nodes sorted by id.
using Shard = std::uint32_t;

// How far a node may be from its share of the load before anything is done, how far it is left, and
// what one shift must gain; all as parts of a share.
constexpr double kTolerated = 0.10;
constexpr double kLeft = 0.05;
constexpr double kWorthwhile = 0.01;

class LoadSpread {
 public:
  LoadSpread(std::span<const NodeInfo> nodes, const std::vector<std::vector<NodeId>>& placement,
             std::span<const std::uint64_t> load)
      : nodes_(nodes.begin(), nodes.end()),
        placement_(placement),
        load_(load),
        led_(nodes.size()),
        load_led_(nodes.size()) {
    RF_CHECK(load.size() == placement.size()) << load.size() << " loads";
    std::ranges::sort(nodes_, {}, &NodeInfo::id);
    std::vector<std::uint32_t> weights;
    for (const NodeInfo& node : nodes_) weights.push_back(node.weight);
    bounds_ = BoundPrimaries(weights, static_cast<std::uint32_t>(placement.size()));
    for (Shard shard = 0; shard < placement.size(); ++shard) {
      const auto found =
          std::ranges::lower_bound(nodes_, placement[shard].front(), {}, &NodeInfo::id);
      RF_CHECK(found != nodes_.end() && found->id == placement[shard].front()) << "shard " << shard;
      Lead(shard, static_cast<Node>(found - nodes_.begin()));
    }
    const double sum =
        static_cast<double>(std::accumulate(load.begin(), load.end(), std::uint64_t{0}));
    const double weight_sum =
        static_cast<double>(std::accumulate(weights.begin(), weights.end(), std::uint64_t{0}));
    for (const NodeInfo& node : nodes_) shares_.push_back(sum * node.weight / weight_sum);
  }

  std::vector<PrimaryShift> Run(std::size_t most) {
    std::vector<PrimaryShift> shifts;
    if (shares_.front() == 0 || Off(Farthest().front()) <= kTolerated) return shifts;
    while (shifts.size() < most) {
      const std::optional<Shift> shift = Best();
      if (!shift.has_value()) break;
      Apply(*shift);
      PrimaryShift& named = shifts.emplace_back(
          PrimaryShift{ShardId(shift->shard), nodes_[shift->from].id, nodes_[shift->to].id, {}});
      if (shift->back.has_value()) named.back = ShardId(*shift->back);
    }
    return shifts;
  }

 private:
  struct Shift {
    Node from;
    Node to;
    Shard shard;
    std::optional<Shard> back;
  };

  // What the node leads, as a multiple of its share, once `more` load is added.
  [[nodiscard]] double Fullness(Node node, double more = 0) const {
    return (static_cast<double>(load_led_[node]) + more) / shares_[node];
  }
  [[nodiscard]] double Off(Node node) const { return std::abs(Fullness(node) - 1); }

  [[nodiscard]] std::vector<Node> Farthest() const {
    std::vector<Node> order(nodes_.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, std::greater(), [this](Node node) { return Off(node); });
    return order;
  }

  [[nodiscard]] std::optional<Shift> Best() const {
    for (const Node node : Farthest()) {
      if (Off(node) <= kLeft) break;
      if (std::optional<Shift> best = BestOf(node); best.has_value()) return best;
    }
    return std::nullopt;
  }

  // The best shift that lowers a node above its share, or raises one below.
  [[nodiscard]] std::optional<Shift> BestOf(Node node) const {
    const bool gives = Fullness(node) > 1;
    std::optional<Shift> best;
    double best_gain = kWorthwhile;
    for (Node other = 0; other < nodes_.size(); ++other) {
      const Node from = gives ? node : other;
      const Node to = gives ? other : node;
      if (Fullness(from) <= Fullness(to)) continue;
      VisitShifts(from, to, [&](const Shift& shift, double load) {
        const double from_after = Fullness(from, -load);
        const double to_after = Fullness(to, load);
        if (to_after >= Fullness(from) || from_after <= Fullness(to)) return;
        const double gain = gives ? Fullness(from) - std::max(from_after, to_after)
                                  : std::min(from_after, to_after) - Fullness(to);
        if (gain <= best_gain) return;
        best = shift;
        best_gain = gain;
      });
    }
    return best;
  }

  // Calls `visit(shift, load)` for all that may go from `from` to `to`, alone or against another.
  template <typename Visit>
  void VisitShifts(Node from, Node to, Visit visit) const {
    const bool alone = led_[from].size() > bounds_[from].low && led_[to].size() < bounds_[to].high;
    std::vector<Shard> backs;
    for (const Shard shard : led_[to]) {
      if (Holds(from, shard)) backs.push_back(shard);
    }
    for (const Shard shard : led_[from]) {
      if (!Holds(to, shard)) continue;
      const auto load = static_cast<double>(load_[shard]);
      if (alone) visit(Shift{from, to, shard, {}}, load);
      for (const Shard back : backs) {
        if (load_[back] >= load_[shard]) continue;
        visit(Shift{from, to, shard, back}, load - static_cast<double>(load_[back]));
      }
    }
  }

  [[nodiscard]] bool Holds(Node node, Shard shard) const {
    return std::ranges::find(placement_[shard], nodes_[node].id) != placement_[shard].end();
  }

  void Apply(const Shift& shift) {
    Leave(shift.shard, shift.from);
    Lead(shift.shard, shift.to);
    if (!shift.back.has_value()) return;
    Leave(*shift.back, shift.to);
    Lead(*shift.back, shift.from);
  }
  void Lead(Shard shard, Node node) {
    led_[node].push_back(shard);
    load_led_[node] += load_[shard];
  }
  void Leave(Shard shard, Node node) {
    std::erase(led_[node], shard);
    load_led_[node] -= load_[shard];
  }

  std::vector<NodeInfo> nodes_;  ///< By ascending id.
  const std::vector<std::vector<NodeId>>& placement_;
  std::span<const std::uint64_t> load_;  ///< By shard.
  std::vector<std::vector<Shard>> led_;  ///< By node.
  std::vector<std::uint64_t> load_led_;  ///< By node: the sum over led_.
  std::vector<double> shares_;           ///< By node: of the load.
  std::vector<PrimaryBounds> bounds_;    ///< By node.
};

}  // namespace

std::vector<PrimaryShift> EvenOutLoad(std::span<const NodeInfo> nodes,
                                      const std::vector<std::vector<NodeId>>& placement,
                                      std::span<const std::uint64_t> load, std::size_t most) {
  return LoadSpread(nodes, placement, load).Run(most);
}

}  // namespace ringfort::ring
