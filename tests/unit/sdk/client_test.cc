// The public client over real sockets and threads.
#include "ringfort/client.h"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include "ringfort/admin.h"
#include "tests/unit/sdk/one_node.h"

namespace ringfort {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only
using testing::HasSubstr;

class ClientTest : public testing::Test {
 protected:
  ClientTest() {
    Result<Client> client = Client::Connect({.seeds = {node_.address()}});
    EXPECT_TRUE(client.ok()) << client.status().ToString();
    if (client.ok()) client_.emplace(*std::move(client));
  }

  OneNode node_;
  std::optional<Client> client_;
};

TEST_F(ClientTest, TheWholeDataApi) {
  const Result<Version> put = client_->Put({"k", "s"}, "v");
  ASSERT_TRUE(put.ok()) << put.status().ToString();
  const Result<Found> found = client_->Get({"k", "s"});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found.value().value, "v");
  EXPECT_EQ(found.value().version, put.value());
  const auto many = client_->MultiGet({{"k", "s"}, "absent"});
  EXPECT_TRUE(many[0].ok());
  EXPECT_EQ(many[1].status().code(), Code::kNotFound);
  const Result<ScanPage> page = client_->Scan("k");
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page.value().entries.size(), 1u);
  std::string resume;
  std::size_t entries = 0;
  while (true) {
    const Result<ScanAllPage> all = client_->ScanAll(resume);
    ASSERT_TRUE(all.ok());
    entries += all.value().entries.size();
    if (!all.value().more) break;
    resume = all.value().resume;
  }
  EXPECT_EQ(entries, 1u);
  EXPECT_TRUE(client_->Delete({"k", "s"}).ok());
  EXPECT_EQ(client_->Get({"k", "s"}).status().code(), Code::kNotFound);
}

TEST_F(ClientTest, WhatToolsLookAt) {
  const Result<ClusterView> map = client_->Map();
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(map.value().shards.size(), 4u);
  const Result<NodeStatusView> status = client_->NodeStatus(1);
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status.value().version, "test");
  EXPECT_LT(client_->ShardOf("k"), 4u);
}

TEST_F(ClientTest, ManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 200; ++i) {
        const Key key("t" + std::to_string(thread), std::to_string(i));
        const bool put = client_->Put(key, std::to_string(i)).ok();
        const Result<Found> found = client_->Get(key);
        if (!put || !found.ok() || found.value().value != std::to_string(i)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(ClientTest, AsksTheMetaGroup) {
  Result<Client> client = Client::Connect({.seeds = {node_.address()}, .who = "ada@host"});
  ASSERT_TRUE(client.ok()) << client.status().ToString();
  EXPECT_EQ(client->ClusterState()->meta_primary, 1u);
  EXPECT_EQ(client->ChangeNode({.kind = NodeChange::Kind::kDrain, .node = 1})->map_version, 2u);
  EXPECT_EQ(client->Rebalance(RebalanceAction::kStart)->map_version, 3u);
  EXPECT_TRUE(client->TransferPrimary(0, 1).ok());
  const Result<std::vector<EventView>> events = client->Events();
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(events->at(0).who, "ada@host");
}

TEST_F(ClientTest, CallbacksMayStartCallsAndMustNotBlock) {
  std::promise<Result<Found>> done;
  client_->AsyncPut("k", "v", {}, [&](const Result<Version>& put) {
    EXPECT_TRUE(put.ok());
    EXPECT_EQ(client_->Get("k").status().code(), Code::kInvalidArgument) << "it would never return";
    client_->AsyncGet("k", {}, [&](Result<Found> found) { done.set_value(std::move(found)); });
  });
  const Result<Found> found = done.get_future().get();
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found.value().value, "v");
}

TEST_F(ClientTest, ANodeThatStopsAnsweringCostsTheTimeoutAndNoMore) {
  ASSERT_TRUE(client_->Put("k", "v").ok());
  node_.Hold();
  const auto start = std::chrono::steady_clock::now();
  const Status status = client_->Put("k", "w", {.timeout = 200ms}).status();
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(status.code(), Code::kDeadlineExceeded);
  EXPECT_EQ(status.effect(), Effect::kUnknown);
  EXPECT_GE(took, 200ms);
  EXPECT_LT(took, 5s) << "far below, but the machine may be busy";
}

TEST_F(ClientTest, DestroyedItEndsWhatIsUnderWay) {
  ASSERT_TRUE(client_->Put("k", "v").ok());
  node_.Hold();
  std::promise<Status> done;
  client_->AsyncPut("k", "w", {.timeout = 60s},
                    [&](const Result<Version>& put) { done.set_value(put.status()); });
  node_.AwaitHeldWrite();
  client_.reset();
  std::future<Status> ended = done.get_future();
  ASSERT_EQ(ended.wait_for(0s), std::future_status::ready) << "before the destructor returns";
  const Status status = ended.get();
  EXPECT_EQ(status.code(), Code::kCancelled);
  EXPECT_EQ(status.effect(), Effect::kUnknown);
}

TEST_F(ClientTest, MovedItGoesOn) {
  Client moved = *std::move(client_);
  client_.reset();
  EXPECT_TRUE(moved.Put("k", "v").ok());
}

TEST(ConnectTest, WrongWordsAreRefused) {
  EXPECT_EQ(Client::Connect({}).status().code(), Code::kInvalidArgument);
  for (const char* seed : {"", "localhost", ":7101", "localhost:", "localhost:70000", "localhost:x",
                           "localhost:0", "::1:7101"}) {
    const Status status = Client::Connect({.seeds = {seed}}).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << seed;
    EXPECT_THAT(status.message(), HasSubstr("HOST:PORT")) << seed;
  }
  EXPECT_THAT(
      Client::Connect({.seeds = {"localhost:1"}, .who = std::string(129, 'w')}).status().message(),
      HasSubstr("has 129 bytes; the limit is 128"));
  EXPECT_EQ(Client::Connect({.seeds = {"localhost:1"}, .timeout = 0ms}).status().code(),
            Code::kInvalidArgument);
}

TEST(ConnectTest, NamesTheSeedsThatDoNotAnswer) {
  std::string gone;
  {
    const OneNode node;
    gone = node.address();
  }
  const Status status = Client::Connect({.seeds = {gone}}).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr(gone));
  EXPECT_THAT(status.message(), HasSubstr("refused"));
  OneNode node;
  EXPECT_TRUE(Client::Connect({.seeds = {gone, node.address()}}).ok());
}

}  // namespace
}  // namespace ringfort
