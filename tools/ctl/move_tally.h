// How far the moves of a change are, from one look at the cluster to the next.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ringfort/admin.h"

namespace ringfort::ctl {

/// How fast something grows: over the last 10 s or so.
class Pace {
 public:
  using Clock = std::chrono::steady_clock;

  void Look(std::uint64_t amount, Clock::time_point now);
  void Reset() { seen_.clear(); }
  /// 0 while it is not known.
  [[nodiscard]] double per_second() const;

 private:
  std::deque<std::pair<Clock::time_point, std::uint64_t>> seen_;
};

/// A move that is no longer listed is done when its shard stands where it was to go; else somebody
/// has taken it back.
class MoveTally {
 public:
  /// Of what is planned, the bytes are known before it begins.
  explicit MoveTally(const PlanView& plan);

  /// `counts`: which moves are of the change.
  void Update(const ClusterStateView& state, const std::function<bool(const MoveView&)>& counts,
              Pace::Clock::time_point now);

  [[nodiscard]] std::size_t shards() const { return by_shard_.size(); }
  [[nodiscard]] std::size_t shards_done() const { return CountOf(Stage::kDone); }
  [[nodiscard]] std::size_t shards_taken_back() const { return CountOf(Stage::kTakenBack); }
  [[nodiscard]] std::uint64_t total_bytes() const;
  [[nodiscard]] std::uint64_t sent_bytes() const;
  [[nodiscard]] const Pace& bytes_pace() const { return bytes_pace_; }
  [[nodiscard]] const Pace& shards_pace() const { return shards_pace_; }

 private:
  enum class Stage : std::uint8_t { kMoves, kDone, kTakenBack };
  struct One {
    std::vector<std::uint32_t> to;
    Stage stage = Stage::kMoves;
    std::uint64_t planned_bytes = 0;
    std::uint64_t sent_bytes = 0;
    /// The most that it has been said to be: once a copy is made, less is said. 0: nothing was.
    std::uint64_t told_bytes = 0;

    [[nodiscard]] std::uint64_t total_bytes() const {
      return told_bytes > 0 ? told_bytes : planned_bytes;
    }
  };
  [[nodiscard]] std::size_t CountOf(Stage stage) const;
  void UpdateMoving(const MoveView& move, const std::vector<std::uint32_t>& place);

  std::map<std::uint32_t, One> by_shard_;
  Pace bytes_pace_;
  Pace shards_pace_;
};

/// "[######------] 48 %  12 of 64 shards  1.2 GB of 2.5 GB  35.0 MB/s  38.0 s left"
std::string MoveProgressLine(const MoveTally& tally);
/// "12 shards, 1.2 GB in 1m12s (17.0 MB/s)"
std::string MoveSummaryLine(const MoveTally& tally, std::chrono::milliseconds elapsed);

}  // namespace ringfort::ctl
