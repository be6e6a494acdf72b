// What every LogStore promises (src/storage/log_store.h), checked on the real log and on the
// simulator's, with and without relaxed durability.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/contract/log_store/log_store_worlds.h"

namespace ringfort::storage {
namespace {

using ::testing::ElementsAre;

constexpr ShardId kShard{7};
constexpr std::size_t kAll = 1 << 30;

raft::Entry MakeEntry(std::uint64_t term, std::uint64_t index, std::string data,
                      raft::EntryKind kind = raft::EntryKind::kCommand) {
  return {Term(term), LogIndex(index), kind, SharedBytes(std::move(data))};
}

raft::Members MakeMembers(std::uint32_t count) {
  raft::Members members;
  for (std::uint32_t i = 1; i <= count; ++i) {
    members.voters.push_back({ReplicaId(i), NodeId(i), Incarnation{i, i + 100}});
  }
  members.learners.push_back({ReplicaId(99), NodeId(9), Incarnation{9, 9}});
  return members;
}

/// Entries first..last of one term.
LogUpdate Entries(ShardId shard, std::uint64_t term, std::uint64_t first, std::uint64_t last) {
  LogUpdate update;
  update.shard = shard;
  for (std::uint64_t index = first; index <= last; ++index) {
    update.entries.push_back(
        MakeEntry(term, index, "entry " + std::to_string(term) + "/" + std::to_string(index)));
  }
  return update;
}

class LogStoreContract : public ::testing::TestWithParam<NamedLogWorld> {
 protected:
  LogStore& store() { return world_->store(); }

  /// Appends, and makes it last.
  void Append(std::vector<LogUpdate> updates) {
    std::optional<Status> outcome;
    store().Append(std::move(updates), [&outcome](Status status) { outcome = std::move(status); });
    world_->Settle();
    ASSERT_TRUE(outcome.has_value());
    ASSERT_TRUE(outcome->ok()) << outcome->ToString();
    if (GetParam().relaxed) {
      ASSERT_TRUE(store().Sync().ok());
    }
  }
  void Append(LogUpdate update) { Append(std::vector<LogUpdate>{std::move(update)}); }

  std::vector<LogIndex> ReadIndices(std::uint64_t first, std::uint64_t last,
                                    std::size_t bytes_max) {
    const auto entries = store().Read(kShard, LogIndex(first), LogIndex(last), bytes_max);
    EXPECT_TRUE(entries.ok()) << entries.status().ToString();
    std::vector<LogIndex> indices;
    if (!entries.ok()) return indices;
    for (const raft::Entry& entry : *entries) indices.push_back(entry.index);
    return indices;
  }
  Code ReadCode(ShardId shard, std::uint64_t first, std::uint64_t last) {
    return store().Read(shard, LogIndex(first), LogIndex(last), kAll).status().code();
  }
  /// Fills segments with kShard's entries, which nobody needs then: others may hold them back.
  void WriteSegmentsAndCutThem() {
    for (int i = 0; i < 100; ++i) {
      LogUpdate update;
      update.shard = kShard;
      update.entries.push_back(MakeEntry(1, ++written_, std::string(5000, 'b')));
      Append(std::move(update));
    }
    store().Cut(kShard, LogIndex(written_), Term(1), MakeMembers(3));
    ASSERT_TRUE(store().Sync().ok());
  }
  RecoveredShard CrashAndRecover(ShardId shard) {
    world_->Crash();
    const Recovery recovery = store().TakeRecovery();
    EXPECT_FALSE(recovery.unsure);
    for (const RecoveredShard& recovered : recovery.shards) {
      if (recovered.shard == shard) return recovered;
    }
    ADD_FAILURE() << "shard " << shard << " is not in the log";
    return {};
  }

