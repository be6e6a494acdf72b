// Status and Result: what they carry, and that asking an error for its value ends the process.
#include "ringfort/status.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

namespace ringfort {
namespace {

using namespace std::chrono_literals;

TEST(Status, CarriesWhatHappened) {
  Status status(Code::kOverloaded, "the queue is full (wait)", Effect::kUnknown);
  status.set_retry_after(20ms);
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.code(), Code::kOverloaded);
  EXPECT_EQ(status.effect(), Effect::kUnknown);
  EXPECT_EQ(status.retry_after(), 20ms);
  EXPECT_EQ(status.ToString(), "Overloaded: the queue is full (wait)");
  EXPECT_EQ(status.set_effect(Effect::kApplied).effect(), Effect::kApplied);
}

TEST(Status, IsOkByDefault) {
  EXPECT_TRUE(Status().ok());
  EXPECT_TRUE(Status::Ok().ok());
  EXPECT_EQ(Status().ToString(), "OK");
  EXPECT_EQ(Status().effect(), Effect::kNotApplied);
}

TEST(Status, EveryCodeHasANameOfItsOwn) {
  std::set<std::string_view> names;
  const int codes = static_cast<int>(Code::kInternal) + 1;
  for (int code = 0; code < codes; ++code) names.insert(CodeName(static_cast<Code>(code)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(codes));
  EXPECT_FALSE(names.contains("Unknown"));
  // A peer of a later version may send a code that this one does not know.
  EXPECT_EQ(CodeName(static_cast<Code>(250)), "Unknown");
}

TEST(Result, HoldsAValueOrAStatus) {
  Result<std::unique_ptr<int>> good(std::make_unique<int>(4));
  ASSERT_TRUE(good.ok());
  EXPECT_TRUE(good.status().ok());
  EXPECT_EQ(**good, 4);
  const std::unique_ptr<int> moved = *std::move(good);
  EXPECT_EQ(*moved, 4);

  const Result<std::string> bad(Status(Code::kNotFound, "no such entry"));
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.status().code(), Code::kNotFound);
}

TEST(ResultDeathTest, AnErrorHasNoValue) {
  Result<int> bad(Status(Code::kNotFound, "no such entry"));
  EXPECT_DEATH({ *bad += 1; }, "");
  EXPECT_DEATH({ Result<int> neither{Status::Ok()}; }, "");
}

}  // namespace
}  // namespace ringfort
