// Kills, and then the account: every acknowledged write is there, once, and nothing else is.
#include "tests/integration/accounting.h"

namespace ringfort::integration {
namespace {

using std::chrono::seconds;

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
  // Each primary was handed over first (protocols 10).
  for (const auto& writer : writers_) {
    EXPECT_EQ(writer->refused(), 0U);
    EXPECT_EQ(writer->unknown(), 0U);
  }
  ASSERT_TRUE(Eventually(seconds(30), [this] { return CaughtUp(); }));
  Account();
}

}  // namespace
}  // namespace ringfort::integration
