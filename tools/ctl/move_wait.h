// Waiting until what an operator changed has been carried out: how far the moves are, and why one
// is stuck.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ringfort/admin.h"
#include "ringfort/client.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

/// How far moves are, from one look to the next. A move that is no longer listed is done.
class MoveTally {
 public:
  /// Of what is planned, the bytes are known before it begins.
  explicit MoveTally(const PlanView& plan);

  void Update(const std::vector<MoveView>& moves);

  [[nodiscard]] std::size_t shards() const { return by_shard_.size(); }
  [[nodiscard]] std::size_t shards_done() const;
  [[nodiscard]] std::uint64_t total_bytes() const;
  [[nodiscard]] std::uint64_t sent_bytes() const;

 private:
  struct One {
    std::uint64_t sent_bytes = 0;
    std::uint64_t total_bytes = 0;
    bool done = false;
  };
  std::map<std::uint32_t, One> by_shard_;
};

/// "[######------] 48 %  12 of 64 shards  1.2 GB of 2.5 GB  35.0 MB/s  38.0 s left". The rate is of
/// what was sent since `sent_before`, in `elapsed`.
std::string MoveProgressLine(const MoveTally& tally, std::uint64_t sent_before,
                             std::chrono::milliseconds elapsed);
/// "12 shards, 1.2 GB in 1m12s (17.0 MB/s)"
std::string MoveSummaryLine(const MoveTally& tally, std::chrono::milliseconds elapsed);

struct WaitGoal {
  /// Which moves are of this change.
  std::function<bool(const MoveView&)> counts;
  /// One line that says what is still missing; empty once the goal is reached.
  std::function<std::string(const ClusterStateView&)> missing;
};

/// `node` holds nothing and nothing moves to or from it. A dead one need not say so itself.
WaitGoal Emptied(std::uint32_t node);
/// `node` is no member any more.
WaitGoal Gone(std::uint32_t node);
/// `node` is active, serves, and has all replicas that the map gives it: some, where its share is
/// one or more.
WaitGoal Settled(std::uint32_t node);
WaitGoal NothingMoves();

/// Shows progress on standard error, and each reason why a move is stuck, until the goal is
/// reached: then the summary. kDeadlineExceeded after `limit`, if there is one, and kUnavailable
/// after an interrupt (Ctrl-C), with what is missing. A meta group that does not answer for a while
/// is waited for.
Result<std::string> WaitForMoves(Client& client, const WaitGoal& goal, const PlanView& plan,
                                 std::optional<std::chrono::milliseconds> limit,
                                 Terminal& terminal);

}  // namespace ringfort::ctl
