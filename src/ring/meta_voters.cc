#include "ring/meta_voters.h"

#include <algorithm>
#include <compare>
#include <cstddef>
#include <map>
#include <string>

#include "base/check.h"

namespace ringfort::ring {

std::vector<NodeId> ChooseVoters(std::span<const NodeInfo> nodes,
                                 const std::vector<NodeId>& current, std::uint32_t most) {
  RF_CHECK(most >= 1);
  // By zone, whom to choose next: those that vote now, then by id.
  struct Candidate {
    bool added;
    NodeId id;

    auto operator<=>(const Candidate&) const = default;
  };
  std::map<std::string, std::vector<Candidate>> zones;
  for (const NodeInfo& node : nodes) {
    zones[node.zone].push_back({std::ranges::find(current, node.id) == current.end(), node.id});
  }
  for (auto& [zone, candidates] : zones) std::ranges::sort(candidates);

  std::size_t count = std::min<std::size_t>(most, nodes.size());
  if (count > 0 && count % 2 == 0) --count;
  std::vector<NodeId> voters;
  for (std::size_t level = 0; voters.size() < count; ++level) {
    std::vector<Candidate> of_level;
    for (const auto& [zone, candidates] : zones) {
      if (level < candidates.size()) of_level.push_back(candidates[level]);
    }
    std::ranges::sort(of_level);
    for (const Candidate& candidate : of_level) {
      if (voters.size() < count) voters.push_back(candidate.id);
    }
  }
  std::ranges::sort(voters);
  return voters;
}

}  // namespace ringfort::ring
