// A client's thinking, connected to a cluster in memory, on a virtual clock.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/engine.h"
#include "client/frontend.h"
#include "ring/hash_ring.h"
#include "tests/unit/client/fake_cluster.h"
#include "tests/unit/client/virtual_loop.h"

namespace ringfort::client {

using namespace std::chrono_literals;  // NOLINT: tests only

/// A call's answer, once it is there, and when it came.
template <typename T>
struct Awaited {
  std::optional<T> value;
  MonotonicTime at;
};
template <typename T>
using Handle = std::shared_ptr<Awaited<T>>;

class ClientFixture : public testing::Test {
 protected:
  void SetUp() override {
    // The tests move primaries after the client has learned the map.
    std::optional<Status> found;
    engine_.FindCluster({FakeCluster::Address(1), FakeCluster::Address(2), FakeCluster::Address(3)},
                        loop_.Now() + 5s, 5s, [&](Status status) { found = std::move(status); });
    ASSERT_TRUE(loop_.RunUntil([&] { return found.has_value(); }));
    ASSERT_TRUE(found->ok()) << found->ToString();
    MakeFrontend(std::size_t{64} << 20);
    cluster_.arrivals.clear();
  }
  void TearDown() override {
    if (frontend_ != nullptr) frontend_->Close();
    engine_.Shutdown();
  }

  void MakeFrontend(std::size_t pending_bytes_max) {
    frontend_ = std::make_unique<Frontend>(
        loop_, engine_, Frontend::Options{5s, pending_bytes_max, FakeCluster::kShards, "ada@host"});
  }

  template <typename T>
  Callback<T> Into(const Handle<T>& handle) {
    return [this, handle](T value) {
      EXPECT_FALSE(handle->value.has_value()) << "answered twice";
      handle->value.emplace(std::move(value));
      handle->at = loop_.Now();
    };
  }
  Handle<Result<Version>> Put(const Key& key, const std::string& value,
                              const PutOptions& options = {}) {
    auto handle = std::make_shared<Awaited<Result<Version>>>();
    frontend_->Put(key, value, options, Into(handle));
    return handle;
  }
  Handle<Result<Found>> Get(const Key& key, const GetOptions& options = {}) {
    auto handle = std::make_shared<Awaited<Result<Found>>>();
    frontend_->Get(key, options, Into(handle));
    return handle;
  }
  /// For its time or its effects, whatever the answer is.
  template <typename T>
  void Await(const Handle<T>& handle) {
    EXPECT_TRUE(loop_.RunUntil([&] { return handle->value.has_value(); })) << "no answer";
  }
  template <typename T>
  T Wait(const Handle<T>& handle) {
    Await(handle);
    return handle->value.value();
  }
  /// A key of the shard; another for each `number`.
  static std::string KeyIn(std::uint32_t shard, int number = 0) {
    for (int i = 0;; ++i) {
      std::string key = "key-" + std::to_string(i);
      if (ring::ShardOf(key, FakeCluster::kShards).value() == shard && number-- == 0) return key;
    }
  }
  static bool IsWrite(const FakeCluster::Arrival& arrival) { return arrival.request.has_write(); }
  static bool IsMapQuestion(const FakeCluster::Arrival& arrival) {
    return arrival.request.has_get_map();
  }

  VirtualLoop loop_;
  FakeCluster cluster_{loop_};
  Tuning tuning_;
  Engine engine_{loop_, cluster_, tuning_, 1};
  std::unique_ptr<Frontend> frontend_;
};

}  // namespace ringfort::client
