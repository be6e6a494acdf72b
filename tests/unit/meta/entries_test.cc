#include "meta/entries.h"

#include <gtest/gtest.h>

#include <map>

#include "meta/changes.h"
#include "ring/placement.h"
#include "wire/id_codec.h"

namespace ringfort::meta {
namespace {

using Entries = std::map<std::string, std::string>;

State Sample() {
  ring::ClusterConfig config;
  config.cluster_name = "test";
  config.shards = 8;
  config.replicas = 2;
  for (std::uint32_t i = 1; i <= 3; ++i) {
    config.nodes.push_back({NodeId(i), "host-" + std::to_string(i) + ":1", "z", 1});
  }
  State state;
  state.map = ring::FirstMap(config, ClusterId{1, 2});
  return state;
}

void Apply(const std::vector<EntryChange>& changes, Entries* entries) {
  for (const EntryChange& change : changes) {
    if (change.value) {
      (*entries)[change.sort_key] = *change.value;
    } else {
      entries->erase(change.sort_key);
    }
  }
}

Result<std::optional<State>> Read(const Entries& entries) {
  StateReader reader;
  for (const auto& [key, value] : entries) {
    if (Status status = reader.Add(key, value); !status.ok()) return status;
  }
  return reader.Finish();
}

TEST(EntriesTest, NoEntryIsNoState) {
  auto state = Read({});
  ASSERT_TRUE(state.ok());
  EXPECT_FALSE(state->has_value());
}

TEST(EntriesTest, AStateComesBackAsItWas) {
  State state = Sample();
  state.paused = true;
  state.next_event = 17;
  state.map.moves[ShardId(3)] = {{NodeId(3), NodeId(1)}, ring::MoveCause::kDrain};
  state.map.moves[state.map.meta_shard()] = {{NodeId(2)}, ring::MoveCause::kRepair};
  state.map.epochs = {{ShardId(2), 1}, {state.map.meta_shard(), 3}};
  Entries entries;
  Apply(Difference(nullptr, state), &entries);
  auto read = Read(entries);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(**read, state);
}

TEST(EntriesTest, AChangeWritesOnlyWhatItChanges) {
  const State before = Sample();
  proto::JoinCluster join;
  join.set_node(4);
  join.set_address("host-4:1");
  join.set_weight(1);
  join.set_incarnation(wire::EncodeId(Incarnation{3, 4}));
  auto change = Join(before, join, false);
  ASSERT_TRUE(change.ok());
  State after = change->next;
  after.map.moves[ShardId(5)] = {{NodeId(4), NodeId(1)}, ring::MoveCause::kBalance};
  const std::vector<EntryChange> changes = Difference(&before, after);
  ASSERT_EQ(changes.size(), 3U) << "the cluster, the node, the shard";
  EXPECT_EQ(changes.front().sort_key, kClusterKey) << "what fences the change";
  Entries entries;
  Apply(Difference(nullptr, before), &entries);
  Apply(changes, &entries);
  auto read = Read(entries);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(**read, after);
}

TEST(EntriesTest, AnEpochIsAChangeOfItsShardOnly) {
  const State before = Sample();
  State after = before;
  after.map.epochs[ShardId(5)] = 1;
  const std::vector<EntryChange> changes = Difference(&before, after);
  EXPECT_EQ(changes.size(), 2U) << "the cluster, the shard";
  Entries entries;
  Apply(Difference(nullptr, before), &entries);
  Apply(changes, &entries);
  auto read = Read(entries);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(**read, after);
}

TEST(EntriesTest, TheOldestEventsLeave) {
  Entries entries;
  Apply(Difference(nullptr, Sample()), &entries);
  for (std::uint64_t number = 1; number <= kEventsMax + 5; ++number) {
    proto::MetaEvent event;
    event.set_number(number);
    Apply(EventEntries(event), &entries);
  }
  const auto [begin, end] = EventRange(0);
  EXPECT_EQ(std::distance(entries.lower_bound(begin), entries.lower_bound(end)),
            static_cast<std::ptrdiff_t>(kEventsMax));
  EXPECT_TRUE(Read(entries).ok());
}

TEST(EntriesTest, WhatIsNoStateIsRefused) {
  Entries whole;
  Apply(Difference(nullptr, Sample()), &whole);
  for (const auto& [key, value] : whole) {
    Entries entries = whole;
    entries.erase(key);
    EXPECT_FALSE(Read(entries).ok()) << "without the entry of kind " << key.front();
    entries = whole;
    entries[key] = "\xff\xff";
    EXPECT_FALSE(Read(entries).ok()) << "with rubbish of kind " << key.front();
  }
  whole["x"] = "";
  EXPECT_FALSE(Read(whole).ok());
}

}  // namespace
}  // namespace ringfort::meta
