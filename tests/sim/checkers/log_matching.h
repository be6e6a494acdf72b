// Two logs that hold an entry of the same index and term are equal up to it (Raft paper, figure 3).
#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <utility>

#include "storage/log_store.h"
#include "tests/sim/checkers/complain.h"

namespace ringfort::sim {

class LogMatching {
 public:
  LogMatching(Complain complain, LogOf log_of)
      : complain_(std::move(complain)), log_of_(std::move(log_of)) {}

  /// The node has written the update just now.
  void OnWritten(NodeId node, const storage::LogUpdate& update);

 private:
  struct Written {
    NodeId node;
    std::uint64_t hash = 0;
    /// Of the entry before: by induction all of them are compared.
    Term previous_term;
  };
  const Complain complain_;
  const LogOf log_of_;
  std::map<std::tuple<ShardId, LogIndex, Term>, Written> written_;
};

}  // namespace ringfort::sim
