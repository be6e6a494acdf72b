// Writers that keep account of what was acknowledged while a test breaks the cluster under them,
// and the account at the end: every acknowledged write is there, once, and nothing else is.
//
// A checker of histories alone would see a single lost write only half of the time; so half of the
// writes go to keys that are written once, and every key is read at the end.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/local_cluster.h"
#include "tools/bench/ledger.h"
#include "tools/bench/ledger_writer.h"

namespace ringfort::integration {

class Accounting : public testing::Test {
 protected:
  void SetUp() override {
    cluster_.StartAll();
    ASSERT_TRUE(Eventually(std::chrono::seconds(60), [this] { return CaughtUp(); }));
  }

  /// A test that fails midway ends its writers, too.
  void TearDown() override { StopWriters(); }

  bool CaughtUp() {
    Client client = cluster_.Connect();
    return cluster_.CaughtUp(client);
  }

  /// Writers begin to write until StopWriters, at the latest for `limit`.
  void StartWriters(int count, std::chrono::seconds limit) {
    for (int i = 0; i < count; ++i) {
      const std::string prefix = "w" + std::to_string(writers_.size()) + "-";
      writers_.push_back(std::make_unique<bench::LedgerWriter>(cluster_.Connect(), prefix, 17 + i));
    }
    end_ = std::chrono::steady_clock::now() + limit;
    for (auto& writer : writers_) {
      threads_.emplace_back([this, writer = writer.get()] {
        // In slices, so that the test can end them, and counts what they have reached.
        while (std::chrono::steady_clock::now() < end_ && !stop_) {
          const std::uint64_t before = writer->acked();
          writer->Run(
              std::min(end_, std::chrono::steady_clock::now() + std::chrono::milliseconds(200)));
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
    Client client = cluster_.Connect(std::chrono::seconds(20));
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
  std::chrono::steady_clock::time_point end_;
};

}  // namespace ringfort::integration
