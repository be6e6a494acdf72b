#include "tests/unit/raft/invariants.h"

#include <algorithm>
#include <sstream>

#include "raft/quorum.h"

namespace ringfort::raft {
namespace {

template <typename... Parts>
void Require(bool holds, const Parts&... parts) {
  if (holds) return;
  std::ostringstream text;
  (text << ... << parts);
  throw Violation(text.str());
}

}  // namespace

void Invariants::OnCreated(ReplicaId id, const SimulatedDisk& disk) {
  Seen seen;
  seen.on_disk = disk.hard_state();
  seen.members = disk.members();
  Require(seen_.emplace(id, seen).second, "the replica id ", id, " is used twice");
}

void Invariants::AfterStep(ReplicaId id, const Replicas& replicas) {
  const Raft& raft = *replicas.at(id).raft;
  const SimulatedDisk& disk = *replicas.at(id).disk;
  Seen& seen = seen_.at(id);
  CheckOnlyGrows(&seen, raft, disk);
  CheckElection(raft);
  CheckCommitted(raft, seen.members, replicas);
  if (seen.members != raft.members()) seen.members = raft.members();
  Require(raft.applied() <= raft.durable() && raft.applied() <= raft.commit(), "replica ",
          raft.self(), " applied ", raft.applied(), " beyond commit ", raft.commit(),
          " or durable ", raft.durable());
  // What the core calls durable is on the disk, in the same words.
  if (raft.durable() > raft.log().base().index) {
    const Entry* entry = disk.Find(raft.durable());
    Require(entry != nullptr && raft.log().TermAt(raft.durable()) == entry->term, "replica ",
            raft.self(), " calls ", raft.durable(), " durable, which its disk does not hold");
  }
}

void Invariants::CheckOnlyGrows(Seen* seen, const Raft& raft, const SimulatedDisk& disk) {
  Require(raft.commit() >= seen->commit, "commit of ", raft.self(), " went back from ",
          seen->commit, " to ", raft.commit());
  Require(raft.applied() >= seen->applied, "applied of ", raft.self(), " went back");
  Require(raft.everywhere() >= seen->everywhere, "everywhere of ", raft.self(), " went back");
  Require(raft.bound() >= seen->bound, "the bound of ", raft.self(), " went back");
  const HardState& now = disk.hard_state();
  Require(now.term >= seen->on_disk.term, "the term on the disk of ", raft.self(), " went back");
  // Who becomes sure has the primary as its vote, whatever it gave or forgot.
  const bool became_sure = seen->on_disk.unsure && !now.unsure && now.vote == raft.primary();
  Require(now.term > seen->on_disk.term || seen->on_disk.vote == ReplicaId() ||
              now.vote == seen->on_disk.vote || became_sure,
          raft.self(), " voted for ", seen->on_disk.vote, " and for ", now.vote, " in term ",
          now.term);
  seen->on_disk = now;
  seen->commit = raft.commit();
  seen->applied = raft.applied();
  seen->everywhere = raft.everywhere();
  seen->bound = raft.bound();
}

void Invariants::CheckElection(const Raft& raft) {
  if (raft.role() != Role::kPrimary) return;
  const auto [known, first] = primaries_.emplace(raft.term(), raft.self());
  Require(known->second == raft.self(), "two primaries in term ", raft.term(), ": ", known->second,
          " and ", raft.self());
  if (!first) return;
  // Thesis 4.2.2: a change that takes the vote away may still need this replica to be committed.
  const LogIndex newest = raft.members().index;
  Require(IsVoter(raft.members(), raft.self()) ||
              (newest > raft.log().base().index &&
               IsVoter(raft.log().MembersAt(newest - 1), raft.self())),
          "primary ", raft.self(), " is no voter");
  // Leader completeness: whoever is elected has every entry that was committed in an earlier term.
  for (const auto& [index, committed] : committed_) {
    if (index < raft.log().base().index || committed.known_in >= raft.term()) continue;
    Require(raft.log().TermAt(index) == committed.term, "primary ", raft.self(), " of term ",
            raft.term(), " lacks committed entry ", index, " of term ", committed.term);
  }
}

void Invariants::CheckCommitted(const Raft& raft, const Members& before, const Replicas& replicas) {
  for (LogIndex index = raft.commit(); index > raft.log().base().index; index = index - 1) {
    const Term term = *raft.log().TermAt(index);
    const auto [known, first] = committed_.emplace(index, Committed{term, raft.term()});
    Require(known->second.term == term, "entry ", index, " is committed with term ",
            known->second.term, " and with term ", term);
    if (!first) break;
    std::string holders;
    auto holds = [&](ReplicaId id) {
      const auto replica = replicas.find(id);
      if (lossy_.contains(id)) return true;
      if (replica == replicas.end()) return false;
      const SimulatedDisk& disk = *replica->second.disk;
      const Entry* entry = disk.Find(index);
      const bool has = disk.first() > index || (entry != nullptr && entry->term == term);
      if (has) holders += " " + std::to_string(id.value());
      return has;
    };
    // Committing may itself have brought the next members (a joint configuration is left).
    Require(QuorumHolds(before, holds) || QuorumHolds(raft.members(), holds), "entry ", index,
            " is committed by ", raft.self(), ", but synced by no quorum:", holders);
  }
}

void Invariants::OnCrash(ReplicaId id, const SimulatedDisk& disk) {
  // A torn disk may have forgotten a vote; everything else starts from what it holds.
  seen_.at(id) =
      Seen{disk.hard_state(), LogIndex(), LogIndex(), LogIndex(), kNever, disk.members()};
}

void Invariants::OnStored(const Raft& raft, const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    const std::optional<Term> previous = raft.log().TermAt(entry.index - 1);
    if (!previous) continue;
    const auto [known, first] = written_.emplace(std::pair(entry.index, entry.term),
                                                 Written{entry.data, entry.kind, *previous});
    const Written& twin = known->second;
    Require(twin.data == entry.data && twin.kind == entry.kind && twin.previous_term == *previous,
            "two logs differ at or before entry ", entry.index, " of term ", entry.term);
  }
}

void Invariants::OnApplied(const Entry& entry) {
  const auto [known, first] = applied_.emplace(entry.index, entry);
  Require(known->second == entry, "two replicas applied different commands at ", entry.index);
  const auto committed = committed_.find(entry.index);
  Require(committed == committed_.end() || committed->second.term == entry.term,
          "what was applied at ", entry.index, " is not what was committed");
}

void Invariants::CheckRead(LogIndex answered, LogIndex shown_at_start, const std::string& how) {
  Require(answered >= shown_at_start, "a stale read ", how, ": it shows ", answered, ", but ",
          shown_at_start, " had been shown before it started");
}

}  // namespace ringfort::raft
