// Routing and retries (design section 6): whom a call asks, how long it takes, and when it stops.
#include "client/engine.h"

#include <gmock/gmock.h>

#include "tests/unit/client/client_fixture.h"

namespace ringfort::client {
namespace {

using testing::HasSubstr;

class EngineTest : public ClientFixture {};

TEST_F(EngineTest, AsksThePrimaryThatTheMapHintsAt) {
  ASSERT_TRUE(Wait(Put(KeyIn(0), "v")).ok());
  Result<Found> found = Wait(Get(KeyIn(0)));
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  EXPECT_EQ(found->value, "v");
  for (const auto& arrival : cluster_.arrivals) EXPECT_EQ(arrival.node, 1u);
}

TEST_F(EngineTest, FollowsAHintAtOnceAndRemembersIt) {
  cluster_.SetPrimaries(3);
  const MonotonicTime start = loop_.Now();
  Await(Get(KeyIn(1)));
  EXPECT_EQ(loop_.Now() - start, 4 * FakeCluster::kOneWay) << "two round trips, no pause";
  ASSERT_EQ(cluster_.arrivals.size(), 2u);
  EXPECT_EQ(cluster_.arrivals[1].node, 3u);
  Await(Get(KeyIn(1)));
  ASSERT_EQ(cluster_.arrivals.size(), 3u);
  EXPECT_EQ(cluster_.arrivals[2].node, 3u);
}

TEST_F(EngineTest, WithoutAHintAsksTheOthersInTurn) {
  cluster_.gives_hints = false;
  cluster_.SetPrimaries(3);
  EXPECT_EQ(Wait(Get(KeyIn(1))).status().code(), Code::kNotFound);
  ASSERT_EQ(cluster_.arrivals.size(), 3u);
  EXPECT_EQ(cluster_.arrivals[0].node, 1u);
  EXPECT_EQ(cluster_.arrivals[1].node, 2u);
  EXPECT_EQ(cluster_.arrivals[2].node, 3u);
}

TEST_F(EngineTest, HintsThatPointAtEachOtherCostABoundedNumberOfRequests) {
  cluster_.SetPrimaries(0);
  cluster_.hints = {{1, 2}, {2, 1}, {3, 1}};
  const auto get = Get(KeyIn(0), {.timeout = 2s});
  const MonotonicTime start = loop_.Now();
  EXPECT_EQ(Wait(get).status().code(), Code::kUnavailable);
  EXPECT_GE(loop_.Now() - start, 2s);
  EXPECT_LE(loop_.Now() - start, 2s + 1ms);
  // Rounds of three, between pauses that grow to 40..80 ms.
  const std::size_t asked =
      cluster_.CountArrivals([](const auto& a) { return a.request.has_get(); });
  EXPECT_LT(asked, 3u * 60u);
  EXPECT_GT(asked, 3u * 20u);
}

TEST_F(EngineTest, AHintAtANodeOutsideTheMapRefreshesTheMap) {
  cluster_.SetPrimaries(0);
  cluster_.hints = {{1, 9}, {2, 9}, {3, 9}};
  const auto get = Get(KeyIn(0), {.timeout = 100ms});
  EXPECT_EQ(Wait(get).status().code(), Code::kUnavailable);
  EXPECT_EQ(cluster_.CountArrivals(IsMapQuestion), 1u);
}

TEST_F(EngineTest, AStaleMapIsRefreshedOnceForAllWaitingRequests) {
  cluster_.SetPrimaries(0);
  cluster_.gives_hints = false;
  std::vector<Handle<Result<Found>>> gets;
  for (int i = 0; i < 100; ++i) gets.push_back(Get(KeyIn(0, i), {.timeout = 200ms}));
  for (const auto& get : gets) EXPECT_FALSE(Wait(get).ok());
  EXPECT_EQ(cluster_.CountArrivals(IsMapQuestion), 1u);
}

TEST_F(EngineTest, CallsThatWaitGoOnWhenOneOfThemFindsThePrimary) {
  cluster_.SetPrimaries(0);
  std::vector<Handle<Result<Found>>> gets;
  for (int i = 0; i < 50; ++i) gets.push_back(Get(KeyIn(0, i)));
  loop_.RunFor(1s);
  cluster_.SetPrimaries(2);
  const MonotonicTime start = loop_.Now();
  MonotonicTime first = kForever;
  MonotonicTime last = kNever;
  for (const auto& get : gets) {
    EXPECT_EQ(Wait(get).status().code(), Code::kNotFound);
    first = std::min(first, get->at);
    last = std::max(last, get->at);
  }
  EXPECT_LE(first - start, 80ms);
  EXPECT_LE(last - first, 2ms) << "the others need not wait for their own pause to end";
}

TEST_F(EngineTest, AKilledPrimaryIsLeftAtOnce) {
  ASSERT_TRUE(Wait(Put(KeyIn(0), "v")).ok());
  cluster_.Kill(1);
  cluster_.SetPrimaries(2);
  const MonotonicTime start = loop_.Now();
  EXPECT_TRUE(Wait(Get(KeyIn(0))).ok());
  EXPECT_LE(loop_.Now() - start, 1ms);
  EXPECT_TRUE(Wait(Put(KeyIn(0), "w")).ok());
}

// A node under SIGSTOP takes connections and requests and answers none.
TEST_F(EngineTest, AFrozenPrimaryCostsOneTimeoutAndNotOneForEachRequest) {
  cluster_.Freeze(1);
  cluster_.SetPrimaries(2);
  MonotonicTime start = loop_.Now();
  EXPECT_EQ(Wait(Get(KeyIn(0))).status().code(), Code::kNotFound);
  EXPECT_GE(loop_.Now() - start, 300ms);
  EXPECT_LE(loop_.Now() - start, 302ms);
  for (std::uint32_t shard = 0; shard < FakeCluster::kShards; ++shard) {
    start = loop_.Now();
    EXPECT_EQ(Wait(Get(KeyIn(shard))).status().code(), Code::kNotFound);
    EXPECT_LE(loop_.Now() - start, 2ms) << "shard " << shard;
  }
}

TEST_F(EngineTest, HintsAtAFrozenNodeAreNotFollowed) {
  cluster_.Freeze(1);
  Await(Get(KeyIn(0), {.timeout = 400ms}));
  // No other primary yet: followers still name the frozen one.
  cluster_.arrivals.clear();
  const auto get = Get(KeyIn(1));
  loop_.RunFor(1s);
  EXPECT_FALSE(get->value.has_value());
  cluster_.SetPrimaries(3);
  const MonotonicTime start = loop_.Now();
  EXPECT_EQ(Wait(get).status().code(), Code::kNotFound);
  EXPECT_LE(loop_.Now() - start, 100ms);
}

TEST_F(EngineTest, CallsWithShortDeadlinesFindOutAboutAFrozenNodeToo) {
  cluster_.Freeze(1);
  cluster_.SetPrimaries(2);
  for (int i = 0; i < 4; ++i) Await(Get(KeyIn(0), {.timeout = 100ms}));
  EXPECT_EQ(Wait(Get(KeyIn(0), {.timeout = 100ms})).status().code(), Code::kNotFound);
}

TEST_F(EngineTest, ANodeThatGoesOnIsTrustedAgain) {
  cluster_.Freeze(1);
  EXPECT_FALSE(Wait(Get(KeyIn(0), {.timeout = 1s})).ok());
  cluster_.Thaw(1);
  loop_.RunFor(100ms);
  const MonotonicTime start = loop_.Now();
  EXPECT_EQ(Wait(Get(KeyIn(0))).status().code(), Code::kNotFound);
  EXPECT_LE(loop_.Now() - start, 2ms);
}

TEST_F(EngineTest, ASlowAnswerOfALivePrimaryIsWaitedForInTheEnd) {
  cluster_.service_time = [](std::uint32_t, const proto::Request& request) {
    return request.has_get() ? Duration(700ms) : Duration(0);
  };
  EXPECT_EQ(Wait(Get(KeyIn(0))).status().code(), Code::kNotFound)
      << "the try's timeout grows until the answer fits";
}

TEST_F(EngineTest, ADeadlineIsKeptToTheMillisecondWhateverHappens) {
  const std::vector<std::function<void()>> troubles = {
      [&] { cluster_.SetPrimaries(0); },
      [&] {
        for (std::uint32_t node : {1, 2, 3}) cluster_.Freeze(node);
      },
      [&] {
        for (std::uint32_t node : {1, 2, 3}) cluster_.Kill(node);
      },
  };
  for (const auto& trouble : troubles) {
    trouble();
    for (const auto timeout : {1ms, 7ms, 333ms, 5000ms}) {
      const MonotonicTime start = loop_.Now();
      const auto get = Get(KeyIn(0), {.timeout = timeout});
      const auto put = Put(KeyIn(1), "v", {.timeout = timeout});
      EXPECT_FALSE(Wait(get).ok());
      EXPECT_FALSE(Wait(put).ok());
      for (const Duration took : {get->at - start, put->at - start}) {
        EXPECT_GE(took, timeout);
        EXPECT_LE(took, timeout + 1ms);
      }
    }
  }
}

TEST_F(EngineTest, WhatIsLeftOfTheDeadlineTravelsWithEachTry) {
  cluster_.Freeze(1);
  cluster_.SetPrimaries(2);
  Await(Get(KeyIn(0), {.timeout = 2s}));
  ASSERT_FALSE(cluster_.arrivals.empty());
  EXPECT_EQ(cluster_.arrivals.back().node, 2u);
  EXPECT_NEAR(cluster_.arrivals.back().request.timeout_ms(), 1700, 2);
  EXPECT_EQ(cluster_.arrivals.back().request.map_version(), 1u);
}

TEST_F(EngineTest, OverloadedIsWaitedForAsLongAsItSays) {
  int refusals = 2;
  cluster_.answer = [&](std::uint32_t,
                        const proto::Request& request) -> std::optional<proto::Response> {
    if (!request.has_get() || refusals == 0) return std::nullopt;
    --refusals;
    proto::Response full =
        FakeCluster::Error(Code::kOverloaded, "a queue is full", Effect::kNotApplied);
    full.mutable_error()->set_retry_after_ms(50);
    return full;
  };
  const MonotonicTime start = loop_.Now();
  EXPECT_EQ(Wait(Get(KeyIn(0))).status().code(), Code::kNotFound);
  EXPECT_GE(loop_.Now() - start, 100ms);
  EXPECT_LE(loop_.Now() - start, 155ms);
}

TEST_F(EngineTest, OverloadedUntilTheDeadlineIsWhatTheCallerSees) {
  cluster_.answer = [&](std::uint32_t,
                        const proto::Request& request) -> std::optional<proto::Response> {
    if (!request.has_get()) return std::nullopt;
    return FakeCluster::Error(Code::kOverloaded, "a queue is full", Effect::kNotApplied);
  };
  const Status status = Wait(Get(KeyIn(0), {.timeout = 100ms})).status();
  EXPECT_EQ(status.code(), Code::kOverloaded);
  EXPECT_THAT(status.message(), HasSubstr("a queue is full"));
}

TEST_F(EngineTest, AnyReplicaReadsAreSpreadAndNeedNoPrimary) {
  cluster_.SetPrimaries(0);
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(Wait(Get(KeyIn(0), {.consistency = Consistency::kAnyReplica})).status().code(),
              Code::kNotFound);
  }
  for (std::uint32_t node : {1u, 2u, 3u}) {
    EXPECT_GE(cluster_.CountArrivals([&](const auto& a) { return a.node == node; }), 5u);
  }
}

TEST_F(EngineTest, AnyReplicaReadsGoAroundADamagedCopy) {
  cluster_.answer = [](std::uint32_t node,
                       const proto::Request&) -> std::optional<proto::Response> {
    if (node != 2) return std::nullopt;
    return FakeCluster::Error(Code::kCorruption, "bad checksum", Effect::kNotApplied);
  };
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Wait(Get(KeyIn(0), {.consistency = Consistency::kAnyReplica})).status().code(),
              Code::kNotFound);
  }
}

