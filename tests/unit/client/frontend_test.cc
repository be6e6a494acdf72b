// The data API: arguments, many keys at once, pages, bounded memory and the end of the client.
#include "client/frontend.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "ringfort/limits.h"
#include "tests/unit/client/client_fixture.h"

namespace ringfort::client {
namespace {

using testing::HasSubstr;

class FrontendTest : public ClientFixture {
 protected:
  Handle<std::vector<Result<Found>>> MultiGet(const std::vector<Key>& keys) {
    auto handle = std::make_shared<Awaited<std::vector<Result<Found>>>>();
    frontend_->MultiGet(keys, {}, Into(handle));
    return handle;
  }
  Result<ScanPage> Scan(const std::string& shard_key, const ScanRange& range,
                        const ScanOptions& options = {}) {
    auto handle = std::make_shared<Awaited<Result<ScanPage>>>();
    frontend_->Scan(shard_key, range, options, Into(handle));
    return Wait(handle);
  }
  Result<ScanAllPage> ScanAll(const std::string& resume, const ScanOptions& options = {}) {
    auto handle = std::make_shared<Awaited<Result<ScanAllPage>>>();
    frontend_->ScanAll(resume, options, Into(handle));
    return Wait(handle);
  }
};

TEST_F(FrontendTest, PutGetDelete) {
  Result<Version> first = Wait(Put({"k", "s"}, "v"));
  ASSERT_TRUE(first.ok());
  Result<Found> found = Wait(Get({"k", "s"}));
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->value, "v");
  EXPECT_EQ(found->version, *first);
  EXPECT_EQ(Wait(Get("k")).status().code(), Code::kNotFound);

