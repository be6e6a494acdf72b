// All that is known of one shard: by the meta group, and by each node that has to do with it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ringfort/admin.h"
#include "ringfort/client.h"
#include "tools/survey/survey.h"

namespace ringfort::ctl {

struct Member {
  survey::NodeReport report;
  /// None: the node is down or has no replica of the shard.
  std::optional<ReplicaView> view;
  /// "voter", "learner", "removed", "not yet" of where it moves to, or "perhaps": nobody knows.
  std::string vote;
  std::uint64_t lag = 0;
};

struct ShardFacts {
  std::uint32_t shard = 0;
  std::uint32_t shard_count = 0;
  /// Else the nodes alone have told.
  bool meta_answers = true;
  ShardSummaryView summary = {};
  std::optional<MoveView> move = std::nullopt;
  /// The nodes of the cluster that are being emptied.
  std::vector<std::uint32_t> emptied = {};
  std::vector<Member> members = {};
  /// The highest of all members.
  std::uint64_t term = 0;
  std::uint64_t commit = 0;
};

/// Asks every node that has to do with the shard.
ShardFacts GatherFacts(Client& client, const ClusterStateView& state, std::uint32_t shard,
                       std::chrono::milliseconds timeout);
/// Without the meta group's primary. Who of the nodes that are down is in the meta group, nobody
/// can say then.
ShardFacts GatherFacts(const survey::Survey& survey, std::uint32_t shard);

}  // namespace ringfort::ctl
