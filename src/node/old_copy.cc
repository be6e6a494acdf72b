// A node whose directory may be an old copy: it speaks in no shard before its peers could say so,
// and in none once one has (protocols 1).
#include <utility>

#include "node/node.h"

namespace ringfort::node {

// A peer that hears of this start takes it, or says at once that it is an old copy; who cannot be
// reached now is not waited for longer than a promise lasts, for which this node is bound anyway.
// But for the one that has refused this directory before: it has to take it.
void Node::RunOnceIntroduced() {
  if (running_ || stopped_ || old_copy_) return;
  const MapHolder::Map map = map_.Get();
  const bool over = introduced_by_ <= doors_.loops.front()->Now();
  const NodeId refused_by(identity_.lineage().refused_by());
  for (const ring::NodeInfo& node : map->nodes) {
    if (node.id == self_.node || node.state == ring::NodeState::kGone) continue;
    if (connected_.contains(node.id) || (over && node.id != refused_by)) continue;
    if (over) {
      SetWaitingFor("node " + std::to_string(refused_by.value()) +
                    " has refused this directory as an old copy at an earlier start, and has not "
                    "taken it since (start that node; if it is lost for good, remove it from the "
                    "cluster, or start this one once with --start_empty)");
    }
    return;
  }
  if (refused_by != NodeId()) {
    identity_.mutable_lineage()->clear_refused_by();
    SaveIdentity([] {});
  }
  Run();
}

void Node::AwaitIntroductions() {
  env::Loop* const loop = doors_.loops.front();
  introduced_by_ = loop->Now() + options_.replica.raft.longest_promise;
  loop->RunAt(introduced_by_, [this] { RunOnceIntroduced(); });
  RunOnceIntroduced();
}

void Node::OnOldCopy(NodeId by, const std::string& why) {
  if (stopped_ || old_copy_) return;
  const std::string line =
      "this node was started from an old copy of its data directory: node " +
      std::to_string(by.value()) + " says: " + why.substr(0, why.rfind(" (")) +
      "; what it acknowledged after the copy was made is missing here, so it takes no part in any "
      "shard, and its data stay as they are (put the newest directory back and start again; if "
      "there "
      "is none, and the other nodes serve, start this one once with --start_empty: the copy is "
      "kept "
      "beside, and they fill the node again; if the directories of all nodes were put back from "
      "copies, run `ringfortd --data_dir=DIR --accept_old_copies` on each of them, stopped)";
  SetWaitingFor(line);
  old_copy_ = true;
  serving_ = false;
  doors_.log_line(line);
  identity_.mutable_lineage()->set_refused_by(by.value());
  SaveIdentity([] {});
  EndReplicas([] {});
}

}  // namespace ringfort::node
