// What storage/shard_store.h promises of snapshots (protocols 5), on the real store and on the
// simulator's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.h"
#include "storage/encoding.h"
#include "storage/shard_store.h"
#include "tests/contract/shard_store/shard_store_worlds.h"

namespace ringfort::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr ShardStore::Name kSource{ShardId(3), Generation(1)};
constexpr ShardStore::Name kTarget{ShardId(3), Generation(2)};

using Position = Import::Position;
using Entries = std::vector<std::pair<std::string, std::string>>;

std::string Key(std::uint64_t i) {
  std::string key(1, '\x01');  // Clear of the mark.
  return key.append(std::to_string(1000 + i));
}

Entries EntriesOf(const ShardData& data) {
  Entries entries;
  RangeQuery query;
  while (true) {
    const RangePage page = data.Range(query, ReadDepth::kDisk).value();
    for (const RangeEntry& entry : page.entries) entries.emplace_back(entry.key, entry.value);
    if (!page.more) return entries;
    query.begin = KeyAfter(entries.back().first);
  }
}

/// What a connection does to the bytes on their way.
using Spoil = std::function<void(std::size_t file, std::uint64_t offset, std::string* bytes)>;

/// Hands on the rest of a snapshot, from where the import stands, in pieces of random size. Stops
/// after `pieces_max`.
Status Carry(const Snapshot& from, Import* to, Random* random, std::size_t pieces_max = SIZE_MAX,
             const Spoil& spoil = {}) {
  while (pieces_max-- > 0 && to->position().file < from.files().size()) {
    const Position at = to->position();
    Result<std::string> bytes = from.Read(at.file, at.offset, 1 + random->Below(3000));
    if (!bytes.ok()) return bytes.status();
    if (spoil) spoil(at.file, at.offset, &*bytes);
    if (Status written = to->Write(at, *bytes); !written.ok()) return written;
  }
  return {};
}

class SnapshotContract : public testing::TestWithParam<NamedWorld> {
 protected:
  SnapshotContract() : here_(GetParam().make()), there_(GetParam().make()) {}

  /// The source's store and the receiver's.
  ShardStore& here() { return here_->store(); }
  ShardStore& there() { return there_->store(); }

  std::shared_ptr<ShardData> OpenSource() {
    EXPECT_TRUE(here().Create({kSource}).ok());
    return here().Open(kSource).value();
  }

  /// Writes `count` entries, some of them again and some deleted, with flushes between: tables that
  /// overlap.
  void Fill(ShardData* data, std::uint64_t count) {
    const std::uint64_t first = data->applied().index.value() + 1;
    for (std::uint64_t i = first; i < first + count; ++i) {
      std::vector<Mutation> mutations = {
          {Mutation::Kind::kPut, Key(i), std::to_string(i) + std::string(50, 'v')},
          {Mutation::Kind::kPut, Key(i / 3), "again " + std::to_string(i)}};
      if (i % 5 == 0) mutations.push_back({Mutation::Kind::kDelete, Key(i / 2), {}});
      ASSERT_TRUE(data->Apply(mutations, {LogIndex(i), Term(1 + i / 100)}, true).ok());
      if (i % 90 == 0) {
        ASSERT_TRUE(data->Flush().ok());
      }
    }
  }

  std::unique_ptr<Import> Begin(const Snapshot& snapshot, ShardStore::Name name = kTarget) {
    return there().BeginImport(name, snapshot.applied(), snapshot.files()).value();
  }

  Status Move(const Snapshot& snapshot, ShardStore::Name name = kTarget) {
    const std::unique_ptr<Import> import = Begin(snapshot, name);
    if (Status carried = Carry(snapshot, import.get(), &random_); !carried.ok()) return carried;
    return import->Finish();
  }

  Random random_{11};
  std::unique_ptr<ShardStoreWorld> here_;
  std::unique_ptr<ShardStoreWorld> there_;
};

