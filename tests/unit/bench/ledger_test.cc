#include "tools/bench/ledger.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace ringfort::bench {
namespace {

const std::string kKey = "ledger/1/once/7";

LedgerKey Account(std::uint64_t acked, Version version, std::uint64_t unknown) {
  return {kKey, acked, version, unknown};
}

std::optional<Found> Write(std::uint64_t number, Version version) {
  return Found{LedgerValue(kKey, number), version};
}

TEST(Judge, FindsWhatWasAcknowledged) {
  EXPECT_EQ(Judge(Account(3, 30, 0), Write(3, 30)), Finding::kRight);
  // An answer without a version says nothing of it.
  EXPECT_EQ(Judge(Account(3, 0, 0), Write(3, 30)), Finding::kRight);
}

TEST(Judge, FindsLostWrites) {
  EXPECT_EQ(Judge(Account(3, 30, 0), std::nullopt), Finding::kLost);
  EXPECT_EQ(Judge(Account(3, 30, 4), std::nullopt), Finding::kLost);
  EXPECT_EQ(Judge(Account(0, 0, 0), std::nullopt), Finding::kRight);
  EXPECT_EQ(Judge(Account(0, 0, 1), std::nullopt), Finding::kRight);
}

TEST(Judge, FindsStaleValues) {
  EXPECT_EQ(Judge(Account(3, 30, 0), Write(2, 20)), Finding::kStale);
  EXPECT_EQ(Judge(Account(3, 30, 4), Write(1, 10)), Finding::kStale);
}

TEST(Judge, AllowsAWriteOfUnknownEffectBothWays) {
  EXPECT_EQ(Judge(Account(3, 30, 4), Write(4, 40)), Finding::kRight);
  EXPECT_EQ(Judge(Account(3, 30, 4), Write(3, 30)), Finding::kRight);
  EXPECT_EQ(Judge(Account(0, 0, 1), Write(1, 10)), Finding::kRight);
}

TEST(Judge, FindsPhantoms) {
  // Refused writes.
  EXPECT_EQ(Judge(Account(3, 30, 0), Write(4, 40)), Finding::kPhantom);
  EXPECT_EQ(Judge(Account(0, 0, 0), Write(1, 10)), Finding::kPhantom);
  // Bytes that nobody wrote there.
  for (const char* value :
       {"", "ledger/1/once/7", "ledger/1/once/7 ", "ledger/1/once/7 3 ", "ledger/1/once/7 03",
        "ledger/1/once/7 -3", "ledger/1/once/8 3", "ledger/1/once/7 0"}) {
    EXPECT_EQ(Judge(Account(3, 30, 0), Found{value, 30}), Finding::kPhantom) << value;
  }
}

TEST(Judge, FindsWritesThatHappenedTwice) {
  EXPECT_EQ(Judge(Account(3, 30, 0), Write(3, 31)), Finding::kRepeated);
}

TEST(Note, PutsEachAnswerDown) {
  LedgerKey account = Account(0, 0, 0);
  Note(&account, 1, Version{10});
  EXPECT_EQ(account, Account(1, 10, 0));
  Note(&account, 2, Status(Code::kOverloaded, "full"));
  EXPECT_EQ(account, Account(1, 10, 0));
  Note(&account, 3, Status(Code::kInternal, "applied all the same", Effect::kApplied));
  EXPECT_EQ(account, Account(3, 0, 0));
  Note(&account, 4, Status(Code::kDeadlineExceeded, "late", Effect::kUnknown));
  EXPECT_EQ(account, Account(3, 0, 4));
}

TEST(LedgerFile, BringsAccountsBack) {
  const std::string path = testing::TempDir() + "ledger_" + std::to_string(::getpid());
  const std::vector<LedgerKey> keys = {{"a/1", 1, 17, 0}, {"a/2", 0, 0, 1}, {"a/3", 5, 99, 6}};
  ASSERT_TRUE(WriteLedger(path, keys).ok());
  const Result<std::vector<LedgerKey>> back = ReadLedger(path);
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(*back, keys);
  std::ofstream(path, std::ios::app) << "a/4 1 2\n";
  EXPECT_EQ(ReadLedger(path).status().code(), Code::kCorruption);
  std::ofstream(path) << "something else\n";
  EXPECT_EQ(ReadLedger(path).status().code(), Code::kCorruption);
  ::unlink(path.c_str());
  EXPECT_EQ(ReadLedger(path).status().code(), Code::kIoError);
}

}  // namespace
}  // namespace ringfort::bench
