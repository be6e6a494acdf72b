#include "tests/sim/checkers/commit_rule.h"

#include <algorithm>
#include <optional>

#include "raft/members.h"
#include "raft/quorum.h"

namespace ringfort::sim {
namespace {

constexpr std::string_view kName = "commit rule";

}  // namespace

void CommitRule::OnSynced(NodeId node, const storage::LogUpdate& update) {
  if (update.entries.empty()) return;
  Shard& shard = shards_[update.shard];
  const ReplicaId self = log_of_(node).SyncedHardState(update.shard)->self;
  for (const raft::Entry& entry : update.entries) {
    if (entry.kind == raft::EntryKind::kMembers) {
      OnChange(update.shard, entry.index, entry.term, entry.data.view());
    }
    std::vector<Copies>& copies = shard.synced[entry.index];
    auto own = std::find_if(copies.begin(), copies.end(),
                            [&](const Copies& other) { return other.term == entry.term; });
    if (own == copies.end()) own = copies.insert(copies.end(), Copies{entry.term});
    own->holders.insert(self);
    if (own->counted) continue;
    const std::optional<NodeId> primary = elections_->PrimaryOf(update.shard, entry.term);
    if (!primary || !MajorityHas(*primary, update.shard, entry.index, own->holders)) continue;
    const auto state = log_of_(*primary).SyncedHardState(update.shard);
    own->counted = state && state->term == entry.term;
  }
}

void CommitRule::OnChange(ShardId shard, LogIndex index, Term term, std::string_view members) {
  shards_[shard].changes.emplace(std::pair(index, term), raft::DecodeMembers(members).value());
}

// A change of members is committed by those that it brings into force. What comes after it may have
// been counted when a later change was in force already, but never by fewer: a joint configuration
// is left only once it is committed.
bool CommitRule::MajorityHas(NodeId primary, ShardId shard, LogIndex index,
                             const std::set<ReplicaId>& holders) const {
  std::vector<raft::Members> in_force = log_of_(primary).WrittenMembers(shard, index);
  if (in_force.empty()) return false;
  const bool is_change = in_force.front().index == index;
  if (is_change) in_force.resize(1);
  // Of which term each of them is, where its log still tells: another primary may have had another
  // entry there.
  std::vector<Term> terms;
  for (const raft::Members& members : in_force) {
    terms.push_back(log_of_(primary).WrittenTerm(shard, members.index).value_or(Term()));
  }
  const auto& changes = shards_.at(shard).changes;
  for (auto change = changes.lower_bound({in_force.front().index + 1, Term()});
       !is_change && change != changes.end(); ++change) {
    in_force.push_back(change->second);
    terms.push_back(change->first.second);
  }
  const auto quorum = [](const raft::Members& members, const std::set<ReplicaId>& who) {
    return !members.voters.empty() &&
           raft::QuorumHolds(members, [&who](ReplicaId id) { return who.contains(id); });
  };
  for (std::size_t i = 0; i < in_force.size(); ++i) {
    const raft::Members& members = in_force[i];
    if (quorum(members, holders)) return true;
    if (is_change || !members.joint()) continue;
    // Its end may be in force already, though nobody has seen it yet.
    const auto own = shards_.at(shard).synced.find(members.index);
    if (own == shards_.at(shard).synced.end() || !quorum(raft::Leave(members), holders)) continue;
    const bool committed = std::ranges::any_of(own->second, [&](const Copies& copies) {
      return (terms[i] == Term() || copies.term == terms[i]) && quorum(members, copies.holders);
    });
    if (committed) return true;
  }
  return false;
}

void CommitRule::OnAnnounced(NodeId primary, ShardId id, Term term, LogIndex commit) {
  Shard& shard = shards_[id];
  if (commit == LogIndex()) return;
  if (const auto known = shard.commits.find(term);
      known != shard.commits.end() && known->second.index >= commit) {
    return;
  }
  const std::optional<Term> own = log_of_(primary).WrittenTerm(id, commit);
  if (commit <= shard.known) {
    if (own) shard.commits[term] = {commit, *own};
    return;
  }
  const std::vector<Copies>& copies = shard.synced[commit];
  auto held = std::find_if(copies.begin(), copies.end(), [&](const Copies& candidate) {
    return own == candidate.term && MajorityHas(primary, id, commit, candidate.holders);
  });
  if (held == copies.end()) {  // Its own copy is on its way to the disk.
    held = std::find_if(copies.begin(), copies.end(), [&](const Copies& candidate) {
      return MajorityHas(primary, id, commit, candidate.holders);
    });
  }
  const std::string what = Text(primary) + " says in " + Text(term) + " that " + Text(commit) +
                           " of " + Text(id) + " is committed";
  if (held == copies.end()) {
    std::string who;
    for (const Copies& candidate : copies) {
      who += " " + Text(candidate.term) + ":";
      for (const ReplicaId id : candidate.holders) who += " " + std::to_string(id.value());
    }
    for (const raft::Members& members : log_of_(primary).WrittenMembers(id, commit)) {
      who += "; voters at " + Text(members.index) + ":";
      for (const raft::Member& voter : members.voters)
        who += " " + std::to_string(voter.id.value());
      if (members.joint()) who += " and";
      for (const raft::Member& out : members.outgoing) who += " " + std::to_string(out.id.value());
    }
    complain_(kName, what + ", but no majority has synced it; replicas that have:" + who);
    return;
  }
  // It may know of its own earlier term's commit what it told nobody.
  const bool own_count = held->counted && elections_->PrimaryOf(id, held->term) == primary;
  if (held->term != term && !own_count) {
    complain_(kName, what + ", which is of " + Text(held->term));
  }
  shard.known = commit;
  shard.commits[term] = {commit, held->term};
}

void CommitRule::OnApplied(ShardId shard, storage::Applied applied) {
  LogIndex& known = shards_[shard].known;
  known = std::max(known, applied.index);
}

}  // namespace ringfort::sim
