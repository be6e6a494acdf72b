// Who leads has every entry that was committed in an earlier term (Raft paper, figure 3).
#pragma once

#include <utility>

#include "tests/sim/checkers/commit_rule.h"
#include "tests/sim/checkers/complain.h"

namespace ringfort::sim {

class LeaderCompleteness {
 public:
  LeaderCompleteness(Complain complain, LogOf log_of, const ElectionSafety* elections,
                     CommitRule* commits)
      : complain_(std::move(complain)),
        log_of_(std::move(log_of)),
        elections_(elections),
        commits_(commits) {}

  /// The node has written the update just now; it looks when that begins the node's own term.
  void OnWritten(NodeId node, const storage::LogUpdate& update);

 private:
  const Complain complain_;
  const LogOf log_of_;
  const ElectionSafety* const elections_;
  CommitRule* const commits_;
};

}  // namespace ringfort::sim
