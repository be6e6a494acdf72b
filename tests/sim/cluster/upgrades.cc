#include "tests/sim/cluster/upgrades.h"

#include <algorithm>

#include "features/features.h"

namespace ringfort::sim {

using namespace std::chrono_literals;  // NOLINT: durations

Upgrades::Upgrades(Events* events, std::vector<std::unique_ptr<SimulatedNode>>* nodes,
                   Operator* operators, Random random)
    : events_(events),
      nodes_(nodes),
      operator_(operators),
      random_(random),
      mixed_(random_.OneIn(3)) {
  if (!mixed_) return;
  for (const auto& node : *nodes_) {
    if (!random_.OneIn(4)) node->Install(FeatureLevel());
  }
}

void Upgrades::Start() {
  if (!mixed_) return;
  events_->After(Between(random_, 200ms, 3s), nullptr, "upgrade", [this] {
    if (stopped_) return;
    if (random_.OneIn(3)) {
      Finalize();
    } else {
      ChangeRelease();
    }
    Start();
  });
}

// Mostly forth. A log that was written at a higher level refuses a release that does not know it.
void Upgrades::ChangeRelease() {
  SimulatedNode& node = *(*nodes_)[random_.Below(nodes_->size())];
  const bool back = random_.OneIn(4) && node.log().feature_level() == FeatureLevel();
  node.Install(back ? FeatureLevel() : features::kNewest);
  if (node.running()) node.Leave();
}

void Upgrades::Finalize() {
  proto::MetaRequest request;
  request.mutable_finalize_upgrade();
  operator_->Ask(request, [](const proto::MetaReply& /*reply*/) {});
}

void Upgrades::Stop() {
  stopped_ = true;
  for (const auto& node : *nodes_) node->Install(features::kNewest);
  Finish();
}

// One node after the other, as an operator would; then the level.
void Upgrades::Finish() {
  if (Finished()) return;
  const bool all_run = std::ranges::all_of(
      *nodes_, [](const auto& node) { return node->running() || node->waits_to_join(); });
  const auto old = std::ranges::find_if(*nodes_, [](const auto& node) {
    return node->running() && node->knows() < features::kNewest;
  });
  if (old == nodes_->end()) {
    StartMembers();
    Finalize();
  } else if (all_run) {
    (*old)->Leave();
  }
  events_->After(300ms, nullptr, "upgrade", [this] { Finish(); });
}

// The answer to a join may have been lost: such a node is in the map, and has never run.
void Upgrades::StartMembers() {
  const auto known = std::ranges::find_if(
      *nodes_, [](const auto& node) { return node->running() && node->node().map() != nullptr; });
  if (known == nodes_->end()) return;
  const node::MapHolder::Map map = (*known)->node().map();
  for (const auto& node : *nodes_) {
    const ring::NodeInfo* info = map->FindNode(node->id());
    if (node->waits_to_join() && info != nullptr && info->state != ring::NodeState::kGone) {
      operator_->LetJoin(node.get());
    }
  }
}

bool Upgrades::AllUpdated() const {
  return std::ranges::all_of(*nodes_, [](const auto& node) {
    return node->waits_to_join() || (node->running() && node->knows() == features::kNewest);
  });
}

bool Upgrades::Finished() const {
  return AllUpdated() && std::ranges::all_of(*nodes_, [](const auto& node) {
           if (node->waits_to_join()) return true;
           const node::MapHolder::Map map = node->node().map();
           return map != nullptr && map->feature_level == features::kNewest;
         });
}

std::string Upgrades::Describe() const {
  std::string text;
  for (const auto& node : *nodes_) {
    text += " node " + std::to_string(node->id().value()) + ":";
    if (!node->running()) {
      text += node->waits_to_join() ? " waits to join;" : " does not run;";
      continue;
    }
    const node::MapHolder::Map map = node->node().map();
    text += " knows " + std::to_string(node->knows().value()) + ", map " +
            (map == nullptr ? "none"
                            : std::to_string(map->version.value()) + " of level " +
                                  std::to_string(map->feature_level.value())) +
            ";";
  }
  return text;
}

}  // namespace ringfort::sim
