// Protocols 1 and 3: the highest boot counts, and each boot is gone once.
#include "net/boot_ledger.h"

#include <gtest/gtest.h>

namespace ringfort::net {
namespace {

env::PeerIdentity Boot(std::uint64_t boot, std::uint64_t incarnation = 1) {
  return {NodeId(2), Incarnation{incarnation, 1}, BootNumber(boot)};
}

TEST(BootLedgerTest, AHigherBootMeansThatTheOldOneIsGone) {
  BootLedger ledger;
  EXPECT_FALSE(ledger.See(Boot(3)).gone);
  EXPECT_FALSE(ledger.See(Boot(3)).gone);
  EXPECT_EQ(ledger.See(Boot(4)).gone, Boot(3));
  EXPECT_FALSE(ledger.See(Boot(4)).gone);
}

// An old copy of a data directory is put back and started.
TEST(BootLedgerTest, ALowerBootIsOutdatedAndChangesNothing) {
  BootLedger ledger;
  static_cast<void>(ledger.See(Boot(5)));
  EXPECT_TRUE(ledger.See(Boot(4)).outdated);
  EXPECT_FALSE(ledger.See(Boot(4)).gone);
  EXPECT_FALSE(ledger.See(Boot(5)).outdated);
}

TEST(BootLedgerTest, RefusedSaysGoneOnceForEachBoot) {
  BootLedger ledger;
  EXPECT_FALSE(ledger.Refused(NodeId(2))) << "never seen";
  static_cast<void>(ledger.See(Boot(1)));
  EXPECT_EQ(ledger.Refused(NodeId(2)), Boot(1));
  EXPECT_FALSE(ledger.Refused(NodeId(2)));
  EXPECT_FALSE(ledger.See(Boot(2)).gone) << "said already";
  EXPECT_EQ(ledger.Refused(NodeId(2)), Boot(2));
}

// A wiped directory counts its boots from 1 again, under another incarnation.
TEST(BootLedgerTest, AnotherIncarnationIsAnotherProcess) {
  BootLedger ledger;
  static_cast<void>(ledger.See(Boot(9, 1)));
  const BootLedger::Sighting sighting = ledger.See(Boot(1, 2));
  EXPECT_FALSE(sighting.outdated);
  EXPECT_EQ(sighting.gone, Boot(9, 1));
  EXPECT_EQ(ledger.Refused(NodeId(2)), Boot(1, 2));
}

}  // namespace
}  // namespace ringfort::net