TEST_P(SnapshotContract, BringsTheSameContentAndMarkAndTheCopyIsItsOwn) {
  const auto source = OpenSource();
  Fill(source.get(), 400);
  const std::shared_ptr<Snapshot> snapshot = here().Export(kSource).value();
  EXPECT_EQ(snapshot->applied(), source->applied());
  EXPECT_EQ(source->flushed_applied().value(), source->applied());
  ASSERT_TRUE(Move(*snapshot).ok());

  const auto copy = there().Open(kTarget).value();
  EXPECT_EQ(copy->applied(), source->applied());
  EXPECT_EQ(copy->flushed_applied().value(), source->applied());
  const Entries before = EntriesOf(*source);
  EXPECT_EQ(EntriesOf(*copy), before);
  // Later entries go on from the mark, and do not reach the source.
  Fill(copy.get(), 200);
  EXPECT_NE(EntriesOf(*copy), before);
  EXPECT_EQ(EntriesOf(*source), before);
}

TEST_P(SnapshotContract, ASnapshotOfASnapshotIsTheSameAgain) {
  const auto source = OpenSource();
  Fill(source.get(), 300);
  ASSERT_TRUE(Move(*here().Export(kSource).value()).ok());
  auto copy = there().Open(kTarget).value();
  Fill(copy.get(), 50);
  std::swap(here_, there_);
  const std::shared_ptr<Snapshot> second = here().Export(kTarget).value();
  ASSERT_TRUE(Move(*second, kTarget).ok());
  EXPECT_EQ(EntriesOf(*there().Open(kTarget).value()), EntriesOf(*copy));
}

TEST_P(SnapshotContract, EmptyMapsAndMapsOfNothingButTheMarkTravelToo) {
  const auto source = OpenSource();
  std::shared_ptr<Snapshot> snapshot = here().Export(kSource).value();
  EXPECT_EQ(snapshot->applied(), Applied{});
  EXPECT_THAT(snapshot->files(), testing::SizeIs(testing::Ge(1U)));
  ASSERT_TRUE(Move(*snapshot).ok());
  EXPECT_THAT(EntriesOf(*there().Open(kTarget).value()), IsEmpty());

  ASSERT_TRUE(source->Apply({}, {LogIndex(7), Term(3)}, true).ok());
  snapshot = here().Export(kSource).value();
  const ShardStore::Name third{ShardId(3), Generation(3)};
  ASSERT_TRUE(Move(*snapshot, third).ok());
  EXPECT_EQ(there().Open(third).value()->applied(), (Applied{LogIndex(7), Term(3)}));
}

TEST_P(SnapshotContract, AnExportIsWhatItWasWhateverBecomesOfItsSource) {
  auto source = OpenSource();
  Fill(source.get(), 150);
  const Entries before = EntriesOf(*source);
  const std::shared_ptr<Snapshot> snapshot = here().Export(kSource).value();
  Fill(source.get(), 300);
  source.reset();
  ASSERT_TRUE(here().Drop(kSource).ok());
  ASSERT_TRUE(Move(*snapshot).ok());
  const auto copy = there().Open(kTarget).value();
  EXPECT_EQ(copy->applied(), snapshot->applied());
  EXPECT_EQ(EntriesOf(*copy), before);
}

// Every batch writes its index to all keys and to the mark: a copy with two numbers holds half a
// batch, or a mark of another moment.
TEST_P(SnapshotContract, AnExportIsOneMomentWhileOthersApply) {
  const auto source = OpenSource();
  constexpr int kKeys = 20;
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (std::uint64_t i = 1; !done; ++i) {
      std::vector<Mutation> mutations;
      for (std::uint64_t k = 0; k < kKeys; ++k) {
        mutations.push_back({Mutation::Kind::kPut, Key(k), std::to_string(i)});
      }
      ASSERT_TRUE(source->Apply(mutations, {LogIndex(i), Term(1)}, true).ok());
    }
  });
  Applied last;
  for (std::uint64_t round = 2; round < 12 || last.index < LogIndex(100); ++round) {
    const std::shared_ptr<Snapshot> snapshot = here().Export(kSource).value();
    EXPECT_GE(snapshot->applied(), last);
    last = snapshot->applied();
    const ShardStore::Name name{ShardId(3), Generation(round)};
    ASSERT_TRUE(Move(*snapshot, name).ok());
    const auto copy = there().Open(name).value();
    ASSERT_EQ(copy->applied(), last);
    for (const auto& [key, value] : EntriesOf(*copy)) {
      if (key != AppliedKey()) {
        ASSERT_EQ(value, std::to_string(last.index.value()));
      }
    }
  }
  done = true;
  writer.join();
}