  std::unique_ptr<LogStoreWorld> world_ = GetParam().make();
  std::uint64_t written_ = 0;  ///< By WriteSegmentsAndCutThem.
};

TEST_P(LogStoreContract, AFreshLogIsEmptyAndSure) {
  const Recovery recovery = store().TakeRecovery();
  EXPECT_TRUE(recovery.shards.empty());
  EXPECT_FALSE(recovery.unsure);
  EXPECT_EQ(ReadCode(kShard, 1, 1), Code::kNotFound);
  EXPECT_EQ(store().stalled_for(), Duration(0));
}

TEST_P(LogStoreContract, WhatWasAppendedIsReadAndOutlivesACrash) {
  LogUpdate update = Entries(kShard, 2, 1, 3);
  update.hard_state = raft::HardState{Term(2), ReplicaId(5)};
  const std::vector<raft::Entry> expected = update.entries;
  Append(std::move(update));
  for (int life = 0; life < 3; ++life) {
    const auto read = store().Read(kShard, LogIndex(1), LogIndex(3), kAll);
    ASSERT_TRUE(read.ok()) << read.status().ToString();
    EXPECT_EQ(*read, expected);
    const RecoveredShard shard = CrashAndRecover(kShard);
    EXPECT_EQ(shard.hard_state, (raft::HardState{Term(2), ReplicaId(5)}));
    EXPECT_EQ(shard.last, LogIndex(3));
    EXPECT_THAT(shard.terms, ElementsAre(raft::TermRun{LogIndex(1), Term(2)}));
  }
}

TEST_P(LogStoreContract, AnUnsureMarkLasts) {
  LogUpdate update;
  update.shard = kShard;
  update.hard_state = raft::HardState{Term(4), ReplicaId(1), true};
  Append(update);
  EXPECT_TRUE(CrashAndRecover(kShard).hard_state.unsure);
  update.hard_state->unsure = false;
  Append(update);
  EXPECT_FALSE(CrashAndRecover(kShard).hard_state.unsure);
}

// Raft, section 5.3: an existing entry that conflicts with a new one goes, and all that follow it.
TEST_P(LogStoreContract, AConflictingSuffixIsReplaced) {
  Append(Entries(kShard, 1, 1, 5));
  Append(Entries(kShard, 2, 3, 4));
  EXPECT_EQ(ReadCode(kShard, 5, 5), Code::kNotFound);
  const auto check = [this] {
    const auto read = store().Read(kShard, LogIndex(1), LogIndex(4), kAll);
    ASSERT_TRUE(read.ok()) << read.status().ToString();
    EXPECT_EQ(read->at(1).term, Term(1));
    EXPECT_EQ(read->at(2).data.view(), "entry 2/3");
  };
  check();
  const RecoveredShard shard = CrashAndRecover(kShard);
  EXPECT_EQ(shard.last, LogIndex(4));
  EXPECT_THAT(shard.terms, ElementsAre(raft::TermRun{LogIndex(1), Term(1)},
                                       raft::TermRun{LogIndex(3), Term(2)}));
  check();
}

TEST_P(LogStoreContract, AReadGivesAtLeastOneEntryThenWhatFits) {
  LogUpdate update;
  update.shard = kShard;
  for (std::uint64_t i = 1; i <= 4; ++i) {
    update.entries.push_back(MakeEntry(1, i, std::string(100, 'x')));
  }
  const std::size_t one = update.entries.front().size_bytes();
  Append(std::move(update));
  EXPECT_EQ(ReadIndices(2, 4, 0).size(), 1U);
  EXPECT_EQ(ReadIndices(1, 4, 2 * one - 1).size(), 1U);
  EXPECT_EQ(ReadIndices(1, 4, 2 * one).size(), 2U);
  EXPECT_THAT(ReadIndices(2, 3, kAll), ElementsAre(LogIndex(2), LogIndex(3)));
  EXPECT_EQ(ReadCode(kShard, 4, 5), Code::kNotFound);
  EXPECT_EQ(ReadCode(kShard, 0, 1), Code::kNotFound);
  EXPECT_EQ(ReadCode(ShardId(8), 1, 1), Code::kNotFound);
  EXPECT_EQ(ReadCode(kShard, 3, 2), Code::kInvalidArgument);
}

TEST_P(LogStoreContract, ACutForgetsThePrefixOnly) {
  Append(Entries(kShard, 1, 1, 9));
  store().Cut(kShard, LogIndex(6), Term(1), MakeMembers(3));
  ASSERT_TRUE(store().Sync().ok());
  EXPECT_EQ(ReadCode(kShard, 6, 7), Code::kNotFound);
  EXPECT_THAT(ReadIndices(7, 9, kAll), ElementsAre(LogIndex(7), LogIndex(8), LogIndex(9)));
  store().Cut(kShard, LogIndex(4), Term(1), MakeMembers(1));  // Late, and without effect.
  Append(Entries(kShard, 2, 10, 10));
  const RecoveredShard shard = CrashAndRecover(kShard);
  EXPECT_EQ(shard.base, (raft::LogBase{LogIndex(6), Term(1), MakeMembers(3)}));
  EXPECT_EQ(shard.last, LogIndex(10));
  EXPECT_THAT(shard.terms, ElementsAre(raft::TermRun{LogIndex(7), Term(1)},
                                       raft::TermRun{LogIndex(10), Term(2)}));
}

TEST_P(LogStoreContract, ACutOfAllLeavesAnEmptyLogThatGoesOn) {
  Append(Entries(kShard, 1, 1, 3));
  store().Cut(kShard, LogIndex(3), Term(1), MakeMembers(3));
  ASSERT_TRUE(store().Sync().ok());
  RecoveredShard shard = CrashAndRecover(kShard);
  EXPECT_EQ(shard.last, LogIndex(3));
  EXPECT_TRUE(shard.terms.empty());
  Append(Entries(kShard, 2, 4, 4));
  shard = CrashAndRecover(kShard);
  EXPECT_EQ(shard.last, LogIndex(4));
  EXPECT_THAT(ReadIndices(4, 4, kAll), ElementsAre(LogIndex(4)));
}

// protocols 5: the base of a snapshot replaces the entries; term and vote stay.
TEST_P(LogStoreContract, ABaseBeginsTheShardAnew) {
  LogUpdate update = Entries(kShard, 3, 1, 5);
  update.hard_state = raft::HardState{Term(3), ReplicaId(1)};
  Append(std::move(update));
  LogUpdate snapshot;
  snapshot.shard = kShard;
  snapshot.base = raft::LogBase{LogIndex(1000), Term(2), MakeMembers(5)};
  snapshot.generation = Generation(4);
  Append(std::move(snapshot));
  store().Cut(kShard, LogIndex(5), Term(3), MakeMembers(3));  // Of before the snapshot.
  EXPECT_EQ(ReadCode(kShard, 1, 5), Code::kNotFound);
  Append(Entries(kShard, 3, 1001, 1002));
  const RecoveredShard shard = CrashAndRecover(kShard);
  EXPECT_EQ(shard.base, (raft::LogBase{LogIndex(1000), Term(2), MakeMembers(5)}));
  EXPECT_EQ(shard.generation, Generation(4));
  EXPECT_EQ(shard.hard_state, (raft::HardState{Term(3), ReplicaId(1)}));
  EXPECT_EQ(shard.last, LogIndex(1002));
}

// A repair (protocols 6): new data under the log as it is, in one update.
TEST_P(LogStoreContract, ABaseInsideTheLogMayBringTheEntriesAboveItAgain) {
  LogUpdate before = Entries(kShard, 3, 1, 8);
  before.hard_state = raft::HardState{Term(4), ReplicaId(2), false, ReplicaId(1)};
  before.base = raft::LogBase{LogIndex(), Term(), MakeMembers(3)};
  before.generation = Generation(1);
  const raft::HardState hard_state = *before.hard_state;
  Append(std::move(before));
  LogUpdate repair = Entries(kShard, 3, 6, 8);
  repair.base = raft::LogBase{LogIndex(5), Term(3), MakeMembers(3)};
  repair.generation = Generation(2);
  repair.hard_state = hard_state;
  for (int life = 0; life < 2; ++life) {
    if (life == 1) Append(repair);
    const RecoveredShard shard = CrashAndRecover(kShard);
    EXPECT_EQ(shard.generation, Generation(1 + life));
    EXPECT_EQ(shard.base.index, LogIndex(life == 0 ? 0 : 5));
    EXPECT_EQ(shard.hard_state, hard_state);
    EXPECT_EQ(shard.last, LogIndex(8));
    EXPECT_EQ(ReadIndices(6, 8, kAll).size(), 3U);
  }
  Append(Entries(kShard, 4, 9, 9));
  EXPECT_EQ(CrashAndRecover(kShard).last, LogIndex(9));
}

TEST_P(LogStoreContract, ABaseMayGoBackward) {
  Append(Entries(kShard, 3, 1, 5));
  LogUpdate anew = Entries(kShard, 1, 3, 4);
  anew.base = raft::LogBase{LogIndex(2), Term(1), MakeMembers(3)};
  Append(std::move(anew));
  const RecoveredShard shard = CrashAndRecover(kShard);
  EXPECT_EQ(shard.base.index, LogIndex(2));
  EXPECT_EQ(shard.last, LogIndex(4));
}

TEST_P(LogStoreContract, MembersEntriesAreRecoveredUnlessReplacedOrCut) {
  LogUpdate update = Entries(kShard, 1, 1, 5);
  for (const std::size_t i : {0, 2, 4}) update.entries[i].kind = raft::EntryKind::kMembers;
  const raft::Entry third = update.entries[2];
  Append(std::move(update));
  EXPECT_EQ(CrashAndRecover(kShard).members_entries.size(), 3U);
  Append(Entries(kShard, 2, 4, 4));
  store().Cut(kShard, LogIndex(2), Term(1), MakeMembers(3));
  ASSERT_TRUE(store().Sync().ok());
  EXPECT_THAT(CrashAndRecover(kShard).members_entries, ElementsAre(third));
}

TEST_P(LogStoreContract, DoneIsCalledOnceAndInOrder) {
  std::vector<int> order;
  std::map<ShardId, std::uint64_t> last;
  for (int i = 0; i < 500; ++i) {
    std::vector<LogUpdate> updates;
    if (i % 7 != 0) {
      const ShardId shard(static_cast<std::uint32_t>(i % 5));
      const std::uint64_t index = ++last[shard];
      updates.push_back(Entries(shard, 1, index, index));
    }
    store().Append(std::move(updates), [&order, i](Status status) {
      EXPECT_TRUE(status.ok()) << status.ToString();
      order.push_back(i);
    });
  }
  world_->Settle();
  ASSERT_EQ(order.size(), 500U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_P(LogStoreContract, AnEntryOfTheLargestSizeFits) {
  LogUpdate update = Entries(kShard, 1, 1, 1);
  update.entries.push_back(MakeEntry(1, 2, std::string(8 << 20, 'v')));
  Append(std::move(update));
  Append(Entries(kShard, 1, 3, 3));
  EXPECT_EQ(CrashAndRecover(kShard).last, LogIndex(3));
  const auto read = store().Read(kShard, LogIndex(2), LogIndex(2), 0);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->front().data.size(), std::size_t{8 << 20});
}

TEST_P(LogStoreContract, TheShardThatHoldsTheLogBackIsNamedAndCuttingItFreesIt) {
  const ShardId idle(1);
  Append(Entries(idle, 1, 1, 1));
  WriteSegmentsAndCutThem();
  const LogStore::Usage held = store().usage();
  EXPECT_THAT(held.oldest, ElementsAre(idle));
  store().Cut(idle, LogIndex(1), Term(1), MakeMembers(3));
  ASSERT_TRUE(store().Sync().ok());
  const LogStore::Usage freed = store().usage();
  EXPECT_LT(freed.bytes, held.bytes);
  EXPECT_TRUE(freed.oldest.empty());
  EXPECT_EQ(CrashAndRecover(idle).base.index, LogIndex(1));
}

TEST_P(LogStoreContract, AShardThatIsWrittenAgainHoldsNothingBackAndReadsAsBefore) {
  const ShardId stuck(1);
  LogUpdate few = Entries(stuck, 3, 1, 4);
  few.entries[2].kind = raft::EntryKind::kMembers;
  few.entries[2].data = SharedBytes(std::string("not read here"));
  few.hard_state = raft::HardState{Term(3), ReplicaId(2)};
  Append(few);
  WriteSegmentsAndCutThem();
  ASSERT_THAT(store().usage().oldest, ElementsAre(stuck));
  const auto check = [&](std::size_t first) {
    const auto read = store().Read(stuck, LogIndex(first + 1), LogIndex(4), kAll);
    ASSERT_TRUE(read.ok()) << read.status().ToString();
    EXPECT_THAT(*read, ::testing::ElementsAreArray(few.entries.begin() + static_cast<int>(first),
                                                   few.entries.end()));
  };
  ASSERT_TRUE(store().Rewrite(stuck).ok());
  EXPECT_EQ(*store().Rewrite(ShardId(99)), 0U) << "unknown: nothing to do";
  ASSERT_TRUE(store().Sync().ok());
  EXPECT_THAT(store().usage().oldest, ::testing::IsEmpty());
  check(0);
  RecoveredShard shard = CrashAndRecover(stuck);
  EXPECT_EQ(shard.last, LogIndex(4));
  EXPECT_EQ(shard.hard_state, *few.hard_state);
  EXPECT_EQ(shard.members_entries.size(), 1U);
  check(0);

  // Together with a cut, and once more after the start.
  WriteSegmentsAndCutThem();
  ASSERT_THAT(store().usage().oldest, ElementsAre(stuck));
  ASSERT_TRUE(store().Rewrite(stuck).ok());
  store().Cut(stuck, LogIndex(2), Term(3), MakeMembers(3));
  ASSERT_TRUE(store().Sync().ok());
  EXPECT_THAT(store().usage().oldest, ::testing::IsEmpty());
  check(2);
  shard = CrashAndRecover(stuck);
  EXPECT_EQ(shard.base.index, LogIndex(2));
  EXPECT_EQ(shard.last, LogIndex(4));
  check(2);
}

/// A shard as simple as can be, to compare with.
struct Twin {
  raft::HardState hard_state;
  raft::LogBase base;
  Generation generation;
  std::map<LogIndex, raft::Entry> entries;

  [[nodiscard]] LogIndex last() const {
    return entries.empty() ? base.index : entries.rbegin()->first;
  }
};

class RandomHistory {
 public:
  explicit RandomHistory(std::uint64_t seed) : random_(seed) {}

  std::vector<LogUpdate> NextUpdates() {
    std::vector<LogUpdate> updates;
    const std::uint64_t count = 1 + random_.Below(4);
    for (std::uint64_t i = 0; i < count; ++i) {
      const ShardId shard(static_cast<std::uint32_t>(random_.Below(8)));
      updates.push_back(NextUpdate(shard, &twins[shard]));
    }
    return updates;
  }
  void MaybeCut(LogStore& store) {
    if (twins.empty() || !random_.OneIn(3)) return;
    auto chosen =
        std::next(twins.begin(), static_cast<std::ptrdiff_t>(random_.Below(twins.size())));
    Twin& twin = chosen->second;
    if (twin.entries.empty()) return;
    const LogIndex index = twin.base.index + 1 + random_.Below(twin.last() - twin.base.index);
    const Term term = twin.entries.at(index).term;
    store.Cut(chosen->first, index, term, MakeMembers(3));
    ASSERT_TRUE(store.Sync().ok());
    twin.entries.erase(twin.entries.begin(), twin.entries.upper_bound(index));
    twin.base = {index, term, MakeMembers(3)};
  }
  /// Any shard; some are not there.
  void MaybeRewrite(LogStore& store) {
    if (!random_.OneIn(3)) return;
    ASSERT_TRUE(store.Rewrite(ShardId(static_cast<std::uint32_t>(random_.Below(9)))).ok());
  }
  bool OneIn(std::uint64_t n) { return random_.OneIn(n); }

  std::map<ShardId, Twin> twins;

 private:
  LogUpdate NextUpdate(ShardId shard, Twin* twin) {
    LogUpdate update;
    update.shard = shard;
    if (random_.OneIn(20)) {
      update.base = raft::LogBase{LogIndex(random_.Below(1000)), Term(random_.Below(10)),
                                  MakeMembers(static_cast<std::uint32_t>(random_.Below(5)))};
      update.generation = twin->generation + 1;
      twin->base = *update.base;
      twin->generation = update.generation;
      twin->entries.clear();
    }
    if (random_.OneIn(4)) {
      twin->hard_state = {twin->hard_state.term + random_.Below(2),
                          ReplicaId(static_cast<std::uint32_t>(random_.Below(3)))};
      update.hard_state = twin->hard_state;
    }
    const std::uint64_t stored = twin->last() - twin->base.index;
    LogIndex index = twin->last() + 1;
    if (stored > 0 && random_.OneIn(6)) index = twin->base.index + 1 + random_.Below(stored);
    const std::uint64_t count = 1 + random_.Below(5);
    twin->entries.erase(twin->entries.lower_bound(index), twin->entries.end());
    for (std::uint64_t i = 0; i < count; ++i, ++index) {
      const auto kind = random_.OneIn(10) ? raft::EntryKind::kMembers : raft::EntryKind::kCommand;
      raft::Entry entry{twin->hard_state.term, index, kind,
                        SharedBytes(std::string(random_.Below(2000), 'r'))};
      twin->entries[index] = entry;
      update.entries.push_back(std::move(entry));
    }
    return update;
  }

  Random random_;
};

void ExpectEqual(const Twin& twin, const RecoveredShard& shard, LogStore& store) {
  EXPECT_EQ(shard.hard_state, twin.hard_state);
  EXPECT_EQ(shard.base, twin.base);
  EXPECT_EQ(shard.generation, twin.generation);
  ASSERT_EQ(shard.last, twin.last());
  std::vector<raft::TermRun> terms;
  std::vector<raft::Entry> members;
  std::vector<raft::Entry> all;
  for (const auto& [index, entry] : twin.entries) {
    if (terms.empty() || terms.back().term != entry.term) terms.push_back({index, entry.term});
    if (entry.kind == raft::EntryKind::kMembers) members.push_back(entry);
    all.push_back(entry);
  }
  EXPECT_EQ(shard.terms, terms);
  EXPECT_EQ(shard.members_entries, members);
  if (all.empty()) return;
  const auto read = store.Read(shard.shard, twin.base.index + 1, twin.last(), kAll);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(*read, all);
}

TEST_P(LogStoreContract, RandomHistoriesWithCrashesAgreeWithADumbTwin) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    world_ = GetParam().make();
    RandomHistory history(seed);
    for (int step = 0; step < 200; ++step) {
      history.MaybeRewrite(store());
      Append(history.NextUpdates());
      history.MaybeRewrite(store());
      history.MaybeCut(store());
      if (!history.OneIn(20)) continue;
      world_->Crash();
      const Recovery recovery = store().TakeRecovery();
      ASSERT_FALSE(recovery.unsure);
      ASSERT_EQ(recovery.shards.size(), history.twins.size());
      for (const RecoveredShard& shard : recovery.shards) {
        SCOPED_TRACE("shard " + std::to_string(shard.shard.value()));
        ExpectEqual(history.twins.at(shard.shard), shard, store());
      }
      if (HasFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Worlds, LogStoreContract,
                         ::testing::Values(WalWorld(false), WalWorld(true), MemoryLogWorld(false),
                                           MemoryLogWorld(true)),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace ringfort::storage
