#include "server/recover.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "meta/meta_primary.h"
#include "net/clocks.h"
#include "node/meta_recovery.h"
#include "raft/quorum.h"
#include "server/data_dir.h"
#include "server/store_presence.h"
#include "server/stores.h"

namespace ringfort::server {
namespace {

[[noreturn]] void EndAtOnce(const Status& status) {
  std::fprintf(stderr, "error: ringfortd: %s\n", status.message().c_str());
  ::_exit(1);
}

std::string Number(std::uint64_t number) {
  return std::to_string(number);
}

/// "nodes 1, 2, 3"
std::string NodeNames(const std::set<NodeId>& nodes) {
  if (nodes.empty()) return "no other node";
  std::string text = nodes.size() == 1 ? "node " : "nodes ";
  const char* between = "";
  for (const NodeId node : nodes) {
    text += between + Number(node.value());
    between = ", ";
  }
  return text;
}

std::string WhatIsHere(const node::MetaRecovery& plan) {
  const raft::Copy& copy = plan.copy;
  std::set<NodeId> members;
  raft::ForEachMember(copy.members,
                      [&](const raft::Member& member) { members.insert(member.node); });
  std::string text = "node " + Number(copy.member.node.value()) +
                     " has a copy of the meta group of cluster \"" + plan.state.map.cluster_name +
                     "\":\n  its log ends at term " + Number(copy.last_term.value()) + ", index " +
                     Number(copy.last.value()) + "; " + Number(plan.unconfirmed) +
                     " of its last entries may never have been committed, and are taken\n"
                     "  the cluster map is of version " +
                     Number(plan.state.map.version.value()) + "; the group is on " +
                     NodeNames(members) + "\n";
  if (copy.unsure) {
    text += "  the end of its log was torn: it may lack what it acknowledged last\n";
  }
  if (copy.is_void()) {
    text += "  it is void: the group was begun anew without it, as epoch " +
            Number(raft::EpochCount(copy.known_epoch)) + "\n";
  }
  return text;
}

std::string WhatFollows(const node::MetaRecovery& plan, bool dry_run) {
  const raft::LogBase& base = plan.beginning.base;
  std::set<NodeId> others;
  raft::ForEachMember(plan.copy.members, [&](const raft::Member& member) {
    if (member.node != plan.copy.member.node) others.insert(member.node);
  });
  const std::string is = dry_run ? "would be" : "is";
  return "the meta group " + is + " begun anew from it, as epoch " +
         Number(raft::EpochCount(base.members.epoch)) + ": replica " +
         Number(plan.beginning.hard_state.self.value()) + ", term " + Number(base.term.value()) +
         ", index " + Number(base.index.value()) + "\n  what only the copies on " +
         NodeNames(others) + " have " + (dry_run ? "would be" : "is") + " lost, and those copies " +
         (dry_run ? "would be" : "are") + " void: should such a node come back, it is told\n";
}

}  // namespace

Result<std::string> RecoverCluster(const std::string& data_dir, bool dry_run) {
  auto dir = DataDir::OpenStopped(data_dir);
  if (!dir.ok()) return dir.status();
  if ((*dir)->setting_aside()) {
    return Status(Code::kConditionFailed,
                  data_dir +
                      ": its log or its data were damaged, and no copy is left in it "
                      "(take another directory)");
  }
  if (Status status = CheckStoresPresent(**dir); !status.ok()) return status;
  // No reserve: whoever has lost a cluster needs the last bytes, too.
  const wal::Options log_options;
  const rocks::Options shard_options;
  auto stores = OpenStoresAsTheyAre(**dir, log_options, shard_options, EndAtOnce);
  if (!stores.ok()) return stores.status();
  const node::StoppedNode stopped{(*dir)->identity(), stores->log->TakeRecovery(),
                                  stores->log.get(), stores->shards.get(), dir->get()};
  const auto plan = node::PlanMetaRecovery(stopped);
  if (!plan.ok()) return plan.status();
  std::string report = WhatIsHere(*plan);
  net::SystemWallClock wall;
  const Status status = dry_run ? node::ForgetPlan(*plan, stopped)
                                : node::BeginMetaAnew(*plan, stopped, meta::UnixMilliseconds(wall));
  if (!status.ok()) return status;
  report += WhatFollows(*plan, dry_run);
  report +=
      dry_run ? "nothing was changed. Compare with every other directory that is left of these "
                "nodes (this command, there): the highest term is the newest copy, then the "
                "highest index. Then the same without --dry_run, on one of them only\n"
              : "start the node as ever: it leads the meta group alone, and the others are told. "
                "Every node must run this release from now on. Shards without a majority are next: "
                "ringfortctl recover --all-lost --dry-run\n";
  return report;
}

}  // namespace ringfort::server
