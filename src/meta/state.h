// What the meta group holds: the cluster map, and what belongs to it.
#pragma once

#include <cstdint>

#include "ring/cluster_map.h"

namespace ringfort::meta {

/// A value. Changes of it are pure functions (changes.h, reconciler.h), written as the difference
/// of the entries (entries.h).
struct State {
  ring::ClusterMap map;
  /// No move begins; those that have begun go on.
  bool paused = false;
  /// The number of the next event. Only grows.
  std::uint64_t next_event = 1;

  bool operator==(const State&) const = default;
};

}  // namespace ringfort::meta
