// Protocols 1 and 3: the newest start counts, and each boot is gone once.
#include "net/boot_ledger.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace ringfort::net {
namespace {

env::PeerIdentity Boot(std::uint64_t boot, std::uint64_t incarnation = 1) {
  return {NodeId(2), Incarnation{incarnation, 1}, BootNumber(boot)};
}

/// A directory with what its newest starts drew, the first of them in boot `first`.
struct Directory {
  std::uint64_t first;
  std::vector<std::uint64_t> nonces;

  [[nodiscard]] env::Lineage lineage() const {
    env::Lineage lineage;
    for (std::size_t i = 0; i < nonces.size(); ++i) {
      lineage.push_back({BootNumber(first + i), nonces[i]});
    }
    return lineage;
  }
  [[nodiscard]] env::PeerIdentity process() const {
    return {NodeId(2), Incarnation{1, 1}, lineage().back().boot, {}, nonces.back()};
  }
};

bool IsTaken(BootLedger* ledger, const Directory& directory) {
  const BootLedger::Sighting sighting = ledger->See(directory.process(), directory.lineage());
  return !sighting.outdated && !sighting.incredible;
}

TEST(BootLedgerTest, AHigherBootMeansThatTheOldOneIsGone) {
  BootLedger ledger;
  EXPECT_FALSE(ledger.See(Boot(3), {}).gone);
  EXPECT_FALSE(ledger.See(Boot(3), {}).gone);
  EXPECT_EQ(ledger.See(Boot(4), {}).gone, Boot(3));
  EXPECT_FALSE(ledger.See(Boot(4), {}).gone);
}

// An old copy of a data directory is put back and started.
TEST(BootLedgerTest, ALowerBootIsOutdatedAndChangesNothing) {
  BootLedger ledger;
  static_cast<void>(ledger.See(Boot(5), {}));
  EXPECT_TRUE(ledger.See(Boot(4), {}).outdated);
  EXPECT_FALSE(ledger.See(Boot(4), {}).gone);
  EXPECT_FALSE(ledger.See(Boot(5), {}).outdated);
}

// The run: a directory is put back from a copy that is exactly one start older. Its next start
// shows the boot number that was seen already.
TEST(BootLedgerTest, AnEqualBootOfAnotherLifeIsOutdated) {
  BootLedger ledger;
  EXPECT_TRUE(IsTaken(&ledger, {1, {10, 20}}));
  EXPECT_TRUE(IsTaken(&ledger, {1, {10, 20}})) << "the same process dials again";
  EXPECT_FALSE(IsTaken(&ledger, {1, {10, 21}}));
  EXPECT_TRUE(IsTaken(&ledger, {1, {10, 20, 30}})) << "the true one starts again";
}

// The run: the old copy is started again and again until its boot number has passed the other's.
TEST(BootLedgerTest, AHigherBootOfAnotherDescentIsOutdated) {
  BootLedger ledger;
  EXPECT_TRUE(IsTaken(&ledger, {1, {10, 20}}));
  EXPECT_FALSE(IsTaken(&ledger, {1, {10, 21, 31, 41, 51}}));
  EXPECT_TRUE(IsTaken(&ledger, {1, {10, 20, 30, 40}}))
      << "starts that nobody saw are none the worse";
}

// A node that crashes between the sync of its boot and its first hello must not shut itself out.
TEST(BootLedgerTest, StartsThatNobodySawAreSkipped) {
  BootLedger ledger;
  EXPECT_TRUE(IsTaken(&ledger, {5, {50}}));
  EXPECT_TRUE(IsTaken(&ledger, {5, {50, 60, 70, 80}}));
}

// Old releases draw no nonce: of them the boot number alone tells, as ever.
TEST(BootLedgerTest, StartsOfAReleaseWithoutNonces) {
  BootLedger ledger;
  static_cast<void>(ledger.See(Boot(3), {}));
  EXPECT_FALSE(ledger.See(Boot(3), {}).outdated) << "it cannot be told";
  EXPECT_TRUE(IsTaken(&ledger, {4, {40}})) << "upgraded";
  EXPECT_FALSE(ledger.See(Boot(5), {}).outdated) << "and back";
  EXPECT_TRUE(ledger.See(Boot(4), {}).outdated);
  // Upgraded again: boot 5 drew none, so it is not in the lineage.
  EXPECT_FALSE(ledger
                   .See({NodeId(2), Incarnation{1, 1}, BootNumber(6), {}, 60},
                        {{BootNumber(4), 40}, {BootNumber(6), 60}})
                   .outdated);
  BootLedger other;
  static_cast<void>(other.See(Boot(5), {}));
  EXPECT_FALSE(IsTaken(&other, {4, {40, 50}})) << "boot 5 drew a nonce there";
}

// A lineage holds the newest starts only: before them the boot numbers tell.
TEST(BootLedgerTest, WhatLiesBeforeTheLineageCannotBeTold) {
  BootLedger ledger;
  EXPECT_TRUE(IsTaken(&ledger, {5, {50}}));
  EXPECT_TRUE(IsTaken(&ledger, {300, {1, 2, 3}}));
}

TEST(BootLedgerTest, AnEarlierLifeOfThisNodeIsRemembered) {
  BootLedger ledger;
  ledger.Remember({NodeId(2), Incarnation{1, 1}, BootNumber(2), {}, 20});
  EXPECT_FALSE(ledger.Refused(NodeId(2))) << "this process has not seen it";
  EXPECT_FALSE(IsTaken(&ledger, {1, {10, 21}}));
  EXPECT_FALSE(ledger.Refused(NodeId(2))) << "who is refused is nobody";
  const Directory next{1, {10, 20, 30}};
  EXPECT_FALSE(ledger.See(next.process(), next.lineage()).gone) << "it was never up here";
  EXPECT_EQ(ledger.Refused(NodeId(2)), next.process());
}

// One lie must not shut a directory out for ever.
TEST(BootLedgerTest, ABootNumberThatCannotBeTrueIsNotBelieved) {
  BootLedger ledger;
  EXPECT_TRUE(ledger.See(Boot(UINT64_MAX), {}).incredible) << "the first claim, too";
  static_cast<void>(ledger.See(Boot(3), {}));
  EXPECT_TRUE(ledger.See(Boot(UINT64_MAX - 1), {}).incredible);
  EXPECT_TRUE(ledger.See(Boot(4 + BootLedger::kBootStepMax), {}).incredible);
  EXPECT_FALSE(ledger.See(Boot(3 + BootLedger::kBootStepMax), {}).incredible);
}

// Replaced directories stay replaced, and a few of them are remembered.
TEST(BootLedgerTest, EachDirectoryOfANodeIsJudgedByItsOwnStarts) {
  BootLedger ledger;
  static_cast<void>(ledger.See(Boot(9, 1), {}));
  for (std::uint64_t other = 2; other <= BootLedger::kDirectoriesMax; ++other) {
    static_cast<void>(ledger.See(Boot(1, other), {}));
  }
  EXPECT_TRUE(ledger.See(Boot(8, 1), {}).outdated);
}

TEST(BootLedgerTest, RefusedSaysGoneOnceForEachBoot) {
  BootLedger ledger;
  EXPECT_FALSE(ledger.Refused(NodeId(2))) << "never seen";
  static_cast<void>(ledger.See(Boot(1), {}));
  EXPECT_EQ(ledger.Refused(NodeId(2)), Boot(1));
  EXPECT_FALSE(ledger.Refused(NodeId(2)));
  EXPECT_FALSE(ledger.See(Boot(2), {}).gone) << "said already";
  EXPECT_EQ(ledger.Refused(NodeId(2)), Boot(2));
}

// A wiped directory counts its boots from 1 again, under another incarnation.
TEST(BootLedgerTest, AnotherIncarnationIsAnotherProcess) {
  BootLedger ledger;
  static_cast<void>(ledger.See(Boot(9, 1), {}));
  const BootLedger::Sighting sighting = ledger.See(Boot(1, 2), {});
  EXPECT_FALSE(sighting.outdated);
  EXPECT_EQ(sighting.gone, Boot(9, 1));
  EXPECT_EQ(ledger.Refused(NodeId(2)), Boot(1, 2));
}

// A hello of the directory's last process that comes late must not bring it back (simulator, seed
// 650: it took the place of the living one). Another start of that directory does.
TEST(BootLedgerTest, AProcessThatWasReplacedDoesNotComeBack) {
  BootLedger ledger;
  EXPECT_FALSE(ledger.See(Boot(2), {}).outdated);
  EXPECT_EQ(ledger.See(Boot(1, 2), {}).gone, Boot(2));
  EXPECT_TRUE(ledger.See(Boot(2), {}).outdated);
  EXPECT_FALSE(ledger.See(Boot(1, 2), {}).outdated);
  EXPECT_FALSE(ledger.See(Boot(3), {}).outdated);
  EXPECT_TRUE(ledger.See(Boot(1, 2), {}).outdated);
}

}  // namespace
}  // namespace ringfort::net
