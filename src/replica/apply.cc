// From committed entries to the state machine, and from its outcomes to the clients that wait.
#include <utility>

#include "base/check.h"
#include "replica/replica.h"
#include "wire/status_codec.h"

namespace ringfort::replica {
namespace {

// What is applied in one piece: bounds how long a loop is busy with it.
constexpr std::size_t kApplyBytesMax = 256U << 10;
constexpr int kPiecesPerTurn = 8;
// So many committed entries do not wait for a follower's next tick.
constexpr std::uint64_t kEntriesLaterMax = 64;

std::string WhyRefused(Code code) {
  switch (code) {
    case Code::kConditionFailed:
      return "the entry is not as the condition wants it; nothing was changed (read it again)";
    case Code::kSessionExpired:
      return "the shard no longer knows this session or this write of it (open a new session)";
    case Code::kOverloaded: return "the session has too many unfinished writes (slow down)";
    default: return "the write was refused";
  }
}

proto::Response WriteResponse(const Outcome& outcome, proto::Request::BodyCase kind) {
  proto::Response response;
  if (outcome.code != Code::kOk) {
    // A refused condition is kept, so no copy of the write happens any more. Of the others an
    // earlier try may have been applied, or a later copy may be.
    const Effect effect =
        outcome.code == Code::kConditionFailed ? Effect::kNotApplied : Effect::kUnknown;
    wire::EncodeStatus(Status(outcome.code, WhyRefused(outcome.code), effect),
                       response.mutable_error());
  } else if (kind == proto::Request::kOpenSession) {
    response.mutable_session_opened()->set_session(outcome.version.value());
  } else if (kind == proto::Request::kVerifyShard) {
    response.mutable_verify_started()->set_index(outcome.version.value());
  } else {
    response.mutable_written()->set_version(outcome.version.value());
  }
  return response;
}

}  // namespace

// Nobody waits for what a follower applies, and a batch costs less than its entries one by one.
bool Replica::MayApplyLater() const {
  return raft_.role() == raft::Role::kFollower && !apply_due_ && writes_.empty() &&
         waiting_reads_.empty() && raft_.applicable() - raft_.applied() < kEntriesLaterMax &&
         raft_.log().cached_bytes() < kApplyBytesMax;
}

void Replica::ApplyCommitted() {
  if (MayApplyLater()) return;
  apply_due_ = false;
  for (int piece = 0; piece < kPiecesPerTurn; ++piece) {
    const LogIndex first = raft_.applied() + 1;
    const LogIndex last = raft_.applicable();
    if (applying_in_pool_ || apply_blocked_ || first > last) return;
    std::vector<raft::Entry> entries = raft_.log().Cached(first, last, kApplyBytesMax);
    if (entries.empty()) {
      ApplyInPool({}, first, last);
      return;
    }
    auto applied = machine_->Apply(entries, /*may_wait=*/false);
    if (!applied.ok()) {
      const Code code = applied.status().code();
      if (code != Code::kOverloaded && code != Code::kCorruption) {
        apply_blocked_ = true;
        OnUnapplied(applied.status());
        return;
      }
      ApplyInPool(std::move(entries), first, last);
      return;
    }
    OnAppliedEntries(*applied);
  }
  host_->Wake(this);
}

void Replica::ApplyInPool(std::vector<raft::Entry> entries, LogIndex first, LogIndex last) {
  applying_in_pool_ = true;
  struct Work {
    std::vector<raft::Entry> entries;
    Result<std::vector<AppliedEntry>> applied{std::vector<AppliedEntry>()};
  };
  auto work = std::make_shared<Work>();
  work->entries = std::move(entries);
  InPool(
      [this, self = shared_from_this(), work, first, last] {
        if (work->entries.empty()) {
          auto read = log_->Read(shard_, first, last, kApplyBytesMax);
          if (!read.ok()) {
            // Never kCorruption: that is of the data. Whose log is damaged must stop, and is found
            // out at its next start (protocols 4).
            work->applied = Status(Code::kIoError, read.status().message());
            return;
          }
          work->entries = *std::move(read);
        }
        work->applied = machine_->Apply(work->entries, /*may_wait=*/true);
        // Damage is believed of a read from disk that fails twice.
        if (work->applied.status().code() == Code::kCorruption) {
          work->applied = machine_->Apply(work->entries, /*may_wait=*/true);
        }
      },
      [this, self = shared_from_this(), work] {
        applying_in_pool_ = false;
        if (!work->applied.ok()) {
          apply_blocked_ = true;
          // The log of one that was destroyed meanwhile is gone, too.
          if (!stopped_) OnUnapplied(work->applied.status());
          return;
        }
        OnAppliedEntries(*work->applied);
        InstallImport();
        host_->Wake(this);
      });
}

// An error of a write is final. What cannot be read is this replica's own trouble: nothing more is
// applied until its data are repaired.
void Replica::OnUnapplied(const Status& status) {
  if (status.code() == Code::kCorruption) return OnDamaged(status);
  host_->OnFatal(status);
}

void Replica::OnAppliedEntries(const std::vector<AppliedEntry>& applied) {
  session_time_ = machine_->session_time();
  session_count_ = machine_->session_count();
  for (const AppliedEntry& entry : applied) {
    if (writes_.empty() || writes_.front().index != entry.index) continue;
    PendingWrite write = std::move(writes_.front());
    writes_.pop_front();
    write_bytes_ -= write.bytes;
    if (write.reply) write.reply(WriteResponse(entry.outcome, write.kind));
  }
  const LogIndex last = applied.back().index;
  auto cursor = machine_->TakeCursor();
  // A replica that was just made does not know who the members were at so early an index.
  if (const raft::Members& members = raft_.log().MembersAt(last);
      cursor != nullptr && !members.voters.empty() && !stopped_) {
    summer_ = std::make_shared<ShardSummer>(last, members, data_, std::move(cursor));
    ContinueSum();
  }
  raft_.OnApplied(last);
}

void Replica::ContinueSum() {
  InPool([summer = summer_] { summer->Step(); },
         [this, self = shared_from_this(), summer = summer_] {
           if (summer != summer_) return;  // A newer one has begun, or the replica has ended.
           if (!summer->done()) return ContinueSum();
           sum_ = summer->sum();
           if (!sum_->error.empty()) OnDamaged(Status(Code::kCorruption, sum_->error));
           summer_.reset();
         });
}

}  // namespace ringfort::replica
