#include "replica/state_machine.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "features/features.h"
#include "replica/reader.h"
#include "ringfort/limits.h"
#include "storage/encoding.h"

namespace ringfort::replica {
namespace {

const std::string& SessionTimeKey() {
  static const std::string key = storage::MarkKey("session-time");
  return key;
}

std::string EntryName(LogIndex index) {
  return "log entry " + std::to_string(index.value());
}

// Its checksums are right, so it is no damage.
Status Unknown(LogIndex index) {
  return features::UnknownFormat(EntryName(index));
}

// What a primary of a newer level wrote. Nothing of it is guessed: an operation that is not known
// would be applied in another way than elsewhere.
Status CheckKnown(LogIndex index, const proto::Command& command) {
  if (const FeatureLevel level(command.level()); level > features::kNewest) {
    return features::TooNew(EntryName(index), level);
  }
  for (const proto::Operation& operation : command.write().operations()) {
    if (!proto::Operation::Kind_IsValid(operation.kind()) ||
        !proto::Condition::Kind_IsValid(operation.condition().kind())) {
      return Unknown(index);
    }
  }
  return Status::Ok();
}

}  // namespace

bool IsReplicated(std::string_view raw_key) {
  static const storage::KeyRange marks = storage::SpaceRange(storage::KeySpace::kMarks);
  return raw_key < marks.begin || raw_key >= marks.end || raw_key == SessionTimeKey();
}

Result<std::unique_ptr<StateMachine>> StateMachine::Load(std::shared_ptr<storage::ShardData> data) {
  std::unique_ptr<StateMachine> machine(new StateMachine(std::move(data)));
  const storage::ShardData& stored = *machine->data_;
  auto time = stored.Get(SessionTimeKey(), storage::ReadDepth::kDisk);
  if (!time.ok()) return time.status();
  if (time->has_value()) {
    if ((*time)->size() != sizeof(std::uint64_t)) {
      return Status(
          Code::kCorruption,
          "the stored session time cannot be read (the replica must be rebuilt from its peers)");
    }
    machine->session_time_ = SessionTime(LoadLittle<std::uint64_t>((*time)->data()));
  }
  const storage::KeyRange range = storage::SpaceRange(storage::KeySpace::kSessions);
  storage::RangeQuery query;
  query.begin = range.begin;
  query.end = range.end;
  for (bool more = true; more;) {
    auto page = stored.Range(query, storage::ReadDepth::kDisk);
    if (!page.ok()) return page.status();
    for (const storage::RangeEntry& entry : page->entries) {
      auto id = storage::DecodeSessionKey(entry.key);
      if (!id.ok()) return id.status();
      auto session = DecodeSession(entry.value);
      if (!session.ok()) return session.status();
      machine->sessions_.Load(*id, *std::move(session));
    }
    more = page->more;
    if (more) query.begin = storage::KeyAfter(page->entries.back().key);
  }
  return machine;
}

Result<std::vector<AppliedEntry>> StateMachine::Apply(const std::vector<raft::Entry>& entries,
                                                      bool may_wait) {
  RF_CHECK(!entries.empty() && entries.front().index == applied().index + 1);
  Batch batch;
  if (may_wait) batch.depth = storage::ReadDepth::kDisk;
  staged_time_ = session_time_;
  std::vector<AppliedEntry> outcomes;
  outcomes.reserve(entries.size());
  for (const raft::Entry& entry : entries) {
    auto outcome = ApplyEntry(entry, &batch);
    if (!outcome.ok()) {
      sessions_.Discard();
      if (!may_wait && outcome.status().code() == Code::kUnavailable) {
        return Status(Code::kOverloaded, "a condition or a Verify needs the disk");
      }
      return outcome.status();
    }
    outcomes.push_back({entry.index, *outcome});
    if (batch.verifies) break;
  }
  StageSessions(&batch);
  const raft::Entry& last = entries[outcomes.size() - 1];
  if (Status status = data_->Apply(batch.mutations, {last.index, last.term}, may_wait);
      !status.ok()) {
    sessions_.Discard();
    return status;
  }
  sessions_.Commit();
  session_time_ = staged_time_;
  if (batch.verifies) cursor_ = data_->OpenCursor();
  return outcomes;
}

void StateMachine::StageSessions(Batch* batch) {
  using Kind = storage::Mutation::Kind;
  for (const auto& [id, session] : sessions_.staged()) {
    std::string key = storage::EncodeSessionKey(id);
    if (session.has_value()) {
      batch->mutations.push_back({Kind::kPut, std::move(key), EncodeSession(*session)});
    } else {
      batch->mutations.push_back({Kind::kDelete, std::move(key), {}});
    }
  }
  if (staged_time_ != session_time_) {
    std::string bytes;
    AppendLittle(&bytes, staged_time_.value());
    batch->mutations.push_back({Kind::kPut, SessionTimeKey(), std::move(bytes)});
  }
}

Result<Outcome> StateMachine::ApplyEntry(const raft::Entry& entry, Batch* batch) {
  Outcome done;
  done.version = entry.index;
  if (entry.kind != raft::EntryKind::kCommand) return done;
  proto::Command command;
  const std::string_view bytes = entry.data.view();
  if (!command.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Unknown(entry.index);
  }
  if (Status known = CheckKnown(entry.index, command); !known.ok()) return known;
  staged_time_ = std::max(staged_time_, SessionTime(command.session_time_us()));
  switch (command.body_case()) {
    case proto::Command::kOpenSession:
      sessions_.Open(SessionId(entry.index.value()), staged_time_);
      return done;
    case proto::Command::kKeepSession: {
      const proto::KeepSession& keep = command.keep_session();
      const Session* session =
          sessions_.Use(SessionId(keep.session()), Sequence(keep.first_unanswered()), staged_time_);
      if (session == nullptr) done.code = Code::kSessionExpired;
      return done;
    }
    case proto::Command::kWrite: return ApplyWrite(entry.index, command.write(), batch);
    case proto::Command::kVerify:
      if (batch->depth == storage::ReadDepth::kMemory) {
        return Status(Code::kUnavailable, "to open a cursor may take the disk");
      }
      batch->verifies = true;
      return done;
    case proto::Command::BODY_NOT_SET: break;
  }
  return Unknown(entry.index);
}

Result<Outcome> StateMachine::ApplyWrite(LogIndex index, const proto::Write& write, Batch* batch) {
  const SessionId id(write.session());
  const Sequence sequence(write.sequence());
  const Sequence first_unanswered(write.first_unanswered());
  const Session* known = sessions_.Find(id);
  if (known == nullptr || sequence < std::max(first_unanswered, known->first_unanswered)) {
    return Outcome{Code::kSessionExpired, index};  // The session is as it was.
  }
  Session* session = sessions_.Use(id, first_unanswered, staged_time_);
  if (const auto before = session->outcomes.find(sequence); before != session->outcomes.end()) {
    return before->second;
  }
  if (session->outcomes.size() >= limits::kUnfinishedWritesMax) {
    return Outcome{Code::kOverloaded, index};  // Not kept: the same write may be tried again later.
  }
  auto holds = ConditionsHold(write, *batch);
  if (!holds.ok()) return holds.status();
  const Outcome outcome{*holds ? Code::kOk : Code::kConditionFailed, index};
  session->outcomes.emplace(sequence, outcome);
  if (!*holds) return outcome;
  for (const proto::Operation& operation : write.operations()) {
    std::string key =
        storage::EncodeDataKey(operation.key().shard_key(), operation.key().sort_key());
    if (operation.kind() == proto::Operation::DELETE) {
      batch->mutations.push_back({storage::Mutation::Kind::kDelete, std::move(key), {}});
    } else {
      batch->mutations.push_back({storage::Mutation::Kind::kPut, std::move(key),
                                  storage::EncodeValue(index, operation.value())});
    }
  }
  return outcome;
}

Result<bool> StateMachine::ConditionsHold(const proto::Write& write, const Batch& batch) const {
  for (const proto::Operation& operation : write.operations()) {
    const proto::Condition& condition = operation.condition();
    if (condition.kind() == proto::Condition::NONE) continue;
    auto version = VersionOf(
        storage::EncodeDataKey(operation.key().shard_key(), operation.key().sort_key()), batch);
    if (!version.ok()) return version.status();
    const LogIndex wanted = condition.kind() == proto::Condition::IF_ABSENT
                                ? LogIndex()
                                : LogIndex(condition.version());
    if (*version != wanted) return false;
  }
  return true;
}

Result<LogIndex> StateMachine::VersionOf(const std::string& raw_key, const Batch& batch) const {
  const auto own =
      std::find_if(batch.mutations.rbegin(), batch.mutations.rend(),
                   [&](const storage::Mutation& mutation) { return mutation.key == raw_key; });
  std::optional<std::string> raw;
  if (own != batch.mutations.rend()) {
    if (own->kind == storage::Mutation::Kind::kPut) raw = own->value;
  } else {
    auto stored = data_->Get(raw_key, batch.depth);
    if (!stored.ok()) return stored.status();
    raw = *std::move(stored);
  }
  if (!raw.has_value()) return LogIndex();
  auto value = DecodeValueOf(raw_key, *raw);
  if (!value.ok()) return value.status();
  return value->version;
}

}  // namespace ringfort::replica
