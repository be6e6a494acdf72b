// The state of the meta group as entries of its shard: one for the cluster, for each node and for
// each shard, so that a change writes what it changes and no more. A disk format.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "meta/state.h"
#include "ringfort/meta.pb.h"
#include "ringfort/status.h"

namespace ringfort::meta {

/// The shard key of all entries.
inline constexpr std::string_view kShardKey = "map";
/// The sort key of the entry that every change writes, and is fenced by: its version.
inline constexpr std::string_view kClusterKey = "c";
/// So many events are kept.
inline constexpr std::uint64_t kEventsMax = 1000;

struct EntryChange {
  std::string sort_key;
  /// None: the entry is deleted.
  std::optional<std::string> value;
};

/// What turns the entries of `before` into those of `after`; all of `after` without `before`. The
/// cluster's entry is always among them, and first.
std::vector<EntryChange> Difference(const State* before, const State& after);

/// An event, and the one that is too old by then.
std::vector<EntryChange> EventEntries(const proto::MetaEvent& event);
/// The sort keys of the events after `number`; they end before the second.
std::pair<std::string, std::string> EventRange(std::uint64_t number);

/// Puts a state together again.
class StateReader {
 public:
  /// kCorruption for what is no entry of a state. Events are passed over.
  Status Add(std::string_view sort_key, std::string_view value);
  /// None when there was no entry at all. kCorruption when a part is missing, or the map is none.
  Result<std::optional<State>> Finish();

 private:
  bool seen_cluster_ = false;
  State state_;
  std::uint32_t shards_ = 0;
  std::vector<std::pair<ShardId, proto::MapShard>> places_;
};

}  // namespace ringfort::meta
