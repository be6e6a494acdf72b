// The log's budget: what is flushed, when, and what it does when the disk fails.
#include "node/log_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>

#include "tests/unit/node/fake_outside.h"

namespace ringfort::node {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only
using testing::ElementsAre;
using testing::SizeIs;

/// Only counts its flushes.
class CountedData final : public storage::ShardData {
 public:
  Result<std::optional<std::string>> Get(std::string_view /*key*/,
                                         storage::ReadDepth /*depth*/) const override {
    return std::optional<std::string>();
  }
  Result<storage::RangePage> Range(const storage::RangeQuery& /*query*/,
                                   storage::ReadDepth /*depth*/) const override {
    return storage::RangePage();
  }
  std::unique_ptr<storage::Cursor> OpenCursor() const override { return nullptr; }
  Status Apply(const std::vector<storage::Mutation>& /*mutations*/, storage::Applied /*applied*/,
               bool /*may_wait*/) override {
    return Status::Ok();
  }
  storage::Applied applied() const override { return {}; }
  Result<storage::Applied> flushed_applied() const override {
    ++asked;
    return storage::Applied();
  }
  Status Flush() override {
    ++flushes;
    return fails ? Status(Code::kIoError, "no disk") : Status::Ok();
  }
  std::uint64_t size_bytes() const override { return 0; }

  int flushes = 0;
  mutable int asked = 0;
  bool fails = false;
};

class LogKeeperTest : public testing::Test {
 protected:
  void Start(std::uint32_t shards) {
    LogKeeper::Shards kept;
    for (std::uint32_t i = 0; i < shards; ++i) {
      data_.push_back(std::make_shared<CountedData>());
      kept.push_back({ShardId(i), data_.back(), &shard_loop_});
    }
    keeper_.Start([kept](const auto& then) { then(kept); });
  }
  std::vector<int> Flushes() const {
    std::vector<int> flushes;
    for (const auto& data : data_) flushes.push_back(data->flushes);
    return flushes;
  }

  HandLoop loop_;
  NotingTransport transport_;
  ScriptedLog log_;
  ShardLoop shard_loop_{
      ShardLoopOptions(),
      {NodeId(1), &loop_, {}, &transport_, &log_, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}};
  std::vector<Status> fatal_;
  LogKeeper keeper_{LogKeeperOptions{1s, 1000}, &loop_, &loop_, &log_,
                    [this](const Status& status) { fatal_.push_back(status); }};
  std::vector<std::shared_ptr<CountedData>> data_;
};

TEST_F(LogKeeperTest, ASmallLogIsLeftAlone) {
  log_.usage_now = {500, {ShardId(0)}};
  Start(1);
  loop_.Pass(5s);
  EXPECT_EQ(data_[0]->asked, 0);
}

TEST_F(LogKeeperTest, AHalfFullLogIsCutWithoutFlushing) {
  log_.usage_now = {501, {ShardId(0)}};
  Start(1);
  loop_.Pass(2500ms);
  EXPECT_EQ(data_[0]->asked, 3) << "at once, and at each interval";
  EXPECT_THAT(Flushes(), ElementsAre(0));
}

TEST_F(LogKeeperTest, AFullLogFlushesWhoHoldsTheOldestSegment) {
  log_.usage_now = {1001, {ShardId(1)}};
  Start(3);
  loop_.Pass(0s);
  EXPECT_THAT(Flushes(), ElementsAre(0, 1, 0));
}

TEST_F(LogKeeperTest, ARoundFlushesAFewShardsOnly) {
  log_.usage_now.bytes = 1001;
  for (std::uint32_t i = 0; i < 20; ++i) log_.usage_now.oldest.emplace_back(i);
  Start(20);
  loop_.Pass(0s);
  const std::vector<int> flushes = Flushes();
  EXPECT_EQ(std::count(flushes.begin(), flushes.end(), 1), 8);
  EXPECT_EQ(std::count(flushes.begin(), flushes.end(), 0), 12);
  loop_.Pass(200ms);
  EXPECT_THAT(Flushes(), testing::Each(1)) << "the others in the rounds after it";
}

TEST_F(LogKeeperTest, WhatAFlushDoesNotFreeIsWrittenAgain) {
  log_.usage_now = {1001, {ShardId(1)}};
  Start(2);
  loop_.Pass(0s);
  EXPECT_THAT(log_.rewritten, SizeIs(0));
  loop_.Pass(100ms);
  EXPECT_THAT(log_.rewritten, ElementsAre(ShardId(1)));
  EXPECT_THAT(Flushes(), ElementsAre(0, 1));
  loop_.Pass(800ms);
  EXPECT_THAT(Flushes(), ElementsAre(0, 1));
  loop_.Pass(100ms);
  EXPECT_THAT(Flushes(), ElementsAre(0, 2)) << "another flush a second later";
}

// A log full of what nobody can apply must not be written over and over.
TEST_F(LogKeeperTest, NoMoreThanHalfALogIsWrittenAgainUntilThereIsRoom) {
  log_.usage_now = {1001, {ShardId(0)}};
  log_.rewritten_bytes = 251;
  Start(1);
  loop_.Pass(900ms);
  EXPECT_THAT(log_.rewritten, SizeIs(2));
  log_.usage_now.bytes = 1000;
  loop_.Pass(1s);
  log_.usage_now.bytes = 1001;
  loop_.Pass(1900ms);
  EXPECT_THAT(log_.rewritten, SizeIs(4));
}

TEST_F(LogKeeperTest, AFailedFlushIsFatal) {
  log_.usage_now = {1001, {ShardId(0)}};
  Start(1);
  data_[0]->fails = true;
  loop_.Pass(0s);
  ASSERT_THAT(fatal_, SizeIs(1));
  EXPECT_EQ(fatal_[0].code(), Code::kIoError);
}

TEST_F(LogKeeperTest, StoppedLooksNoMore) {
  log_.usage_now = {501, {}};
  Start(1);
  loop_.Pass(0s);
  keeper_.Stop();
  loop_.Pass(5s);
  EXPECT_EQ(data_[0]->asked, 1);
}

}  // namespace
}  // namespace ringfort::node