TEST_P(SnapshotContract, BytesAreTakenInOrderOnlyAndARefusalChangesNothing) {
  const auto source = OpenSource();
  Fill(source.get(), 200);
  const std::shared_ptr<Snapshot> snapshot = here().Export(kSource).value();
  const std::uint64_t first_bytes = snapshot->files()[0].bytes;
  const std::unique_ptr<Import> import = Begin(*snapshot);
  const std::string all = snapshot->Read(0, 0, first_bytes).value();
  ASSERT_TRUE(import->Write({0, 0}, std::string_view(all).substr(0, 10)).ok());
  ASSERT_EQ(import->position(), (Position{0, 10}));
  const std::string_view rest = std::string_view(all).substr(10);
  for (const Position wrong : {Position{0, 0}, Position{0, 9}, Position{0, 11}, Position{1, 0}}) {
    EXPECT_EQ(import->Write(wrong, rest).code(), Code::kInvalidArgument);
  }
  EXPECT_EQ(import->Write({0, 10}, all).code(), Code::kInvalidArgument) << "over the file's end";
  EXPECT_EQ(import->position(), (Position{0, 10}));
  EXPECT_EQ(import->Finish().code(), Code::kInvalidArgument) << "before all was there";

  ASSERT_TRUE(import->Write({0, 10}, rest).ok());
  EXPECT_EQ(import->position(), (Position{1, 0}));
  ASSERT_TRUE(Carry(*snapshot, import.get(), &random_).ok());
  EXPECT_EQ(import->position(), (Position{snapshot->files().size(), 0}));
  EXPECT_EQ(import->Write(import->position(), "more").code(), Code::kInvalidArgument);
  ASSERT_TRUE(import->Finish().ok());
  EXPECT_EQ(EntriesOf(*there().Open(kTarget).value()), EntriesOf(*source));
}

TEST_P(SnapshotContract, ABrokenOffImportGoesOnFromWhereItStands) {
  const auto source = OpenSource();
  Fill(source.get(), 300);
  const std::shared_ptr<Snapshot> snapshot = here().Export(kSource).value();
  const std::unique_ptr<Import> import = Begin(*snapshot);
  while (import->position().file < snapshot->files().size()) {
    ASSERT_TRUE(Carry(*snapshot, import.get(), &random_, /*pieces_max=*/3).ok());
  }
  ASSERT_TRUE(import->Finish().ok());
  EXPECT_EQ(EntriesOf(*there().Open(kTarget).value()), EntriesOf(*source));
}

TEST_P(SnapshotContract, AFlippedByteInAnyFileIsRefused) {
  const auto source = OpenSource();
  Fill(source.get(), 300);
  const std::shared_ptr<Snapshot> snapshot = here().Export(kSource).value();
  for (std::size_t spoiled = 0; spoiled < snapshot->files().size(); ++spoiled) {
    const std::uint64_t bytes = snapshot->files()[spoiled].bytes;
    for (const std::uint64_t at : {std::uint64_t{0}, random_.Below(bytes), bytes - 1}) {
      SCOPED_TRACE("byte " + std::to_string(at) + " of file " + std::to_string(spoiled));
      const std::unique_ptr<Import> import = Begin(*snapshot);
      const Spoil flip = [&](std::size_t file, std::uint64_t offset, std::string* piece) {
        if (file == spoiled && offset <= at && at < offset + piece->size()) {
          (*piece)[at - offset] ^= 0x10;
        }
      };
      ASSERT_TRUE(Carry(*snapshot, import.get(), &random_, SIZE_MAX, flip).ok());
      EXPECT_EQ(import->Finish().code(), Code::kCorruption);
      EXPECT_THAT(there().List(), IsEmpty());
    }
  }
  EXPECT_TRUE(Move(*snapshot).ok());
}

