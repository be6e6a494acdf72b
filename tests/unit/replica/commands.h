// What the tests of this folder say to a shard, and how they look at what it holds.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "raft/types.h"
#include "replica/state_machine.h"
#include "ringfort/client.pb.h"
#include "ringfort/disk.pb.h"
#include "storage/shard_store.h"
#include "tests/sim/shard_store/memory_shard_store.h"

namespace ringfort::replica {

inline constexpr char kShardKey[] = "customer:7";

proto::Operation Put(std::string_view sort_key, std::string_view value);
proto::Operation PutIfAbsent(std::string_view sort_key, std::string_view value);
proto::Operation PutIfVersion(std::string_view sort_key, std::string_view value,
                              std::uint64_t version);
proto::Operation Delete(std::string_view sort_key);

/// One write of a session.
struct WriteId {
  std::uint64_t session = 0;
  std::uint64_t sequence = 0;
  std::uint64_t first_unanswered = 1;
};
proto::Write WriteOf(WriteId id, const std::vector<proto::Operation>& operations);

// Commands, as a primary makes them of requests; `at_us` is the session time that it stamps.
proto::Command OpenSession(std::uint64_t at_us = 0);
proto::Command KeepSession(std::uint64_t session, std::uint64_t first_unanswered,
                           std::uint64_t at_us = 0);
proto::Command Write(WriteId id, const std::vector<proto::Operation>& operations,
                     std::uint64_t at_us = 0);

raft::Entry EntryOf(LogIndex index, const proto::Command& command);

/// Every raw key and value: equal strings are byte-identical states.
std::string Dump(const storage::ShardData& data);

/// A state machine on a store of its own, fed by hand.
class LoneMachine {
 public:
  explicit LoneMachine(sim::ShardStoreWhims whims = {}, std::uint64_t seed = 1);

  /// Applies one entry more, or several in one batch.
  Outcome Do(const proto::Command& command) { return DoAll({command}).front(); }
  std::vector<Outcome> DoAll(const std::vector<proto::Command>& commands);
  /// The next entry's index.
  [[nodiscard]] LogIndex next() const { return data_->applied().index + 1; }
  /// Loads the machine anew from what is stored.
  void Reload();

  [[nodiscard]] StateMachine& machine() { return *machine_; }
  [[nodiscard]] storage::ShardData& data() { return *data_; }
  /// The entry's value and version; none when it is absent.
  struct Found {
    std::string value;
    std::uint64_t version = 0;
    bool operator==(const Found&) const = default;
  };
  [[nodiscard]] std::optional<Found> Get(std::string_view sort_key) const;
  [[nodiscard]] std::optional<Session> StoredSession(std::uint64_t id) const;

 private:
  sim::MemoryShardStore store_;
  std::shared_ptr<storage::ShardData> data_;
  std::unique_ptr<StateMachine> machine_;
};

/// For EXPECT_EQ to say more than bytes.
void PrintTo(const Outcome& outcome, std::ostream* out);

}  // namespace ringfort::replica
