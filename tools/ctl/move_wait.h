// Waiting until what an operator changed has been carried out: how far the moves are, and why one
// is stuck.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ringfort/admin.h"
#include "ringfort/client.h"
#include "tools/ctl/move_tally.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

struct WaitGoal {
  /// Which moves are of this change.
  std::function<bool(const MoveView&)> counts;
  /// One line that says what is still missing; empty once the goal is reached.
  std::function<std::string(const ClusterStateView&)> missing;
  /// One line that says why it will not be reached any more; empty while it may be, or where
  /// nothing is set.
  std::function<std::string(const ClusterStateView&)> given_up = {};
  /// A move that is taken back fails the wait, though nothing is missing.
  bool all_must_move = false;
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
/// reached: then the summary. kConditionFailed when somebody has taken the change back,
/// kDeadlineExceeded after `limit`, if there is one, and kUnavailable after an interrupt (Ctrl-C),
/// with what is missing. A meta group that does not answer for a while is waited for.
Result<std::string> WaitForMoves(Client& client, const WaitGoal& goal, const PlanView& plan,
                                 std::optional<std::chrono::milliseconds> limit,
                                 Terminal& terminal);

}  // namespace ringfort::ctl
