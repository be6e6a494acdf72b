// Commands and a state machine to feed them to.
#include "tests/unit/replica/commands.h"

#include <ostream>
#include <utility>

#include "base/check.h"
#include "storage/encoding.h"

namespace ringfort::replica {

proto::Operation Put(std::string_view sort_key, std::string_view value) {
  proto::Operation operation;
  operation.mutable_key()->set_shard_key(kShardKey);
  operation.mutable_key()->set_sort_key(std::string(sort_key));
  operation.set_value(std::string(value));
  return operation;
}

proto::Operation PutIfAbsent(std::string_view sort_key, std::string_view value) {
  proto::Operation operation = Put(sort_key, value);
  operation.mutable_condition()->set_kind(proto::Condition::IF_ABSENT);
  return operation;
}

proto::Operation PutIfVersion(std::string_view sort_key, std::string_view value,
                              std::uint64_t version) {
  proto::Operation operation = Put(sort_key, value);
  operation.mutable_condition()->set_kind(proto::Condition::IF_VERSION);
  operation.mutable_condition()->set_version(version);
  return operation;
}

proto::Operation Delete(std::string_view sort_key) {
  proto::Operation operation = Put(sort_key, "");
  operation.set_kind(proto::Operation::DELETE);
  return operation;
}

proto::Write WriteOf(WriteId id, const std::vector<proto::Operation>& operations) {
  proto::Write write;
  write.set_session(id.session);
  write.set_sequence(id.sequence);
  write.set_first_unanswered(id.first_unanswered);
  for (const proto::Operation& operation : operations) *write.add_operations() = operation;
  return write;
}

proto::Command OpenSession(std::uint64_t at_us) {
  proto::Command command;
  command.set_session_time_us(at_us);
  command.mutable_open_session();
  return command;
}

proto::Command KeepSession(std::uint64_t session, std::uint64_t first_unanswered,
                           std::uint64_t at_us) {
  proto::Command command;
  command.set_session_time_us(at_us);
  command.mutable_keep_session()->set_session(session);
  command.mutable_keep_session()->set_first_unanswered(first_unanswered);
  return command;
}

proto::Command Write(WriteId id, const std::vector<proto::Operation>& operations,
                     std::uint64_t at_us) {
  proto::Command command;
  command.set_session_time_us(at_us);
  *command.mutable_write() = WriteOf(id, operations);
  return command;
}

raft::Entry EntryOf(LogIndex index, const proto::Command& command) {
  return {Term(1), index, raft::EntryKind::kCommand, SharedBytes(command.SerializeAsString())};
}

std::string Dump(const storage::ShardData& data) {
  storage::RangeQuery query;
  std::string dump;
  for (bool more = true; more;) {
    const storage::RangePage page = data.Range(query, storage::ReadDepth::kDisk).value();
    for (const storage::RangeEntry& entry : page.entries) {
      AppendLittle<std::uint32_t>(&dump, static_cast<std::uint32_t>(entry.key.size()));
      dump += entry.key;
      AppendLittle<std::uint32_t>(&dump, static_cast<std::uint32_t>(entry.value.size()));
      dump += entry.value;
    }
    more = page.more;
    if (more) query.begin = storage::KeyAfter(page.entries.back().key);
  }
  return dump;
}

LoneMachine::LoneMachine(sim::ShardStoreWhims whims, std::uint64_t seed) : store_(seed, whims) {
  const storage::ShardStore::Name name{ShardId(0), storage::Generation(1)};
  RF_CHECK(store_.Create({name}).ok());
  data_ = store_.Open(name).value();
  Reload();
}

void LoneMachine::Reload() {
  machine_.reset();
  machine_ = StateMachine::Load(data_).value();
}

std::vector<Outcome> LoneMachine::DoAll(const std::vector<proto::Command>& commands) {
  std::vector<raft::Entry> entries;
  for (const proto::Command& command : commands) {
    entries.push_back(EntryOf(next() + entries.size(), command));
  }
  std::vector<Outcome> outcomes;
  const std::vector<AppliedEntry> all = machine_->Apply(entries, /*may_wait=*/true).value();
  for (const AppliedEntry& applied : all) {
    RF_CHECK(applied.index == entries[outcomes.size()].index);
    outcomes.push_back(applied.outcome);
  }
  RF_CHECK(outcomes.size() == entries.size());
  return outcomes;
}

std::optional<LoneMachine::Found> LoneMachine::Get(std::string_view sort_key) const {
  const auto raw =
      data_->Get(storage::EncodeDataKey(kShardKey, sort_key), storage::ReadDepth::kDisk).value();
  if (!raw) return std::nullopt;
  const storage::Value value = storage::DecodeValue(*raw).value();
  return Found{std::string(value.user), value.version.value()};
}

std::optional<Session> LoneMachine::StoredSession(std::uint64_t id) const {
  const auto raw =
      data_->Get(storage::EncodeSessionKey(SessionId(id)), storage::ReadDepth::kDisk).value();
  if (!raw) return std::nullopt;
  return DecodeSession(*raw).value();
}

void PrintTo(const Outcome& outcome, std::ostream* out) {
  *out << CodeName(outcome.code) << " decided at " << outcome.version;
}

}  // namespace ringfort::replica