TEST_F(EngineTest, ANodeIsAskedForItsStatusOnceAndDirectly) {
  auto handle = std::make_shared<Awaited<Result<NodeStatusView>>>();
  frontend_->NodeStatus(2, {}, Into(handle));
  ASSERT_TRUE(Wait(handle).ok());
  EXPECT_EQ((*handle->value)->node, 2u);

  cluster_.Kill(2);
  handle = std::make_shared<Awaited<Result<NodeStatusView>>>();
  frontend_->NodeStatus(2, {}, Into(handle));
  const MonotonicTime start = loop_.Now();
  EXPECT_THAT(Wait(handle).status().message(), HasSubstr("connection refused"));
  EXPECT_LE(loop_.Now() - start, 1ms);

  handle = std::make_shared<Awaited<Result<NodeStatusView>>>();
  frontend_->NodeStatus(8, {}, Into(handle));
  EXPECT_EQ(Wait(handle).status().code(), Code::kInvalidArgument);
}

TEST_F(EngineTest, AVerifyGoesToThePrimaryWithoutASession) {
  auto handle = std::make_shared<Awaited<Result<std::uint64_t>>>();
  frontend_->StartVerify(1, {}, Into(handle));
  const auto started = Wait(handle);
  ASSERT_TRUE(started.ok()) << started.status().ToString();
  EXPECT_GT(*started, 0u);
  EXPECT_EQ(cluster_.CountArrivals([](const auto& a) { return a.request.has_open_session(); }), 0u);

  handle = std::make_shared<Awaited<Result<std::uint64_t>>>();
  frontend_->StartVerify(FakeCluster::kShards, {}, Into(handle));
  EXPECT_EQ(Wait(handle).status().code(), Code::kInvalidArgument);
}

