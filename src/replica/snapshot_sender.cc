// The primary's end of a snapshot transfer.
#include "replica/snapshot_sender.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "wire/raft_codec.h"

namespace ringfort::replica {

using storage::Import;
using storage::Snapshot;

namespace {

/// Before a chunk that the link had no room for is tried again.
constexpr Duration kFullLinkPause = std::chrono::milliseconds(20);

}  // namespace

SnapshotSender::SnapshotSender(SnapshotTuning tuning, Route route, storage::ShardStore* store,
                               Doors doors)
    : tuning_(tuning), route_(route), store_(store), doors_(std::move(doors)) {}

SnapshotSender::~SnapshotSender() {
  ReleaseInPool(doors_.run_in_pool, std::move(snapshot_));
}

void SnapshotSender::Begin() {
  Result<std::shared_ptr<const void>> turn = doors_.take_turn();
  if (!turn.ok()) return Finish(turn.status());
  turn_ = *std::move(turn);
  if (turn_ == nullptr) return;
  CallInPool(
      doors_.run_long, alive_,
      [store = store_, name = route_.source,
       alive = std::weak_ptr(alive_)]() -> Result<std::shared_ptr<Snapshot>> {
        if (alive.expired()) return Status(Code::kCancelled, "nobody sends the snapshot any more");
        return store->Export(name);
      },
      [this](auto exported) { OnExported(std::move(exported)); });
}

void SnapshotSender::OnExported(Result<std::shared_ptr<Snapshot>> exported) {
  if (!exported.ok()) return Finish(exported.status());
  snapshot_ = *std::move(exported);
  Result<raft::LogBase> base = doors_.base_at(snapshot_->applied());
  if (!base.ok()) return Finish(base.status());
  base_ = *std::move(base);
  std::uint64_t end = 0;
  for (const storage::SnapshotFile& file : snapshot_->files()) ends_.push_back(end += file.bytes);
  heard_at_ = doors_.now();
  SendBegin();
}

void SnapshotSender::OnConnected() {
  if (snapshot_ != nullptr) SendBegin();
}

void SnapshotSender::SendBegin() {
  ++attempt_;
  asking_ = true;
  progress_at_ = doors_.now();
  proto::SnapshotMessage message = NewMessage();
  proto::SnapshotBegin* begin = message.mutable_begin();
  begin->set_base_index(base_.index.value());
  begin->set_base_term(base_.term.value());
  wire::EncodeMembers(base_.members, begin->mutable_members());
  for (const storage::SnapshotFile& file : snapshot_->files()) {
    proto::SnapshotFile* to = begin->add_files();
    to->set_bytes(file.bytes);
    to->set_checksum(file.checksum);
  }
  begin->set_creates(route_.creates);
  doors_.send(std::move(message));  // If it is lost, the next attempt follows.
  doors_.wake_at(progress_at_ + tuning_.retry_after);
}

void SnapshotSender::OnAck(const proto::SnapshotMessage& message) {
  if (snapshot_ == nullptr || message.transfer() != route_.transfer || !message.has_ack()) return;
  const proto::SnapshotAck& ack = message.ack();
  if (ack.installed()) return Finish(Status());
  if (!ack.refused().empty()) {
    return Finish({Code::kUnavailable, "a follower refused a snapshot: " + ack.refused()});
  }
  heard_at_ = doors_.now();
  if (message.attempt() != attempt_ || ack.file() > ends_.size()) return;
  const std::uint64_t at = CountTo({ack.file(), ack.offset()});
  if (asking_ && at <= total()) {
    asking_ = false;
    sent_ = acked_ = at;
    progress_at_ = heard_at_;
  } else if (acked_ < at && at <= sent_) {
    acked_ = at;
    progress_at_ = heard_at_;
  }
  Pump();
}

void SnapshotSender::Turn() {
  if (turn_ == nullptr) return Begin();
  if (snapshot_ == nullptr) return;
  const MonotonicTime now = doors_.now();
  if (now - heard_at_ >= tuning_.silence_max) {
    return Finish({Code::kUnavailable, "a follower that is sent a snapshot is silent"});
  }
  // Waiting for the pace is no lack of progress; waiting for an answer is.
  const bool waits = asking_ || acked_ < sent_ || acked_ == total();
  if (waits && now - progress_at_ >= tuning_.retry_after) SendBegin();
  Pump();
}

void SnapshotSender::Pump() {
  if (asking_ || reading_ || sent_ == total()) return;
  const Import::Position place = PlaceOf(sent_);
  const std::uint64_t bytes =
      std::min<std::uint64_t>(tuning_.chunk_bytes, ends_[place.file] - sent_);
  if (sent_ - acked_ + bytes > tuning_.window_bytes) return;
  if (!taken_) send_at_ = doors_.now() + doors_.take(bytes);
  taken_ = true;
  if (doors_.now() < send_at_) return doors_.wake_at(send_at_);
  reading_ = true;
  CallInPool(
      doors_.run_in_pool, alive_,
      [snapshot = snapshot_, place, bytes]() mutable {
        Result<std::string> read = snapshot->Read(place.file, place.offset, bytes);
        snapshot.reset();  // Perhaps the last, here in the pool.
        return read;
      },
      [this, attempt = attempt_, at = sent_](auto read) { OnRead(attempt, at, std::move(read)); });
}

void SnapshotSender::OnRead(std::uint32_t attempt, std::uint64_t at, Result<std::string> read) {
  reading_ = false;
  if (snapshot_ == nullptr) return;
  if (!read.ok()) return Finish(read.status());
  // A newer attempt goes on from elsewhere, or will.
  if (attempt != attempt_) return Pump();
  const std::size_t bytes = read->size();
  if (SendChunk(at, *std::move(read))) {
    if (acked_ == sent_) progress_at_ = doors_.now();  // The wait for an answer begins.
    sent_ += bytes;
    taken_ = false;
    Pump();
  } else {
    send_at_ = doors_.now() + kFullLinkPause;
    doors_.wake_at(send_at_);
  }
}

bool SnapshotSender::SendChunk(std::uint64_t at, std::string data) {
  const Import::Position place = PlaceOf(at);
  proto::SnapshotMessage message = NewMessage();
  proto::SnapshotChunk* chunk = message.mutable_chunk();
  chunk->set_file(static_cast<std::uint32_t>(place.file));
  chunk->set_offset(place.offset);
  chunk->set_checksum(Hash64(data));
  chunk->set_data(std::move(data));
  doors_.wake_at(doors_.now() + tuning_.retry_after);
  return doors_.send(std::move(message));
}

void SnapshotSender::Finish(Status status) {
  ReleaseInPool(doors_.run_in_pool, std::exchange(snapshot_, nullptr));
  // From copies: `done` may end this object.
  const auto done = std::exchange(doors_.done, nullptr);
  const raft::LogBase base = base_;
  done(std::move(status), base);
}

proto::SnapshotMessage SnapshotSender::NewMessage() const {
  proto::SnapshotMessage message;
  message.set_shard(route_.source.shard.value());
  message.set_from(route_.from.value());
  message.set_to(route_.to.value());
  message.set_term(route_.term.value());
  message.set_transfer(route_.transfer);
  message.set_attempt(attempt_);
  return message;
}

Import::Position SnapshotSender::PlaceOf(std::uint64_t at) const {
  const auto file = std::upper_bound(ends_.begin(), ends_.end(), at);
  const std::uint64_t begin = file == ends_.begin() ? 0 : *(file - 1);
  return {static_cast<std::size_t>(file - ends_.begin()), at - begin};
}

std::uint64_t SnapshotSender::CountTo(Import::Position place) const {
  return (place.file == 0 ? 0 : ends_[place.file - 1]) + place.offset;
}

}  // namespace ringfort::replica
