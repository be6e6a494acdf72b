// Two ends of a snapshot transfer with everything between them in a test's hands.
#include "tests/unit/replica/snapshot_world.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "storage/encoding.h"

namespace ringfort::replica {

using storage::Generation;

RunInPool TestPool::Door() {
  return [this](env::Task work, env::Task then) {
    tasks_.emplace_back(std::move(work), std::move(then));
  };
}

bool TestPool::RunOne() {
  if (tasks_.empty()) return false;
  auto [work, then] = std::move(tasks_.front());
  tasks_.pop_front();
  work();
  then();
  return true;
}

void TestPool::RunAll() {
  while (RunOne()) {
  }
}

void FillSource(storage::ShardStore* store, int entries) {
  ASSERT_TRUE(store->Create({kSource}).ok());
  const auto data = store->Open(kSource).value();
  std::vector<storage::Mutation> mutations;
  for (int i = 0; i < entries; ++i) {
    mutations.push_back({.key = storage::EncodeDataKey("key", std::to_string(i)),
                         .value = std::string(40, 'v') + std::to_string(i)});
  }
  const storage::Applied applied{LogIndex(static_cast<std::uint64_t>(entries)), Term(3)};
  ASSERT_TRUE(data->Apply(mutations, applied, true).ok());
}

std::vector<std::pair<std::string, std::string>> Contents(storage::ShardStore* store,
                                                          storage::ShardStore::Name name) {
  std::vector<std::pair<std::string, std::string>> contents;
  const auto data = store->Open(name).value();
  storage::RangeQuery all;
  all.entries_max = 100'000;
  all.bytes_max = 1U << 30;
  const auto page = data->Range(all, storage::ReadDepth::kDisk);
  for (const storage::RangeEntry& entry : page.value().entries) {
    contents.emplace_back(entry.key, entry.value);
  }
  return contents;
}

SnapshotWorld::SnapshotWorld(std::uint64_t seed, int entries) : random(seed) {
  FillSource(&here, entries);
  MakeReceiver();
}

SnapshotWorld::~SnapshotWorld() {
  // The stores check that nothing was forgotten.
  sender.reset();
  receiver.reset();
  primary_pool.RunAll();
  follower_pool.RunAll();
}

void SnapshotWorld::Send(std::deque<proto::SnapshotMessage>* queue,
                         proto::SnapshotMessage message) {
  const auto happens = [this](std::uint64_t one_in) { return one_in != 0 && random.OneIn(one_in); };
  if (happens(faults.lose)) return;
  if (happens(faults.repeat)) queue->push_back(message);
  if (message.has_chunk() && happens(faults.flip)) {
    std::string* data = message.mutable_chunk()->mutable_data();
    (*data)[random.Below(data->size())] ^= 0x20;
  }
  if (happens(faults.reorder)) {
    queue->insert(queue->begin() + static_cast<std::ptrdiff_t>(random.Below(queue->size() + 1)),
                  std::move(message));
  } else {
    queue->push_back(std::move(message));
  }
}

void SnapshotWorld::StartSender(std::uint64_t transfer, Term term) {
  sender = std::make_unique<SnapshotSender>(
      SmallTuning(),
      SnapshotSender::Route{.source = kSource,
                            .from = ReplicaId(1),
                            .to = ReplicaId(2),
                            .term = term,
                            .transfer = transfer},
      &here,
      SnapshotSender::Doors{.now = [this] { return now; },
                            .run_in_pool = primary_pool.Door(),
                            .run_long = primary_pool.Door(),
                            .take_turn = [this] { return take_turn(); },
                            .wake_at = [this](MonotonicTime when) { wakes_.insert(when); },
                            .send =
                                [this](proto::SnapshotMessage message) {
                                  if (link_full) return false;
                                  chunk_bytes_sent += message.chunk().data().size();
                                  Send(&to_follower, std::move(message));
                                  return true;
                                },
                            .take = [this](std::size_t bytes) { return pace->Take(bytes, now); },
                            .base_at = [this](storage::Applied applied) -> Result<raft::LogBase> {
                              if (!base_status.ok()) return base_status;
                              raft::LogBase base{applied.index, applied.term, {}};
                              base.members.voters = {{ReplicaId(1), kPrimaryNode, {1, 1}}};
                              return base;
                            },
                            .done =
                                [this](Status status, const raft::LogBase& base) {
                                  ASSERT_FALSE(done.has_value()) << "done twice";
                                  done = std::move(status);
                                  done_base = base;
                                  sender.reset();  // As its owner may.
                                }});
  sender->Turn();
}

void SnapshotWorld::MakeReceiver() {
  receiver = std::make_unique<SnapshotReceiver>(
      SmallTuning(), kSource.shard, &there,
      SnapshotReceiver::Doors{
          .now = [this] { return now; },
          .run_in_pool = follower_pool.Door(),
          .run_long = follower_pool.Door(),
          .send =
              [this](NodeId to, proto::SnapshotMessage message) {
                EXPECT_EQ(to, kPrimaryNode);
                Send(&to_primary, std::move(message));
              },
          .lacks = [this](const SnapshotReceiver::Offer&) -> Result<bool> {
            return !installed.has_value();
          },
          .room = [this] { return room; },
          .new_generation = [this] { return Generation(++last_generation_); },
          .install =
              [this](const SnapshotReceiver::Offer& offer, Generation generation) {
                ASSERT_FALSE(installed.has_value()) << "installed twice";
                EXPECT_EQ(offer.base.members.voters.size(), 1U);
                if (install_status.ok()) installed = generation;
                if (install_at_once) receiver->OnInstalled(install_status);
              }});
}

void SnapshotWorld::RestartReceiver() {
  receiver.reset();
  follower_pool.RunAll();
  // What the log does not name is dropped at start (protocols 5).
  for (const storage::ShardStore::Name& name : there.List()) {
    if (installed == name.generation) continue;
    EXPECT_TRUE(there.Drop(name).ok());
  }
  MakeReceiver();
}

void SnapshotWorld::Reconnect() {
  to_follower.clear();
  to_primary.clear();
  if (sender != nullptr) sender->OnConnected();
}

void SnapshotWorld::DeliverToFollower(std::size_t which) {
  proto::SnapshotMessage message = std::move(to_follower[which]);
  to_follower.erase(to_follower.begin() + static_cast<std::ptrdiff_t>(which));
  receiver->Receive(kPrimaryNode, std::move(message));
}

void SnapshotWorld::DeliverToPrimary(std::size_t which) {
  const proto::SnapshotMessage message = std::move(to_primary[which]);
  to_primary.erase(to_primary.begin() + static_cast<std::ptrdiff_t>(which));
  if (sender != nullptr) sender->OnAck(message);
}

void SnapshotWorld::Pass(Duration time) {
  now += time;
  wakes_.erase(wakes_.begin(), wakes_.upper_bound(now));
  receiver->Tick(term);
  if (sender != nullptr) sender->Turn();
}

void SnapshotWorld::Step() {
  switch (random.Below(4)) {
    case 0:
      if (primary_pool.RunOne()) return;
      [[fallthrough]];
    case 1:
      if (follower_pool.RunOne()) return;
      [[fallthrough]];
    case 2:
      if (!to_follower.empty()) return DeliverToFollower(0);
      [[fallthrough]];
    default:
      if (!to_primary.empty()) return DeliverToPrimary(0);
  }
  if (primary_pool.RunOne() || follower_pool.RunOne()) return;
  if (!to_follower.empty()) return DeliverToFollower(0);
  // Nothing but time moves things: to the next moment that was asked for.
  if (!wakes_.empty()) Pass(std::max(*wakes_.begin() - now, Duration(1)));
}

void SnapshotWorld::RunToTheEnd(int steps_max) {
  for (int step = 0; step < steps_max && !done.has_value(); ++step) Step();
  ASSERT_TRUE(done.has_value()) << "the transfer neither ends nor gives up";
}

}  // namespace ringfort::replica