TEST_F(EngineTest, TheMapComesFromAnyNodeThatAnswers) {
  cluster_.Kill(1);
  cluster_.Freeze(3);
  auto handle = std::make_shared<Awaited<Result<ClusterView>>>();
  frontend_->Map({}, Into(handle));
  ASSERT_TRUE(Wait(handle).ok());
  const ClusterView& view = **handle->value;
  EXPECT_EQ(view.nodes.size(), 3u);
  ASSERT_EQ(view.shards.size(), FakeCluster::kShards);
  EXPECT_EQ(view.shards[0].primary_hint, 1u);
  EXPECT_EQ(view.cluster_id.size(), 32u);
}

class FindClusterTest : public testing::Test {
 protected:
  Status Find(const std::vector<std::string>& seeds, Duration timeout) {
    Engine engine(loop_, cluster_, Tuning(), 1);
    std::optional<Status> found;
    engine.FindCluster(seeds, loop_.Now() + timeout, timeout,
                       [&](Status status) { found = std::move(status); });
    EXPECT_TRUE(loop_.RunUntil([&] { return found.has_value(); }));
    engine.Shutdown();
    return found.value_or(Status(Code::kInternal, "never answered"));
  }

  VirtualLoop loop_;
  FakeCluster cluster_{loop_};
};

