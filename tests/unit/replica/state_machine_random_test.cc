// The state machine against its dumb twin, and two replicas against each other, on random entries.
#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/unit/replica/commands.h"
#include "tests/unit/replica/shard_model.h"

namespace ringfort::replica {
namespace {

/// Entries that collide as often as possible: few keys, few sessions, many retries.
class RandomCommands {
 public:
  explicit RandomCommands(std::uint64_t seed) : random_(seed) {}

  proto::Command Next(LogIndex index) {
    // Now and then a jump that lets sessions expire, or a stamp from the past.
    if (random_.OneIn(40)) time_us_ += kSessionLifetimeUs / 3;
    time_us_ += random_.Below(1'000);
    const std::uint64_t at = random_.OneIn(10) ? time_us_ / 2 : time_us_;
    if (sessions_.empty() || random_.OneIn(15)) {
      sessions_.push_back({index.value(), 0, 1});
      return OpenSession(at);
    }
    const std::size_t recent = std::min<std::size_t>(sessions_.size(), 5);
    Client& client = sessions_[sessions_.size() - 1 - random_.Below(recent)];
    if (random_.OneIn(3)) {
      client.first_unanswered += random_.Below(client.sequence + 2 - client.first_unanswered);
    }
    if (random_.OneIn(10)) return KeepSession(client.session, client.first_unanswered, at);
    const bool retry = client.sequence > 0 && random_.OneIn(3);
    WriteId id{client.session, 0, client.first_unanswered};
    id.sequence = retry ? 1 + random_.Below(client.sequence) : ++client.sequence;
    if (random_.OneIn(20)) id.session += 1;  // Somebody else's, or nobody's.
    return Write(id, Operations(index), at);
  }

 private:
  struct Client {
    std::uint64_t session;
    std::uint64_t sequence;
    std::uint64_t first_unanswered;
  };

  std::vector<proto::Operation> Operations(LogIndex index) {
    std::vector<proto::Operation> operations;
    for (std::uint64_t i = 0; i <= random_.Below(3); ++i) {
      const std::string key(1, static_cast<char>('a' + random_.Below(6)));
      const std::string value = "value " + std::to_string(index.value());
      switch (random_.Below(6)) {
        case 0: operations.push_back(PutIfAbsent(key, value)); break;
        case 1: operations.push_back(Delete(key)); break;
        case 2:
        case 3:
          operations.push_back(
              PutIfVersion(key, value, index.value() - std::min(index.value(), random_.Below(12))));
          break;
        default: operations.push_back(Put(key, value));
      }
    }
    return operations;
  }

  Random random_;
  std::uint64_t time_us_ = 0;
  std::vector<Client> sessions_;
};

/// Feeds a replica entries in random pieces, on the loop where that is possible, else in the pool.
class Feeder {
 public:
  Feeder(std::uint64_t seed, sim::ShardStoreWhims whims) : random_(seed), shard_(whims, seed) {}

  std::vector<AppliedEntry> Feed(const std::vector<raft::Entry>& entries) {
    std::vector<AppliedEntry> outcomes;
    for (auto from = entries.begin(); from != entries.end();) {
      const auto left = static_cast<std::uint64_t>(entries.end() - from);
      const auto to =
          from + 1 + static_cast<std::ptrdiff_t>(random_.Below(std::min<std::uint64_t>(left, 30)));
      const std::vector<raft::Entry> piece(from, to);
      auto applied = shard_.machine().Apply(piece, /*may_wait=*/false);
      if (!applied.ok()) {
        EXPECT_EQ(applied.status().code(), Code::kOverloaded);
        applied = shard_.machine().Apply(piece, /*may_wait=*/true);
      }
      outcomes.insert(outcomes.end(), applied->begin(), applied->end());
      if (random_.OneIn(20)) shard_.Reload();
      from = to;
    }
    return outcomes;
  }
  [[nodiscard]] const storage::ShardData& data() { return shard_.data(); }

 private:
  Random random_;
  LoneMachine shard_;
};

TEST(StateMachineAgainstItsTwin, HasTheSameOutcomesAndStateInAnyPieces) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomCommands commands(seed);
    ShardModel model;
    Feeder one(seed, {.flush_one_in = 5, .miss_one_in = 40, .overload_one_in = 6});
    Feeder other(seed + 1'000, {});
    std::vector<raft::Entry> entries;
    std::vector<Outcome> expected;
    int refused = 0;
    for (LogIndex index(1); index <= LogIndex(600); ++index) {
      const proto::Command command = commands.Next(index);
      entries.push_back(EntryOf(index, command));
      expected.push_back(model.Apply(index, command));
      if (expected.back().code != Code::kOk) ++refused;
    }
    // The run is worth something: of everything there is enough.
    ASSERT_GT(refused, 60);
    ASSERT_LT(refused, 540);
    for (Feeder* feeder : {&one, &other}) {
      const std::vector<AppliedEntry> outcomes = feeder->Feed(entries);
      ASSERT_EQ(outcomes.size(), entries.size());
      for (std::size_t i = 0; i < outcomes.size(); ++i) {
        ASSERT_EQ(outcomes[i].index, entries[i].index);
        ASSERT_EQ(outcomes[i].outcome, expected[i]) << "at entry " << entries[i].index;
      }
      ASSERT_TRUE(model.Equals(feeder->data()));
    }
    ASSERT_TRUE(Dump(one.data()) == Dump(other.data()));
  }
}

}  // namespace
}  // namespace ringfort::replica
