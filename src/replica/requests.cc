// A replica's clients: writes on their way through the log, and reads.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "raft/quorum.h"
#include "replica/reader.h"
#include "replica/replica.h"
#include "ringfort/disk.pb.h"
#include "wire/status_codec.h"

namespace ringfort::replica {
namespace {

proto::Response ErrorResponse(const Status& status) {
  proto::Response response;
  wire::EncodeStatus(status, response.mutable_error());
  return response;
}

Status TooLate(Effect effect) {
  return Status(Code::kDeadlineExceeded, "the request's deadline passed on the server", effect);
}

/// What a write takes until it is answered. Beside its bytes each has an object for itself, its
/// reply and its entry: a flood of tiny ones must not pass for nothing.
std::size_t WriteBytes(const proto::Request& request) {
  constexpr std::size_t kOverheadBytes = 512;
  return kOverheadBytes + request.ByteSizeLong();
}

bool IsRead(const proto::Request& request) {
  return request.has_get() || request.has_scan();
}

bool Puts(const proto::Request& request) {
  const auto& operations = request.write().operations();
  return std::any_of(operations.begin(), operations.end(), [](const proto::Operation& operation) {
    return operation.kind() == proto::Operation::PUT;
  });
}

Status DiskFull(bool own, storage::DiskRoom room) {
  const std::string whose =
      own ? "the disk of the shard's primary is full"
          : "the disks of so many of the shard's nodes are full that no majority takes more";
  return Status(Code::kDiskFull, whose + (room == storage::DiskRoom::kFull
                                              ? " (delete entries, or free space there)"
                                              : ", even for deletes (free space there)"));
}

bool FromAnyReplica(const proto::Request& request) {
  return (request.has_get() && request.get().consistency() == proto::Get::ANY_REPLICA) ||
         (request.has_scan() && request.scan().consistency() == proto::Get::ANY_REPLICA);
}

// What is stored was understood: rebuilt field by field, so that what this release does not know of
// a request stays out of the log, where another release would read it.
void MoveKnown(proto::Operation* from, proto::Operation* to) {
  to->set_kind(from->kind());
  to->mutable_key()->mutable_shard_key()->swap(*from->mutable_key()->mutable_shard_key());
  to->mutable_key()->mutable_sort_key()->swap(*from->mutable_key()->mutable_sort_key());
  to->mutable_value()->swap(*from->mutable_value());
  if (!from->has_condition()) return;
  to->mutable_condition()->set_kind(from->condition().kind());
  to->mutable_condition()->set_version(from->condition().version());
}

void MoveKnown(proto::Write* from, proto::Write* to) {
  to->set_session(from->session());
  to->set_sequence(from->sequence());
  to->set_first_unanswered(from->first_unanswered());
  for (proto::Operation& operation : *from->mutable_operations()) {
    MoveKnown(&operation, to->add_operations());
  }
}

}  // namespace

void Replica::Submit(Request request) {
  if (stopped_) {
    request.reply(NotPrimary(Effect::kNotApplied));
    return;
  }
  if (IsRead(request.body)) {
    const std::size_t waiting =
        read_mail_.size() + unconfirmed_count_ + waiting_reads_.size() + reads_in_pool_;
    if (waiting >= options_.waiting_reads_max) {
      Status full(Code::kOverloaded, "too many reads wait for this shard (slow down)");
      request.reply(ErrorResponse(full.set_retry_after(std::chrono::milliseconds(20))));
      return;
    }
    if (FromAnyReplica(request.body)) {
      const bool damaged = !damage_.empty() && raft_.role() != raft::Role::kPrimary;
      if (raft_.diverged() || damaged) {
        request.reply(NotPrimary(Effect::kNotApplied));
        return;
      }
      const MonotonicTime begin = host_->Now();
      AnswerNow(std::move(request));
      const MonotonicTime end = host_->Now();
      load_.SpentOnLoop(end - begin, end);
      return;
    }
    read_mail_.push_back(std::move(request));
  } else {
    const std::size_t bytes = WriteBytes(request.body);
    if (write_bytes_ + bytes > options_.write_bytes_max) {
      Status full(Code::kOverloaded, "too many bytes of writes wait for this shard (slow down)");
      request.reply(ErrorResponse(full.set_retry_after(std::chrono::milliseconds(20))));
      return;
    }
    write_bytes_ += bytes;
    write_mail_.push_back(std::move(request));
  }
  host_->Wake(this);
}

proto::Response Replica::NotPrimary(Effect effect) const {
  proto::Response response = ErrorResponse(
      Status(Code::kNotPrimary, "this node does not lead the shard (ask its primary)", effect));
  const bool live = raft_.HasLivePrimary(host_->Now()) && raft_.primary() != raft_.self();
  if (const NodeId hint = NodeOf(live ? raft_.primary() : handed_to_); hint != NodeId()) {
    response.mutable_error()->set_primary_hint(hint.value());
  }
  return response;
}

// Writes.

storage::DiskRoom Replica::Room() const {
  using storage::DiskRoom;
  const auto majority_has = [this](DiskRoom room) {
    return raft::QuorumHolds(
        raft_.members(), [this, room](ReplicaId id) { return host_->RoomOf(NodeOf(id)) <= room; });
  };
  const DiskRoom theirs = majority_has(DiskRoom::kEnough) ? DiskRoom::kEnough
                          : majority_has(DiskRoom::kFull) ? DiskRoom::kFull
                                                          : DiskRoom::kExhausted;
  return std::max(theirs, host_->OwnRoom());
}

std::string Replica::MakeCommand(proto::Request* request, MonotonicTime now) {
  const auto passed = std::chrono::duration_cast<std::chrono::microseconds>(now - stamped_at_);
  last_stamp_ = last_stamp_ + static_cast<std::uint64_t>(passed.count());
  stamped_at_ += passed;
  proto::Command command;
  command.set_session_time_us(last_stamp_.value());
  if (request->has_write()) {
    MoveKnown(request->mutable_write(), command.mutable_write());
  } else if (request->has_open_session()) {
    command.mutable_open_session();
  } else if (request->has_verify_shard()) {
    command.mutable_verify();
  } else {
    command.mutable_keep_session()->set_session(request->keep_session().session());
    command.mutable_keep_session()->set_first_unanswered(
        request->keep_session().first_unanswered());
  }
  return command.SerializeAsString();
}

void Replica::ProposeWrites(MonotonicTime now) {
  // While the role is handed over they wait: in a moment the successor is known.
  if (write_mail_.empty() || raft_.transferring_to()) return;
  std::vector<Request> requests;
  requests.swap(write_mail_);
  std::vector<SharedBytes> commands;
  std::vector<PendingWrite> pending;
  const storage::DiskRoom room = Room();
  for (Request& request : requests) {
    const std::size_t bytes = WriteBytes(request.body);
    if (raft_.role() != raft::Role::kPrimary || now >= request.deadline) {
      write_bytes_ -= bytes;
      request.reply(now >= request.deadline ? ErrorResponse(TooLate(Effect::kNotApplied))
                                            : NotPrimary(Effect::kNotApplied));
      continue;
    }
    if (apply_blocked_) {
      write_bytes_ -= bytes;
      Status soon(Code::kUnavailable,
                  "the data of the shard's primary are damaged, another is to lead (try again)",
                  Effect::kNotApplied);
      request.reply(ErrorResponse(soon.set_retry_after(std::chrono::milliseconds(50))));
      continue;
    }
    if (room == storage::DiskRoom::kExhausted ||
        (room == storage::DiskRoom::kFull && !request.makes_room && Puts(request.body))) {
      write_bytes_ -= bytes;
      const bool own = host_->OwnRoom() == room;
      request.reply(ErrorResponse(DiskFull(own, room)));
      continue;
    }
    if (request.body.has_write()) load_.CountWrite(request.body.write());
    const proto::Request::BodyCase kind = request.body.body_case();
    commands.emplace_back(MakeCommand(&request.body, now));
    pending.push_back({LogIndex(), bytes, request.deadline, kind, std::move(request.reply)});
  }
  if (commands.empty()) return;
  const std::optional<LogIndex> first = raft_.Propose(now, std::move(commands));
  RF_CHECK(first.has_value());
  for (std::size_t i = 0; i < pending.size(); ++i) {
    pending[i].index = *first + i;
    writes_.push_back(std::move(pending[i]));
  }
}

// Reads.

void Replica::StartReads(MonotonicTime now) {
  if (read_mail_.empty()) return;
  std::vector<Request> reads;
  reads.swap(read_mail_);
  if (raft_.role() != raft::Role::kPrimary) {
    for (Request& read : reads) read.reply(NotPrimary(Effect::kNotApplied));
    return;
  }
  if (apply_blocked_) {  // It leads until another can, and may never have what they ask for.
    for (Request& read : reads) read.reply(UnreadResponse(Status(Code::kCorruption, damage_)));
    return;
  }
  if (const std::optional<LogIndex> index = raft_.ReadByLease(now)) {
    for (Request& read : reads) {
      if (raft_.applied() >= *index) {
        AnswerNow(std::move(read));
      } else {
        waiting_reads_.emplace(*index, std::move(read));
      }
    }
    return;
  }
  unconfirmed_count_ += reads.size();
  unconfirmed_reads_.emplace(raft_.QueueRead(now), std::move(reads));
}

void Replica::FinishReads(MonotonicTime now) {
  while (!waiting_reads_.empty() && waiting_reads_.begin()->first <= raft_.applied()) {
    Request read = std::move(waiting_reads_.begin()->second);
    waiting_reads_.erase(waiting_reads_.begin());
    if (now >= read.deadline) {
      read.reply(ErrorResponse(TooLate(Effect::kNotApplied)));
    } else {
      AnswerNow(std::move(read));
    }
  }
}

void Replica::AnswerNow(Request request) {
  if (!raft_.MayVote()) {
    request.reply(NotPrimary(Effect::kNotApplied));  // A learner may have nothing yet.
    return;
  }
  load_.CountRead(request.body);
  proto::Response response;
  const Status status = AnswerRead(*data_, request.body, storage::ReadDepth::kMemory, &response);
  if (status.ok()) {
    load_.CountAnswer(response);
    request.reply(std::move(response));
    return;
  }
  // What memory tells of damage is not believed either.
  if (status.code() != Code::kUnavailable && status.code() != Code::kCorruption) {
    request.reply(UnreadResponse(status));
    return;
  }
  ++reads_in_pool_;
  struct Slow {
    Request request;
    proto::Response response;
    Status status;
  };
  auto slow = std::make_shared<Slow>();
  slow->request = std::move(request);
  InPool(
      [data = data_, slow] {
        // Damage is believed of a read from disk that fails twice.
        for (int reads = 0; reads == 0 || (reads == 1 && slow->status.code() == Code::kCorruption);
             ++reads) {
          slow->status =
              AnswerRead(*data, slow->request.body, storage::ReadDepth::kDisk, &slow->response);
        }
      },
      [this, self = shared_from_this(), slow, read_from = generation_] {
        --reads_in_pool_;
        // Of data that were repaired meanwhile it is news no more.
        const bool current = read_from == generation_;
        if (!slow->status.ok()) {
          slow->response = current || slow->status.code() != Code::kCorruption
                               ? UnreadResponse(slow->status)
                               : NotPrimary(Effect::kNotApplied);
        }
        load_.CountAnswer(slow->response);
        slow->request.reply(std::move(slow->response));
      });
}

proto::Response Replica::UnreadResponse(const Status& status) {
  // A newer release wrote it: nothing of it is guessed.
  if (status.code() == Code::kUnsupported) host_->OnFatal(status);
  if (IsReadElsewhere(status)) return NotPrimary(Effect::kNotApplied);
  if (status.code() != Code::kCorruption || raft_.BestSuccessor() == ReplicaId()) {
    return ErrorResponse(status);
  }
  Status soon(Code::kUnavailable,
              "the data of the shard's primary are damaged, another is to lead (try again)");
  return ErrorResponse(soon.set_retry_after(std::chrono::milliseconds(50)));
}

// Endings.

// The client asks the next primary; with its session and sequence a write that happened after all
// is answered there as it was here.
void Replica::FailPending() {
  for (PendingWrite& write : writes_) {
    write_bytes_ -= write.bytes;
    if (write.reply) write.reply(NotPrimary(Effect::kUnknown));
  }
  writes_.clear();
  for (auto& [id, reads] : unconfirmed_reads_) {
    for (Request& read : reads) read.reply(NotPrimary(Effect::kNotApplied));
  }
  unconfirmed_reads_.clear();
  unconfirmed_count_ = 0;
  orphans_.clear();
}

void Replica::Stop() {
  stopped_ = true;
  FailPending();
  for (Request& write : write_mail_) write.reply(NotPrimary(Effect::kNotApplied));
  for (Request& read : read_mail_) read.reply(NotPrimary(Effect::kNotApplied));
  for (auto& [index, read] : waiting_reads_) read.reply(NotPrimary(Effect::kNotApplied));
  write_mail_.clear();
  read_mail_.clear();
  waiting_reads_.clear();
  senders_.clear();
  receiver_.reset();
  import_.reset();
  summer_.reset();
}

void Replica::ExpireRequests(MonotonicTime now) {
  for (PendingWrite& write : writes_) {
    if (!write.reply || now < write.deadline) continue;
    write.reply(ErrorResponse(TooLate(Effect::kUnknown)));
    write.reply = nullptr;
  }
  for (auto& [id, reads] : unconfirmed_reads_) {
    unconfirmed_count_ -= std::erase_if(reads, [&](Request& read) {
      if (now < read.deadline) return false;
      read.reply(ErrorResponse(TooLate(Effect::kNotApplied)));
      return true;
    });
  }
  std::erase_if(waiting_reads_, [&](auto& waiting) {
    if (now < waiting.second.deadline) return false;
    waiting.second.reply(ErrorResponse(TooLate(Effect::kNotApplied)));
    return true;
  });
}

}  // namespace ringfort::replica