TEST_F(FindClusterTest, OneSeedThatAnswersIsEnough) {
  cluster_.Kill(1);
  cluster_.Freeze(2);
  EXPECT_TRUE(
      Find({FakeCluster::Address(1), FakeCluster::Address(2), FakeCluster::Address(3)}, 5s).ok());
}

TEST_F(FindClusterTest, NamesEachSeedThatDidNotAnswerAndWhy) {
  cluster_.Kill(1);
  cluster_.Freeze(2);
  const Status status = Find({FakeCluster::Address(1), FakeCluster::Address(2)}, 2s);
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("10.0.0.1:7101: connection refused"));
  EXPECT_THAT(status.message(), HasSubstr("10.0.0.2:7101"));
  EXPECT_THAT(status.message(), HasSubstr("did not answer"));
}

TEST_F(FindClusterTest, SeedsThatAllRefuseFailAtOnce) {
  cluster_.Kill(1);
  const MonotonicTime start = loop_.Now();
  EXPECT_EQ(Find({FakeCluster::Address(1)}, 5s).code(), Code::kUnavailable);
  EXPECT_LE(loop_.Now() - start, 10ms);
}

TEST_F(FindClusterTest, WaitsForAClusterThatIsBeingCreated) {
  const MonotonicTime ready = loop_.Now() + 1s;
  cluster_.answer = [&](std::uint32_t, const proto::Request&) -> std::optional<proto::Response> {
    if (loop_.Now() >= ready) return std::nullopt;
    return FakeCluster::Error(Code::kUnavailable, "waiting for node 3", Effect::kNotApplied);
  };
  EXPECT_TRUE(Find({FakeCluster::Address(1)}, 5s).ok());
  cluster_.answer = [](std::uint32_t, const proto::Request&) -> std::optional<proto::Response> {
    return FakeCluster::Error(Code::kUnavailable, "waiting for node 3", Effect::kNotApplied);
  };
  EXPECT_THAT(Find({FakeCluster::Address(1)}, 1s).message(), HasSubstr("waiting for node 3"));
}

TEST_F(EngineTest, AMapOfAnotherClusterIsRefused) {
  cluster_.answer = [](std::uint32_t node,
                       const proto::Request& request) -> std::optional<proto::Response> {
    if (node != 1 || !request.has_get_map()) return std::nullopt;
    proto::Response other;
    other.mutable_map()->set_version(7);
    other.mutable_map()->set_cluster_name("other");
    other.mutable_map()->set_cluster_id(std::string(16, 'x'));
    proto::MapNode* node_9 = other.mutable_map()->add_nodes();
    node_9->set_id(9);
    node_9->set_address("10.0.0.9:7101");
    node_9->set_zone("z");
    node_9->set_weight(1);
    for (std::uint32_t i = 0; i < FakeCluster::kShards; ++i) {
      other.mutable_map()->add_shards()->add_replicas(9);
    }
    return other;
  };
  for (int i = 0; i < 10; ++i) {
    auto handle = std::make_shared<Awaited<Result<ClusterView>>>();
    frontend_->Map({}, Into(handle));
    ASSERT_TRUE(Wait(handle).ok());
    EXPECT_EQ((*handle->value)->cluster_name, "fake");
  }
}

}  // namespace
}  // namespace ringfort::client
