// The newest cluster map that this node knows.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "ring/cluster_map.h"

namespace ringfort::node {

/// Thread-safe. Whoever has a map keeps it; it does not change.
class MapHolder {
 public:
  using Map = std::shared_ptr<const ring::ClusterMap>;

  /// Null before the first.
  [[nodiscard]] Map Get() const {
    const std::lock_guard lock(mutex_);
    return map_;
  }
  /// False: an older one than what is here, or the same.
  bool Take(ring::ClusterMap map) {
    auto taken = std::make_shared<const ring::ClusterMap>(std::move(map));
    const std::lock_guard lock(mutex_);
    if (map_ != nullptr && taken->version <= map_->version) return false;
    map_ = std::move(taken);
    return true;
  }

 private:
  mutable std::mutex mutex_;
  Map map_;
};

}  // namespace ringfort::node
