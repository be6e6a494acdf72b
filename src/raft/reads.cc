// Linearizable reads: by lease where a majority's promises prove that nobody else leads, else by a
// round of probes (Raft thesis, section 6.4; protocols 3). Such a round also confirms a primary to
// followers that are unsure (protocols 4).
#include <algorithm>

#include "raft/quorum.h"
#include "raft/raft.h"

namespace ringfort::raft {

void Raft::OnPromise(MonotonicTime now, ReplicaId from, Term term, MonotonicTime sent_at) {
  Progress* progress = FindProgress(from);
  if (role_ != Role::kPrimary || term != this->term() || progress == nullptr ||
      progress->state == Progress::State::kSetAside) {
    return;
  }
  progress->heard_at = now;
  progress->promised_from = std::max(progress->promised_from, sent_at);
}

MonotonicTime Raft::LeaseUntil(MonotonicTime now) const {
  const MonotonicTime from = QuorumValue(members(), [&](ReplicaId id) {
    const auto progress = progress_.find(id);
    return id == self_                   ? now
           : progress == progress_.end() ? kNever
                                         : progress->second.promised_from;
  });
  if (from == kNever) return kNever;
  const double drift = options_.clock_drift;
  return from + std::chrono::duration_cast<Duration>(options_.lease * ((1 - drift) / (1 + drift)));
}

bool Raft::HasLease(MonotonicTime now) const {
  return options_.lease_reads && role_ == Role::kPrimary && !lease_given_up_ &&
         now < LeaseUntil(now);
}

std::optional<LogIndex> Raft::ReadByLease(MonotonicTime now) const {
  if (!serving() || !HasLease(now)) return std::nullopt;
  return commit_;
}

std::uint64_t Raft::QueueRead(MonotonicTime now) {
  const std::uint64_t id = next_read_id_++;
  reads_.push_back({id, LogIndex(), 0});
  FinishReads(now);
  return id;
}

void Raft::StartRound(MonotonicTime now) {
  ++read_round_;
  read_round_at_ = now;
  for (const auto& [follower, progress] : progress_) {
    if (progress.connected) Send(follower, ReadProbe{read_round_});
  }
}

bool Raft::RoundConfirmed(std::uint64_t round) const {
  return QuorumHolds(members(), [&](ReplicaId id) {
    const auto progress = progress_.find(id);
    return id == self_ || (progress != progress_.end() && progress->second.read_round >= round);
  });
}

void Raft::ConfirmToUnsure(MonotonicTime now) {
  bool waiting = false;
  for (auto& [follower, progress] : progress_) {
    if (progress.confirm_round == 0) continue;
    if (!RoundConfirmed(progress.confirm_round)) {
      waiting = true;
      continue;
    }
    progress.confirmed = true;
    progress.confirm_round = 0;
    AppendAnew(now, follower, progress);
  }
  // A lost probe: a later round confirms whatever an earlier one would have.
  if (waiting && now - read_round_at_ >= options_.retry_after) StartRound(now);
}

void Raft::StartReadRound(MonotonicTime now) {
  StartRound(now);
  for (PendingRead& read : reads_) {
    if (read.round != 0) continue;
    read.round = read_round_;
    read.index = commit_;
  }
}

void Raft::FinishReads(MonotonicTime now) {
  if (!serving() || reads_.empty()) return;
  const bool lease = HasLease(now);
  // One round at a time: reads that come meanwhile share the next one.
  const bool under_way = reads_.front().round != 0 && !RoundConfirmed(reads_.front().round);
  if (!lease && (!under_way || now - read_round_at_ >= options_.retry_after)) {
    const bool waiting = std::any_of(reads_.begin(), reads_.end(),
                                     [](const PendingRead& read) { return read.round == 0; });
    if (waiting || under_way) {
      // A lost probe: those that waited for it move on to the new round, which proves no less.
      for (PendingRead& read : reads_) {
        if (under_way) read.round = 0;
      }
      StartReadRound(now);
    }
  }
  while (!reads_.empty() &&
         (lease || (reads_.front().round != 0 && RoundConfirmed(reads_.front().round)))) {
    const PendingRead read = reads_.front();
    reads_.pop_front();
    ready_reads_.push_back({read.id, lease ? commit_ : read.index});
  }
}

void Raft::OnReadProbe(MonotonicTime now, const Message& message, const ReadProbe& probe) {
  if (role_ == Role::kPrimary || unsure()) return;
  HeardOfPrimary(now, message.from);
  SendAfterSync(message.from, ReadProbeReply{probe.round});
}

void Raft::OnReadProbeReply(MonotonicTime now, const Message& message,
                            const ReadProbeReply& reply) {
  Progress* progress = FindProgress(message.from);
  if (role_ != Role::kPrimary || progress == nullptr ||
      progress->state == Progress::State::kSetAside) {
    return;
  }
  progress->heard_at = now;
  progress->read_round = std::max(progress->read_round, reply.round);
  ConfirmToUnsure(now);
  FinishReads(now);
}

}  // namespace ringfort::raft
