// A link that was cut is back as soon as the way is free, not when TCP next tries.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ringfort/client.h"
#include "tests/integration/local_cluster.h"
#include "tests/integration/separate_machines.h"

namespace ringfort::integration {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kNodes = 3;
constexpr milliseconds kBackWithin{500};

std::string AddressOf(std::uint32_t node) {
  return SeparateMachines::AddressOf(node) + ":7101";
}

/// Three nodes on three machines, and clients on the switch that write a little all the time.
class CutLinks : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    // The links' time is measured, not that of what else the machine does. Best effort.
    static_cast<void>(::setpriority(PRIO_PROCESS, 0, -15));
    cannot_ = SeparateMachines::Enter();
  }

  void SetUp() override {
    if (!cannot_.empty()) GTEST_SKIP() << cannot_;
    const std::string dir = dir_.path().string();
    machines_ = std::make_unique<SeparateMachines>(kNodes, dir);
    std::ofstream config(dir + "/cluster.textproto");
    config << "cluster_name: \"cut\"\nshards: 16\n";
    for (std::uint32_t node = 1; node <= kNodes; ++node) {
      config << "nodes { id: " << node << " address: \"" << AddressOf(node) << "\" zone: \"z"
             << node << "\" }\n";
    }
    config.close();
    for (std::uint32_t node = 1; node <= kNodes; ++node) {
      const std::string name = dir + "/node-" + std::to_string(node);
      std::vector<std::string> words = machines_->RunOn(node);
      words.insert(words.end(), {ServerBinary(), "--config=" + dir + "/cluster.textproto",
                                 "--node=" + std::to_string(node), "--data_dir=" + name,
                                 "--log_segment_mb=8", "--log_mb=64"});
      nodes_.push_back(std::make_unique<Process>(words, name + ".log"));
    }
    ASSERT_TRUE(Eventually(seconds(60), [&] {
      client_.emplace(Connect());
      return client_->ok();
    })) << client_->status().ToString();
    for (int i = 0; i < 8; ++i) writers_.emplace_back([this, i] { Write(i); });
    const Clock::time_point now = Clock::now();
    ASSERT_TRUE(Eventually(seconds(60), [&] { return Quietest(now).empty(); })) << Quietest(now);
  }

  void TearDown() override {
    stop_ = true;
    for (std::thread& writer : writers_) writer.join();
  }

  static Result<Client> Connect() {
    ClientOptions options;
    options.timeout = seconds(2);
    for (std::uint32_t node = 1; node <= kNodes; ++node) {
      options.seeds.push_back(AddressOf(node));
    }
    return Client::Connect(options);
  }

  void Write(int writer) {
    for (int i = 0; !stop_; ++i) {
      const std::string key = "key-" + std::to_string(writer) + "-" + std::to_string(i % 100);
      // Some fail while their shard has no primary that is reached.
      static_cast<void>((*client_)->Put(key, "value", {.timeout = milliseconds(200)}));
      // Something for each link to carry, and not a machine with no time left.
      std::this_thread::sleep_for(milliseconds(10));
    }
  }

  using Counters = std::map<std::string, std::uint64_t>;
  std::optional<Counters> CountersOf(std::uint32_t node) {
    auto status = (*client_)->NodeStatus(node, {.timeout = seconds(2)});
    if (!status.ok()) return std::nullopt;
    Counters counters;
    for (const CounterView& counter : status->counters) counters[counter.name] = counter.value;
    return counters;
  }

  /// Among the links over which something is certain to have come since then, which one lacks it:
  /// an acknowledged heartbeat, or messages on either lane. Empty: none.
  std::string Quietest(Clock::time_point since) {
    for (std::uint32_t node = 1; node <= kNodes; ++node) {
      const Clock::time_point asked_at = Clock::now();
      const std::optional<Counters> counters = CountersOf(node);
      if (!counters) return "node " + std::to_string(node) + " does not answer";
      for (std::uint32_t peer = 1; peer <= kNodes; ++peer) {
        if (peer == node) continue;
        for (const char* what : {"acknowledged", "liveness_heard", "bulk_heard"}) {
          const std::string name = "peer_" + std::to_string(peer) + "_" + what + "_ms_ago";
          const auto found = counters->find(name);
          // A millisecond was rounded off.
          if (found != counters->end() && asked_at - milliseconds(found->second + 1) > since) {
            continue;
          }
          return "node " + std::to_string(node) + ": " + name +
                 (found == counters->end() ? " is not there"
                                           : " is " + std::to_string(found->second));
        }
      }
    }
    return "";
  }

  /// How long after the heal the last link was back, but for how long it took to find out.
  milliseconds CutFor(milliseconds time, const std::vector<SeparateMachines::Way>& ways) {
    machines_->Cut(ways);
    std::this_thread::sleep_for(time);  // This is what is tested.
    const Clock::time_point healed_at = Clock::now();
    machines_->Heal();
    std::string last = "nothing";
    milliseconds slowest_look{0};
    const auto back = [&] {
      const Clock::time_point asked_at = Clock::now();
      const std::string quietest = Quietest(healed_at);
      slowest_look = std::max(slowest_look, SinceThen(asked_at));
      if (!quietest.empty()) last = quietest;
      return quietest.empty();
    };
    while (!back() && Clock::now() - healed_at < seconds(30)) {
      std::this_thread::sleep_for(milliseconds(2));  // Between two looks at the condition.
    }
    const milliseconds took = SinceThen(healed_at);
    std::cout << "  back after " << took.count() << " ms, the slowest look at the nodes took "
              << slowest_look.count() << " ms; the last: " << last << std::endl;
    // What a look takes on a busy machine is not the links' fault.
    return std::max(milliseconds(0), took - slowest_look);
  }

  static milliseconds SinceThen(Clock::time_point then) {
    return std::chrono::duration_cast<milliseconds>(Clock::now() - then);
  }

  void CutEachWay(milliseconds time) {
    const struct {
      const char* name;
      std::vector<SeparateMachines::Way> ways;
    } kCuts[] = {{"both ways", {{1, 2}, {2, 1}, {1, 3}, {3, 1}}},
                 {"node 1 is not heard", {{1, 2}, {1, 3}}},
                 {"node 1 does not hear", {{2, 1}, {3, 1}}}};
    for (const auto& cut : kCuts) {
      std::cout << "cut for " << time.count() << " ms, " << cut.name << ":" << std::endl;
      EXPECT_LE(CutFor(time, cut.ways).count(), kBackWithin.count());
    }
  }

  static std::string cannot_;
  ScratchDir dir_;
  std::unique_ptr<SeparateMachines> machines_;
  std::vector<std::unique_ptr<Process>> nodes_;
  std::optional<Result<Client>> client_;
  std::vector<std::thread> writers_;
  std::atomic<bool> stop_{false};
};

std::string CutLinks::cannot_;

TEST_F(CutLinks, AreBackWithin500MillisecondsOfTheHeal) {
  CutEachWay(seconds(1));
  CutEachWay(seconds(5));
}

/// Takes five minutes: RINGFORT_LONG_CUTS=1 tests/integration_cut_links --gtest_filter='Long*'
class LongCutLinks : public CutLinks {
 protected:
  void SetUp() override {
    if (std::getenv("RINGFORT_LONG_CUTS") == nullptr) {
      GTEST_SKIP() << "set RINGFORT_LONG_CUTS=1 to cut for up to 20 s";
    }
    CutLinks::SetUp();
  }
};

TEST_F(LongCutLinks, AreBackWithin500MillisecondsOfTheHeal) {
  for (const int cut : {1, 2, 3, 5, 8, 12, 16, 20}) CutEachWay(seconds(cut));
}

}  // namespace
}  // namespace ringfort::integration
