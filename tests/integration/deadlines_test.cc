// A node that is stopped (SIGSTOP) answers nothing and refuses nothing; the client's calls keep to
// their deadlines all the same, and find the next primary.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tests/integration/local_cluster.h"

namespace ringfort::integration {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

// What scheduling may add on a busy machine of two processors.
constexpr milliseconds kGrace{250};

class Deadlines : public testing::Test {
 protected:
  void SetUp() override {
    cluster_.StartAll();
    client_ = std::make_unique<Client>(cluster_.Connect());
    ASSERT_TRUE(Eventually(seconds(60), [this] { return cluster_.CaughtUp(*client_); }));
    for (int i = 0; i < 64; ++i) ASSERT_TRUE(client_->Put(KeyOf(i), "before").ok());
  }

  static std::string KeyOf(int i) { return "key-" + std::to_string(i); }

  template <typename Call>
  void KeepsTo(milliseconds timeout, Call call) {
    const auto begin = Clock::now();
    call(timeout);
    const auto took = std::chrono::duration_cast<milliseconds>(Clock::now() - begin);
    EXPECT_LE(took.count(), (timeout + kGrace).count());
  }

  LocalCluster cluster_{3, 16};
  std::unique_ptr<Client> client_;
};

TEST_F(Deadlines, AreKeptWhileAPrimaryIsStopped) {
  const std::uint32_t stopped = cluster_.Busiest(*client_);
  cluster_.Pause(stopped);
  const auto paused_at = Clock::now();
  for (int i = 0; i < 64; ++i) {
    KeepsTo(milliseconds(200), [&](milliseconds timeout) {
      auto put = client_->Put(KeyOf(i), "during", {.timeout = timeout});
      if (!put.ok()) {
        EXPECT_TRUE(put.status().code() == Code::kDeadlineExceeded ||
                    put.status().code() == Code::kUnavailable)
            << put.status().ToString();
      }
    });
    KeepsTo(milliseconds(200), [&](milliseconds timeout) {
      auto read = client_->Get(KeyOf(i), {.timeout = timeout});
      if (read.ok()) {
        EXPECT_TRUE(read->value == "before" || read->value == "during");
      }
    });
  }
  // With time enough every call succeeds: another node leads by then.
  for (int i = 0; i < 64; ++i) {
    auto put = client_->Put(KeyOf(i), "after", {.timeout = seconds(10)});
    ASSERT_TRUE(put.ok()) << put.status().ToString();
  }
  EXPECT_LT(Clock::now() - paused_at, seconds(30));
  cluster_.Resume(stopped);
  // The one that slept must not answer by a lease that has ended.
  for (int i = 0; i < 64; ++i) {
    auto read = client_->Get(KeyOf(i), {.timeout = seconds(10)});
    ASSERT_TRUE(read.ok()) << read.status().ToString();
    EXPECT_EQ(read->value, "after");
  }
}

TEST_F(Deadlines, AreKeptWhileEveryNodeIsStopped) {
  for (std::uint32_t node = 1; node <= 3; ++node) cluster_.Pause(node);
  std::vector<int> not_applied;
  for (int i = 0; i < 4; ++i) {
    KeepsTo(milliseconds(400), [&](milliseconds timeout) {
      auto put = client_->Put(KeyOf(i), "during", {.timeout = timeout});
      EXPECT_FALSE(put.ok());
      EXPECT_NE(put.status().effect(), Effect::kApplied) << put.status().ToString();
      if (put.status().effect() == Effect::kNotApplied) not_applied.push_back(i);
    });
    KeepsTo(milliseconds(400), [&](milliseconds timeout) {
      EXPECT_FALSE(client_->Get(KeyOf(i), {.timeout = timeout}).ok());
    });
    KeepsTo(milliseconds(400), [&](milliseconds timeout) {
      EXPECT_FALSE(client_->Scan(KeyOf(i), {}, {.timeout = timeout}).ok());
    });
  }
  for (std::uint32_t node = 1; node <= 3; ++node) cluster_.Resume(node);
  EXPECT_TRUE(client_->Put("another key", "after", {.timeout = seconds(20)}).ok());
  for (const int i : not_applied) {
    auto read = client_->Get(KeyOf(i), {.timeout = seconds(20)});
    ASSERT_TRUE(read.ok()) << read.status().ToString();
    EXPECT_EQ(read->value, "before") << "said not to be applied, and was";
  }
}

}  // namespace
}  // namespace ringfort::integration