  EXPECT_EQ(Wait(Put({"k", "s"}, "w", {.if_version = *first + 1})).status().code(),
            Code::kConditionFailed);
  EXPECT_TRUE(Wait(Put({"k", "s"}, "w", {.if_version = *first})).ok());
  auto erased = std::make_shared<Awaited<Result<Version>>>();
  frontend_->Delete({"k", "s"}, {}, Into(erased));
  EXPECT_TRUE(Wait(erased).ok());
  EXPECT_EQ(Wait(Get({"k", "s"})).status().code(), Code::kNotFound);
}

TEST_F(FrontendTest, WhatIsOverALimitIsRefusedBeforeAnythingIsSent) {
  struct Case {
    Handle<Result<Version>> put;
    Code code;
    std::string what;
  };
  const std::vector<Case> cases = {
      {Put("", "v"), Code::kInvalidArgument, "shard key is empty"},
      {Put(std::string(1025, 'k'), "v"), Code::kTooLarge,
       "shard key has 1025 bytes; the limit is 1024"},
      {Put({"k", std::string(7169, 's')}, "v"), Code::kTooLarge,
       "sort key has 7169 bytes; the limit is 7168"},
      {Put("k", std::string(limits::kValueMax + 1, 'v')), Code::kTooLarge,
       "value has 8388609 bytes; the limit is 8388608"},
      {Put("k", "v", {.if_absent = true, .if_version = 1}), Code::kInvalidArgument, "exclude"},
      {Put("k", "v", {.timeout = -1ms}), Code::kInvalidArgument, "timeout"},
      {Put("k", "v", {.timeout = 25h}), Code::kInvalidArgument, "timeout"},
  };
  for (const Case& each : cases) {
    ASSERT_TRUE(each.put->value.has_value()) << "answered at once";
    EXPECT_EQ(each.put->value->status().code(), each.code);
    EXPECT_THAT(each.put->value->status().message(), HasSubstr(each.what));
    EXPECT_EQ(each.put->value->status().effect(), Effect::kNotApplied);
  }
  loop_.RunFor(1s);
  EXPECT_TRUE(cluster_.arrivals.empty());
  EXPECT_TRUE(Wait(Put({std::string(1024, 'k'), std::string(7168, 's')}, "v")).ok());
}

TEST_F(FrontendTest, ManyKeysAreAskedForShardByShardAndAnsweredInOrder) {
  std::vector<Key> keys;
  for (int i = 0; i < 40; ++i) keys.emplace_back(KeyIn(static_cast<std::uint32_t>(i % 4), i));
  for (int i = 0; i < 40; i += 2) {
    ASSERT_TRUE(Wait(Put(keys[static_cast<std::size_t>(i)], std::to_string(i))).ok());
  }
  keys.emplace_back("");
  cluster_.arrivals.clear();
  const auto results = Wait(MultiGet(keys));
  ASSERT_EQ(results.size(), 41u);
  for (std::size_t i = 0; i < 40; ++i) {
    if (i % 2 == 0) {
      ASSERT_TRUE(results[i].ok());
      EXPECT_EQ(results[i].value().value, std::to_string(i));
    } else {
      EXPECT_EQ(results[i].status().code(), Code::kNotFound);
    }
  }
  EXPECT_EQ(results[40].status().code(), Code::kInvalidArgument);
  EXPECT_EQ(cluster_.arrivals.size(), 4u) << "one request for each shard";
  EXPECT_TRUE(Wait(MultiGet({})).empty());
}

TEST_F(FrontendTest, ManyLargeValuesAreFetchedInSmallerLots) {
  cluster_.answer = [](std::uint32_t,
                       const proto::Request& request) -> std::optional<proto::Response> {
    if (request.get().keys_size() <= 3) return std::nullopt;
    return FakeCluster::Error(Code::kTooLarge, "the answer is over the limit", Effect::kNotApplied);
  };
  std::vector<Key> keys;
  for (int i = 0; i < 600; ++i) keys.emplace_back(KeyIn(0), std::to_string(i));
  const auto results = Wait(MultiGet(keys));
  ASSERT_EQ(results.size(), 600u);
  for (const Result<Found>& result : results) EXPECT_EQ(result.status().code(), Code::kNotFound);
}

TEST_F(FrontendTest, AScanGoesPageByPageInBothDirections) {
  std::vector<std::string> expected;
  for (int i = 10; i < 45; ++i) {
    ASSERT_TRUE(Wait(Put({"k", "p" + std::to_string(i)}, "v")).ok());
    expected.push_back("p" + std::to_string(i));
  }
  ASSERT_TRUE(Wait(Put({"k", "q"}, "outside the prefix")).ok());
  for (bool reverse : {false, true}) {
    std::vector<std::string> seen;
    std::optional<ScanRange> rest = ScanRange{.prefix = "p", .reverse = reverse};
    int pages = 0;
    while (rest) {
      Result<ScanPage> page = Scan("k", *rest, {.limit = 10});
      ASSERT_TRUE(page.ok());
      for (const ScanEntry& entry : page->entries) {
        EXPECT_EQ(entry.key.shard_key, "k");
        seen.push_back(entry.key.sort_key);
      }
      rest = page->rest;
      ++pages;
    }
    EXPECT_EQ(pages, 4);
    if (reverse) std::reverse(seen.begin(), seen.end());
    EXPECT_EQ(seen, expected);
  }
}

TEST_F(FrontendTest, AnEmptyRangeIsAnsweredWithoutAsking) {
  Result<ScanPage> page = Scan("k", {.begin = "z", .end = "a"});
  ASSERT_TRUE(page.ok());
  EXPECT_TRUE(page->entries.empty());
  EXPECT_FALSE(page->rest.has_value());
  EXPECT_TRUE(cluster_.arrivals.empty());
}

TEST_F(FrontendTest, TheWholeStoreIsScannedAndResumed) {
  std::set<std::pair<std::string, std::string>> expected;
  for (int i = 0; i < 50; ++i) {
    const Key key("key " + std::to_string(i), std::string("sort\0\xff", 6) + std::to_string(i));
    ASSERT_TRUE(Wait(Put(key, "v")).ok());
    expected.emplace(key.shard_key, key.sort_key);
  }
  std::set<std::pair<std::string, std::string>> seen;
  std::string resume;
  while (true) {
    Result<ScanAllPage> page = ScanAll(resume, {.limit = 7});
    ASSERT_TRUE(page.ok()) << page.status().ToString();
    for (const ScanEntry& entry : page->entries) {
      EXPECT_TRUE(seen.emplace(entry.key.shard_key, entry.key.sort_key).second) << "seen twice";
    }
    if (!page->more) break;
    resume = page->resume;
    EXPECT_EQ(resume.find(' '), std::string::npos);
  }
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(ScanAll("nonsense").status().code(), Code::kInvalidArgument);
}

TEST_F(FrontendTest, MoreThanMayBePendingIsRefusedAtOnce) {
  MakeFrontend(std::size_t{1} << 20);
  cluster_.Freeze(1);
  std::vector<Handle<Result<Version>>> puts;
  for (int i = 0; i < 4; ++i) puts.push_back(Put("k", std::string(300'000, 'v'), {.timeout = 1s}));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(puts[static_cast<std::size_t>(i)]->value.has_value());
  ASSERT_TRUE(puts[3]->value.has_value());
  EXPECT_EQ(puts[3]->value->status().code(), Code::kOverloaded);
  EXPECT_THAT(puts[3]->value->status().message(), HasSubstr("pending_bytes_max"));
  for (const auto& put : puts) Await(put);
  cluster_.Thaw(1);
  // What had its answer counts no more.
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(Wait(Put("k", std::string(900'000, 'v'))).ok());
    EXPECT_TRUE(Wait(MultiGet({"k"}))[0].ok());
  }
}

TEST_F(FrontendTest, TheEndOfTheClientEndsItsCallsTruthfully) {
  ASSERT_TRUE(Wait(Put(KeyIn(0), "v")).ok());
  cluster_.Freeze(1);
  const auto sent = Put(KeyIn(0), "w");
  loop_.RunFor(1ms);
  const auto waiting = Put(KeyIn(1), "w");  // For its session.
  loop_.RunFor(1ms);
  const auto handed_over = Put(KeyIn(0), "x");
  const auto get = Get(KeyIn(0));
  const auto many = MultiGet({KeyIn(0), KeyIn(1)});
  frontend_->Close();
  const auto after = Put(KeyIn(0), "y");
  ASSERT_TRUE(sent->value.has_value());
  EXPECT_EQ(sent->value->status().code(), Code::kCancelled);
  EXPECT_EQ(sent->value->status().effect(), Effect::kUnknown);
  for (const auto& put : {waiting, handed_over, after}) {
    ASSERT_TRUE(put->value.has_value());
    EXPECT_EQ(put->value->status().code(), Code::kCancelled);
    EXPECT_EQ(put->value->status().effect(), Effect::kNotApplied);
  }
  ASSERT_TRUE(get->value.has_value());
  EXPECT_EQ(get->value->status().code(), Code::kCancelled);
  ASSERT_TRUE(many->value.has_value());
  EXPECT_EQ((*many->value)[1].status().code(), Code::kCancelled);
  loop_.RunFor(1min);
}

}  // namespace
}  // namespace ringfort::client
