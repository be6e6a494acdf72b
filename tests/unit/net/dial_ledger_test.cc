// One connection per process and lane counts: the rule behind raft.h's "in order, once, a prefix".
#include "net/dial_ledger.h"

#include <gtest/gtest.h>

namespace ringfort::net {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only
using env::DialNumber;
using env::Lane;

const NodeId kPeer(2);
const MonotonicTime kNow{1h};

env::PeerIdentity Boot(std::uint64_t boot, std::uint64_t incarnation = 1) {
  return {kPeer, Incarnation{incarnation, 1}, BootNumber(boot)};
}

TEST(DialLedgerTest, OnceANewerDialIsAdmittedTheOlderCountsForNothing) {
  DialLedger ledger;
  const auto older = ledger.Admit(Boot(1), Lane::kBulk, DialNumber(4));
  ASSERT_TRUE(older);
  EXPECT_TRUE(ledger.Hear(kPeer, Lane::kBulk, *older, kNow));
  const auto newer = ledger.Admit(Boot(1), Lane::kBulk, DialNumber(6));
  ASSERT_TRUE(newer);
  EXPECT_FALSE(ledger.Hear(kPeer, Lane::kBulk, *older, kNow));
  EXPECT_TRUE(ledger.Hear(kPeer, Lane::kBulk, *newer, kNow));
}

// The hello of an older connection may be read last: another loop had it.
TEST(DialLedgerTest, ALowerDialIsRefusedAndChangesNothing) {
  DialLedger ledger;
  const auto newer = ledger.Admit(Boot(1), Lane::kBulk, DialNumber(6));
  EXPECT_FALSE(ledger.Admit(Boot(1), Lane::kBulk, DialNumber(4)));
  EXPECT_FALSE(ledger.Admit(Boot(1), Lane::kBulk, DialNumber(6))) << "the same one again";
  EXPECT_TRUE(ledger.Hear(kPeer, Lane::kBulk, *newer, kNow));
}

TEST(DialLedgerTest, LanesAndPeersAreApart) {
  DialLedger ledger;
  const auto bulk = ledger.Admit(Boot(1), Lane::kBulk, DialNumber(6));
  const auto liveness = ledger.Admit(Boot(1), Lane::kLiveness, DialNumber(5));
  const auto other =
      ledger.Admit({NodeId(3), Incarnation{3, 1}, BootNumber(1)}, Lane::kBulk, DialNumber(1));
  ASSERT_TRUE(bulk && liveness && other);
  EXPECT_TRUE(ledger.Hear(kPeer, Lane::kBulk, *bulk, kNow));
  EXPECT_TRUE(ledger.Hear(kPeer, Lane::kLiveness, *liveness, kNow));
  EXPECT_FALSE(ledger.Hear(kPeer, Lane::kLiveness, *bulk, kNow));
  EXPECT_TRUE(ledger.Hear(NodeId(3), Lane::kBulk, *other, kNow));
}

TEST(DialLedgerTest, AnotherBootCountsItsDialsAnewAndVoidsAllLanesOfTheOneBefore) {
  DialLedger ledger;
  const auto bulk = ledger.Admit(Boot(1), Lane::kBulk, DialNumber(600));
  const auto liveness = ledger.Admit(Boot(1), Lane::kLiveness, DialNumber(601));
  EXPECT_TRUE(ledger.Admit(Boot(2), Lane::kBulk, DialNumber(1)));
  EXPECT_FALSE(ledger.Hear(kPeer, Lane::kBulk, *bulk, kNow));
  EXPECT_FALSE(ledger.Hear(kPeer, Lane::kLiveness, *liveness, kNow)) << "a process that is gone";
  EXPECT_TRUE(ledger.Admit(Boot(1, 2), Lane::kBulk, DialNumber(1))) << "another directory";
}

// What a process answered to our own dial tells of its boot as well.
TEST(DialLedgerTest, WhatIsSupersededCountsForNothing) {
  DialLedger ledger;
  const auto before = ledger.Admit(Boot(1), Lane::kBulk, DialNumber(6));
  ledger.Supersede(Boot(1));
  EXPECT_TRUE(ledger.Hear(kPeer, Lane::kBulk, *before, kNow));
  ledger.Supersede(Boot(2));
  EXPECT_FALSE(ledger.Hear(kPeer, Lane::kBulk, *before, kNow));
}

// A node of 627358a: it never has two connections of a lane at a time.
TEST(DialLedgerTest, OfAReleaseWithoutDialNumbersTheNewestCounts) {
  DialLedger ledger;
  const auto first = ledger.Admit(Boot(1), Lane::kBulk, DialNumber());
  const auto second = ledger.Admit(Boot(1), Lane::kBulk, DialNumber());
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(ledger.Hear(kPeer, Lane::kBulk, *first, kNow));
  EXPECT_TRUE(ledger.Hear(kPeer, Lane::kBulk, *second, kNow));
}

TEST(DialLedgerTest, APeerIsHeardWhileAConnectionIsOpenThatBroughtSomething) {
  DialLedger ledger;
  EXPECT_FALSE(ledger.HeardSince(kPeer, kNever));
  const auto first = ledger.Admit(Boot(1), Lane::kLiveness, DialNumber(1));
  EXPECT_FALSE(ledger.HeardSince(kPeer, kNow)) << "a hello is older than it looks";
  ledger.Hear(kPeer, Lane::kLiveness, *first, kNow);
  EXPECT_TRUE(ledger.HeardSince(kPeer, kNow - 200ms));
  EXPECT_FALSE(ledger.HeardSince(kPeer, kNow + 1ms));
  EXPECT_FALSE(ledger.HeardSince(NodeId(3), kNever));
  EXPECT_EQ(ledger.heard_at(kPeer, Lane::kLiveness), kNow);
  ledger.End(kPeer, Lane::kLiveness, *first);
  EXPECT_FALSE(ledger.HeardSince(kPeer, kNow - 200ms)) << "its process may have ended";

  const auto second = ledger.Admit(Boot(1), Lane::kLiveness, DialNumber(2));
  ledger.Hear(kPeer, Lane::kLiveness, *second, kNow);
  ledger.End(kPeer, Lane::kLiveness, *first);
  EXPECT_TRUE(ledger.HeardSince(kPeer, kNow)) << "the end of a connection that was replaced";
}

// The hello of a directory's last process may be read after that of the directory which came in its
// place (simulator, seed 650): the living one must be told to dial anew, on each lane.
TEST(DialLedgerTest, WhatIsNotHeardAnyMoreIsToBeClosed) {
  DialLedger ledger;
  const auto liveness = ledger.Admit(Boot(1, 2), Lane::kLiveness, DialNumber(1));
  ASSERT_TRUE(ledger.Admit(Boot(1, 2), Lane::kBulk, DialNumber(2)));
  ledger.End(kPeer, Lane::kLiveness, *liveness);
  EXPECT_EQ(ledger.Supersede(Boot(2, 1)), (std::vector<Lane>{Lane::kBulk}));
  EXPECT_TRUE(ledger.Supersede(Boot(2, 1)).empty()) << "once";
}

}  // namespace
}  // namespace ringfort::net
