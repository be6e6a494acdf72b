#include "tests/sim/cluster/watch.h"

#include "base/check.h"
#include "raft/types.h"
#include "ringfort/peer.pb.h"

namespace ringfort::sim {

Watch::Watch(const Complain& complain, const LogOf& log_of)
    : elections_(complain),
      said_(complain, log_of),
      logs_(complain, log_of),
      commits_(complain, log_of, &elections_),
      leaders_(complain, log_of, &elections_, &commits_),
      states_(complain, log_of) {}

void Watch::OnMessage(NodeId from, std::string_view message) {
  proto::PeerMessage peer;
  RF_CHECK(peer.ParseFromArray(message.data(), static_cast<int>(message.size())));
  for (const proto::LedShard& led : peer.heartbeat().leads()) {
    elections_.OnLeads(from, ShardId(led.shard()), Term(led.term()));
  }
  if (peer.has_map_answer()) {
    proto::ClusterMap map;
    RF_CHECK(map.ParseFromString(peer.map_answer().map()));
    moves_.OnMap(map);
  }
  for (const proto::RaftMessage& sent : peer.raft().messages()) {
    const ShardId shard(sent.shard());
    const Term term(sent.term());
    said_.OnMessage(from, sent);
    if (sent.has_append_request()) {
      elections_.OnLeads(from, shard, term);
      for (const proto::LogEntry& entry : sent.append_request().entries()) {
        if (entry.kind() != static_cast<std::uint32_t>(raft::EntryKind::kMembers)) continue;
        commits_.OnChange(shard, LogIndex(entry.index()), Term(entry.term()), entry.data());
      }
      commits_.OnAnnounced(from, shard, term, LogIndex(sent.append_request().commit()));
    } else if (sent.has_vote_reply()) {
      const proto::VoteReply& vote = sent.vote_reply();
      const bool counts = vote.granted() && !vote.pre_vote() && !vote.unsure();
      if (counts) elections_.OnVote(ReplicaId(sent.from()), shard, term, ReplicaId(sent.to()));
    }
  }
}

void Watch::OnLog(NodeId node, const storage::LogUpdate& update, bool synced) {
  if (synced) {
    commits_.OnSynced(node, update);
    return;
  }
  const bool destroys = update.base && update.generation == storage::Generation();
  if (destroys) {
    said_.OnDestroyed(node, update.shard);
  } else if (update.hard_state) {
    said_.OnHardState(node, update.shard, *update.hard_state);
  }
  logs_.OnWritten(node, update);
  leaders_.OnWritten(node, update);
}

void Watch::OnApplied(NodeId node, ShardId shard, storage::Applied before, storage::Applied now) {
  states_.OnApplied(node, shard, before, now);
  commits_.OnApplied(shard, now);
}

void Watch::OnCrash(NodeId node, const MemoryLogStore& log) {
  said_.OnCrash(node);
  for (const storage::LogUpdate& update : log.SyncedEntries()) commits_.OnSynced(node, update);
}

void Watch::OnWiped(NodeId node) {
  said_.OnCrash(node);
}

}  // namespace ringfort::sim
