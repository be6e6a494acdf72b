// The follower's end of snapshot transfers to one shard.
#include "replica/snapshot_receiver.h"

#include <utility>

#include "base/hash.h"
#include "wire/raft_codec.h"

namespace ringfort::replica {

using storage::Import;

namespace {

Import::Position After(Import::Position at, std::size_t bytes,
                       const std::vector<storage::SnapshotFile>& files) {
  at.offset += bytes;
  return at.offset < files[at.file].bytes ? at : Import::Position{at.file + 1, 0};
}

Result<SnapshotReceiver::Offer> OfferOf(NodeId node, const proto::SnapshotMessage& message) {
  const proto::SnapshotBegin& begin = message.begin();
  Result<raft::Members> members = wire::DecodeMembers(begin.members());
  if (!members.ok()) return members.status();
  std::uint64_t bytes = 0;
  for (const proto::SnapshotFile& file : begin.files()) bytes += file.bytes();
  return SnapshotReceiver::Offer{
      node,
      ReplicaId(message.from()),
      ReplicaId(message.to()),
      Term(message.term()),
      {LogIndex(begin.base_index()), Term(begin.base_term()), *std::move(members)},
      begin.creates(),
      bytes};
}

std::vector<storage::SnapshotFile> FilesOf(const proto::SnapshotBegin& begin) {
  std::vector<storage::SnapshotFile> files;
  files.reserve(static_cast<std::size_t>(begin.files_size()));
  for (const proto::SnapshotFile& file : begin.files()) {
    files.push_back({file.bytes(), file.checksum()});
  }
  return files;
}

}  // namespace

SnapshotReceiver::SnapshotReceiver(SnapshotTuning tuning, ShardId shard, storage::ShardStore* store,
                                   Doors doors)
    : tuning_(tuning), shard_(shard), store_(store), doors_(std::move(doors)) {}

SnapshotReceiver::~SnapshotReceiver() {
  Forget();
}

void SnapshotReceiver::Receive(NodeId from, proto::SnapshotMessage message) {
  if (Term(message.term()) < term_) return;
  if (message.has_begin()) OnBegin(from, message);
  if (message.has_chunk()) OnChunk(std::move(message));
}

void SnapshotReceiver::OnBegin(NodeId from, const proto::SnapshotMessage& message) {
  if (transfer_ != nullptr && transfer_->id == message.transfer()) {
    return Resume(message.attempt());
  }
  if (transfer_ != nullptr && transfer_->closing) return;  // The sender asks again.
  Result<Offer> offer = OfferOf(from, message);
  // No answer: a correct sender's members are right, and another's silence ends its transfer.
  if (!offer.ok()) return;
  if (ended_id_ == message.transfer()) return Answer(*offer, message.transfer(), ended_);
  const Result<bool> lacks = doors_.lacks(*offer);
  if (!lacks.ok() || !*lacks) return Answer(*offer, message.transfer(), lacks.status());
  if (Status room = CheckRoom(); !room.ok()) return Answer(*offer, message.transfer(), room);

  Forget();
  term_ = offer->term;
  auto transfer = std::make_shared<Transfer>();
  transfer->id = message.transfer();
  transfer->attempt = message.attempt();
  transfer->offer = *std::move(offer);
  transfer->files = FilesOf(message.begin());
  transfer->generation = doors_.new_generation();
  transfer->heard_at = doors_.now();
  Start(std::move(transfer));
}

void SnapshotReceiver::Start(TransferPtr transfer) {
  transfer_ = transfer;
  const raft::LogBase& base = transfer->offer.base;
  CallInPool(
      doors_.run_in_pool, alive_,
      [store = store_, name = storage::ShardStore::Name{shard_, transfer->generation},
       applied = storage::Applied{base.index, base.term},
       files = transfer->files]() { return store->BeginImport(name, applied, files); },
      [this, transfer](Result<std::unique_ptr<Import>> begun) {
        const Status status = begun.status();
        if (status.ok()) transfer->import = *std::move(begun);
        if (!BackFromPool(transfer)) {
          return ReleaseInPool(doors_.run_in_pool, std::move(transfer->import));
        }
        if (!status.ok()) return End(status);
        Acknowledge();
        Pump();
      });
}

void SnapshotReceiver::Resume(std::uint32_t attempt) {
  if (attempt < transfer_->attempt) return;  // Overtaken by a newer one.
  transfer_->attempt = attempt;
  transfer_->heard_at = doors_.now();
  if (transfer_->closing) return Acknowledge();
  // What waits comes again: the answer counts only what is written.
  transfer_->waiting.clear();
  transfer_->waiting_bytes = 0;
  transfer_->expected = transfer_->written;
  if (!transfer_->busy) Acknowledge();  // Otherwise the end of the write does.
}

void SnapshotReceiver::OnChunk(proto::SnapshotMessage message) {
  proto::SnapshotChunk* chunk = message.mutable_chunk();
  if (transfer_ == nullptr || transfer_->id != message.transfer() || transfer_->closing) return;
  Transfer& transfer = *transfer_;
  const Import::Position at{chunk->file(), chunk->offset()};
  const std::size_t bytes = chunk->data().size();
  // A repeated chunk, one after a lost one, one that is damaged or more than a correct sender has
  // on its way: the sender asks from where to go on.
  if (at != transfer.expected || at.file == transfer.files.size()) return;
  if (bytes == 0 || bytes > transfer.files[at.file].bytes - at.offset) return;
  if (transfer.waiting_bytes + bytes > tuning_.window_bytes) return;
  if (Hash64(chunk->data()) != chunk->checksum()) return;
  if (Status room = CheckRoom(); !room.ok()) return End(room);
  transfer.heard_at = doors_.now();
  transfer.expected = After(at, bytes, transfer.files);
  transfer.waiting_bytes += bytes;
  transfer.waiting.push_back(std::move(*chunk->mutable_data()));
  Pump();
}

void SnapshotReceiver::Pump() {
  if (transfer_->busy || transfer_->closing) return;
  if (!transfer_->waiting.empty()) return WriteNext();
  if (transfer_->written.file == transfer_->files.size()) FinishImport();
}

void SnapshotReceiver::WriteNext() {
  Transfer& transfer = *transfer_;
  std::string data = std::move(transfer.waiting.front());
  transfer.waiting.pop_front();
  transfer.waiting_bytes -= data.size();
  const Import::Position at = transfer.written;
  transfer.written = After(at, data.size(), transfer.files);
  transfer.busy = true;
  CallInPool(
      doors_.run_in_pool, alive_,
      [import = transfer.import, at, data = std::move(data)]() mutable {
        Status written = import->Write(at, data);
        import.reset();  // Perhaps the last, here in the pool.
        return written;
      },
      [this, transfer = transfer_](const Status& written) {
        if (!BackFromPool(transfer)) return;
        if (!written.ok()) return End(written);
        Acknowledge();
        Pump();
      });
}

void SnapshotReceiver::FinishImport() {
  transfer_->busy = true;
  transfer_->closing = true;
  CallInPool(
      doors_.run_long, alive_,
      [import = transfer_->import]() mutable {
        Status finished = import->Finish();
        import.reset();
        return finished;
      },
      [this, transfer = transfer_](const Status& finished) {
        BackFromPool(transfer);  // A closing transfer is not replaced.
        if (!finished.ok()) return End(finished);
        doors_.install(transfer->offer, transfer->generation);
      });
}

bool SnapshotReceiver::BackFromPool(const TransferPtr& transfer) {
  transfer->busy = false;
  return transfer == transfer_;
}

Status SnapshotReceiver::CheckRoom() const {
  if (doors_.room() != storage::DiskRoom::kExhausted) return Status::Ok();
  return {Code::kDiskFull, "the disk has no room for a snapshot (make room; it is offered again)"};
}

void SnapshotReceiver::OnInstalled(const Status& status) {
  if (transfer_ != nullptr && transfer_->closing) End(status);
}

void SnapshotReceiver::Tick(Term term) {
  if (transfer_ == nullptr || transfer_->closing) return;
  const bool silent = doors_.now() - transfer_->heard_at >= 2 * tuning_.silence_max;
  if (silent || transfer_->offer.term < term) Forget();
}

void SnapshotReceiver::End(const Status& status) {
  ended_id_ = transfer_->id;
  ended_ = status;
  Answer(transfer_->offer, transfer_->id, status);
  Forget();
}

void SnapshotReceiver::Forget() {
  const TransferPtr ended = std::exchange(transfer_, nullptr);
  // What the pool is doing for it keeps the import for as long.
  if (ended != nullptr) ReleaseInPool(doors_.run_in_pool, std::move(ended->import));
}

void SnapshotReceiver::Acknowledge() {
  proto::SnapshotMessage message;
  const Offer& offer = transfer_->offer;
  message.set_shard(shard_.value());
  message.set_from(offer.to.value());
  message.set_to(offer.from.value());
  message.set_term(offer.term.value());
  message.set_transfer(transfer_->id);
  message.set_attempt(transfer_->attempt);
  message.mutable_ack()->set_file(static_cast<std::uint32_t>(transfer_->written.file));
  message.mutable_ack()->set_offset(transfer_->written.offset);
  doors_.send(offer.node, std::move(message));
}

void SnapshotReceiver::Answer(const Offer& offer, std::uint64_t id, const Status& status) {
  doors_.ended(status);
  proto::SnapshotMessage message;
  message.set_shard(shard_.value());
  message.set_from(offer.to.value());
  message.set_to(offer.from.value());
  message.set_term(offer.term.value());
  message.set_transfer(id);
  if (status.ok()) {
    message.mutable_ack()->set_installed(true);
  } else {
    message.mutable_ack()->set_refused(status.ToString());
  }
  doors_.send(offer.node, std::move(message));
}

}  // namespace ringfort::replica
