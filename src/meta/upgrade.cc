#include "meta/upgrade.h"

#include <string>
#include <utility>
#include <vector>

#include "features/features.h"
#include "meta/names.h"
#include "meta/plan.h"

namespace ringfort::meta {
namespace {

std::string List(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// Which nodes keep the cluster from `level`; empty when none does.
std::string WaitsFor(const State& state, const Reports& reports, FeatureLevel level) {
  std::vector<std::string> unheard;
  std::vector<std::string> old;
  for (const ring::NodeInfo& node : state.map.nodes) {
    // Who is lost is not waited for: shards that lost their majority with it are begun anew only at
    // a level that knows of that. Should it come back as it was, its peers refuse it.
    if (node.state == ring::NodeState::kGone || node.lost) continue;
    const NodeNews* news = reports.Of(node.id);
    if (news == nullptr) {
      unheard.push_back(Name(node.id));
    } else if (news->knows < level) {
      old.push_back(Name(node.id) + " runs release " + news->release);
    }
  }
  std::string text;
  if (!old.empty()) {
    text = List(old) + " (update to release " + features::ReleaseOf(level) + " or newer)";
  }
  if (!unheard.empty()) {
    if (!text.empty()) text += "; ";
    text += "not heard of yet: " + List(unheard) + " (start, or remove from the cluster)";
  }
  return text;
}

}  // namespace

void FillFeatures(const State& state, const Reports& reports, proto::FeatureState* out) {
  const FeatureLevel level = state.map.feature_level;
  out->set_level(level.value());
  out->set_release(state.map.feature_release.empty() ? features::ReleaseOf(level)
                                                     : state.map.feature_release);
  if (level >= features::kNewest) return;
  out->set_next_level((level + 1).value());
  out->set_next_release(features::ReleaseOf(level + 1));
  out->set_waits_for(WaitsFor(state, reports, level + 1));
}

Result<Change> RaiseLevel(const State& state, const Reports& reports, FeatureLevel knows) {
  const FeatureLevel next = state.map.feature_level + 1;
  if (next > knows) return Change{state, ""};
  if (const std::string waits = WaitsFor(state, reports, next); !waits.empty()) {
    return Status(Code::kConditionFailed, "the cluster cannot be raised to feature level " +
                                              std::to_string(next.value()) +
                                              " while not every node knows it: " + waits);
  }
  Change change{state, "the cluster's feature level is " + std::to_string(next.value()) +
                           " (release " + features::ReleaseOf(next) + ")"};
  change.next.map.feature_level = next;
  change.next.map.feature_release = features::ReleaseOf(next);
  CountVersion(state, &change.next);
  return change;
}

}  // namespace ringfort::meta
