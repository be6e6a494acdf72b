// Kills, and then the account: every acknowledged write is there, once, and nothing else is.
//
// A checker of histories alone would see a single lost write only half of the time; so half of the
// writes go to keys that are written once, and every key is read at the end.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "tests/integration/local_cluster.h"
#include "tools/bench/ledger.h"
#include "tools/bench/ledger_writer.h"

namespace ringfort::integration {
namespace {

using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

class Accounting : public testing::Test {
 protected:
  void SetUp() override {
    cluster_.StartAll();
    ASSERT_TRUE(Eventually(seconds(60), [this] { return CaughtUp(); }));
  }

  bool CaughtUp() {
    Client client = cluster_.Connect();
    return cluster_.CaughtUp(client);
  }

  /// Writers begin to write until StopWriters, at the latest for `limit`.
  void StartWriters(int count, seconds limit) {
    for (int i = 0; i < count; ++i) {
      const std::string prefix = "w" + std::to_string(writers_.size()) + "-";
      writers_.push_back(std::make_unique<bench::LedgerWriter>(cluster_.Connect(), prefix, 17 + i));
    }
    end_ = Clock::now() + limit;
    for (auto& writer : writers_) {
      threads_.emplace_back([this, writer = writer.get()] {
        // In slices, so that the test can end them, and counts what they have reached.
        while (Clock::now() < end_ && !stop_) {
          const std::uint64_t before = writer->acked();
          writer->Run(std::min(end_, Clock::now() + std::chrono::milliseconds(200)));
          acked_ += writer->acked() - before;
        }
      });
    }
  }

  void StopWriters() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  std::uint64_t Acked() const { return acked_; }

  void Account() {
    Client client = cluster_.Connect(seconds(20));
    std::size_t judged = 0;
    for (const auto& writer : writers_) {
      EXPECT_TRUE(writer->violations().empty()) << writer->violations().front();
      for (const bench::LedgerKey& account : writer->accounts()) {
        auto read = client.Get(account.key);
        std::optional<Found> found;
        if (read.ok()) {
          found = *std::move(read);
        } else {
          ASSERT_EQ(read.status().code(), Code::kNotFound) << read.status().ToString();
        }
        const bench::Finding finding = bench::Judge(account, found);
        EXPECT_EQ(finding, bench::Finding::kRight)
            << account.key << ": " << bench::FindingName(finding) << ", acknowledged write "
            << account.acked << " at version " << account.acked_version;
        ++judged;
      }
    }
    RecordProperty("keys_judged", static_cast<int>(judged));
    EXPECT_GT(judged, 100U);
  }

  LocalCluster cluster_{3, 16};
  std::vector<std::unique_ptr<bench::LedgerWriter>> writers_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> acked_{0};
  Clock::time_point end_;
};

TEST_F(Accounting, OfKillsOfThePrimaryAgainAndAgain) {
  StartWriters(6, seconds(120));
  Client admin = cluster_.Connect();
  for (int kill = 0; kill < 8; ++kill) {
    const std::uint64_t before = Acked();
    const std::uint32_t victim = cluster_.Busiest(admin);
    cluster_.Kill(victim);
    ASSERT_TRUE(Eventually(seconds(20), [&] { return cluster_.Serves(admin); })) << "kill " << kill;
    ASSERT_TRUE(Eventually(seconds(20), [&] { return Acked() > before + 50; })) << "kill " << kill;
    cluster_.Start(victim);
    ASSERT_TRUE(Eventually(seconds(30),
                           [&] { return cluster_.CaughtUp(admin) || Acked() > before + 2000; }))
        << "kill " << kill << ": node " << victim << " does not catch up";
  }
  StopWriters();
  Account();
}

TEST_F(Accounting, OfAllNodesKilledAtOnce) {
  StartWriters(6, seconds(120));
  for (int round = 0; round < 3; ++round) {
    const std::uint64_t before = Acked();
    ASSERT_TRUE(Eventually(seconds(20), [&] { return Acked() > before + 200; }))
        << "round " << round;
    for (std::uint32_t node = 1; node <= 3; ++node) cluster_.Kill(node);
    cluster_.StartAll();
    ASSERT_TRUE(Eventually(seconds(60), [this] { return CaughtUp(); })) << "round " << round;
  }
  StopWriters();
  Account();
}

TEST_F(Accounting, OfPoliteRestarts) {
  StartWriters(4, seconds(120));
  Client admin = cluster_.Connect();
  for (std::uint32_t node = 1; node <= 3; ++node) {
    EXPECT_EQ(cluster_.Stop(node), 0) << cluster_.Output(node);
    cluster_.Start(node);
    ASSERT_TRUE(Eventually(seconds(30), [&] { return cluster_.Serves(admin); }));
    const std::uint64_t before = Acked();
    ASSERT_TRUE(Eventually(seconds(20), [&] { return Acked() > before + 50; }));
  }
  StopWriters();
  ASSERT_TRUE(Eventually(seconds(30), [this] { return CaughtUp(); }));
  Account();
}

}  // namespace
}  // namespace ringfort::integration