// "A snapshot's index is the one inside its files" (protocols 5).
TEST_P(SnapshotContract, AnotherMarkThanTheOneInsideIsRefused) {
  const auto source = OpenSource();
  Fill(source.get(), 100);
  const std::shared_ptr<Snapshot> snapshot = here().Export(kSource).value();
  const Applied inside = snapshot->applied();
  for (const Applied said : {Applied{inside.index - 1, inside.term}, Applied{},
                             Applied{inside.index, inside.term + 1}}) {
    const auto import = there().BeginImport(kTarget, said, snapshot->files()).value();
    ASSERT_TRUE(Carry(*snapshot, import.get(), &random_).ok());
    EXPECT_EQ(import->Finish().code(), Code::kCorruption);
  }
  EXPECT_THAT(there().List(), IsEmpty());
}

TEST_P(SnapshotContract, ANameThatIsThereIsRefusedAtBothEnds) {
  const auto source = OpenSource();
  Fill(source.get(), 100);
  const std::shared_ptr<Snapshot> snapshot = here().Export(kSource).value();
  const std::unique_ptr<Import> late = Begin(*snapshot);
  ASSERT_TRUE(Carry(*snapshot, late.get(), &random_).ok());
  ASSERT_TRUE(there().Create({kTarget}).ok());
  EXPECT_EQ(there().BeginImport(kTarget, snapshot->applied(), snapshot->files()).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(late->Finish().code(), Code::kInvalidArgument);
  EXPECT_THAT(EntriesOf(*there().Open(kTarget).value()), IsEmpty());
  EXPECT_EQ(here().Export(kTarget).status().code(), Code::kNotFound);
}

TEST_P(SnapshotContract, AListWithoutFilesOrWithAnEmptyOneIsRefused) {
  for (const std::vector<SnapshotFile>& files :
       {std::vector<SnapshotFile>{}, {{.bytes = 5, .checksum = 1}, {.bytes = 0}}}) {
    EXPECT_EQ(there().BeginImport(kTarget, {}, files).status().code(), Code::kInvalidArgument);
  }
}

TEST_P(SnapshotContract, ACrashBeforeTheEndLeavesNothingAndOneAfterItAll) {
  const auto source = OpenSource();
  Fill(source.get(), 200);
  const std::shared_ptr<Snapshot> snapshot = here().Export(kSource).value();
  const std::size_t pieces = 5;
  for (std::size_t written = 0; written <= pieces; ++written) {
    std::unique_ptr<Import> import = Begin(*snapshot);
    const bool all = written == pieces;
    ASSERT_TRUE(Carry(*snapshot, import.get(), &random_, all ? SIZE_MAX : written).ok());
    import.reset();
    there_->Crash();
    EXPECT_THAT(there().List(), IsEmpty()) << "after " << written << " pieces";
  }
  ASSERT_TRUE(Move(*snapshot).ok());
  there_->Crash();
  EXPECT_THAT(there().List(), ElementsAre(kTarget));
  auto copy = there().Open(kTarget).value();
  EXPECT_EQ(copy->applied(), snapshot->applied());
  EXPECT_EQ(EntriesOf(*copy), EntriesOf(*source));
  // What is applied to it is lost and kept as with any other map.
  Fill(copy.get(), 10);
  copy.reset();
  there_->Crash();
  copy = there().Open(kTarget).value();
  EXPECT_EQ(EntriesOf(*copy), EntriesOf(*source));
}

TEST_P(SnapshotContract, AnImportedMapIsDroppedLikeAnyOtherAndItsNeighbourStays) {
  const auto source = OpenSource();
  Fill(source.get(), 200);
  const std::shared_ptr<Snapshot> snapshot = here().Export(kSource).value();
  ASSERT_TRUE(there().Create({kSource}).ok());
  auto old = there().Open(kSource).value();
  Fill(old.get(), 20);
  ASSERT_TRUE(old->Flush().ok());
  const Entries before = EntriesOf(*old);
  old.reset();
  ASSERT_TRUE(Move(*snapshot).ok());
  EXPECT_THAT(there().List(), UnorderedElementsAre(kSource, kTarget));
  ASSERT_TRUE(there().Drop(kTarget).ok());
  there_->Crash();
  EXPECT_THAT(there().List(), ElementsAre(kSource));
  EXPECT_EQ(EntriesOf(*there().Open(kSource).value()), before);
}

INSTANTIATE_TEST_SUITE_P(Stores, SnapshotContract, testing::Values(RocksWorld(), MemoryWorld()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace ringfort::storage
