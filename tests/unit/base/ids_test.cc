// Strong numbers and random ids.
#include "base/ids.h"

#include <gtest/gtest.h>

#include <sstream>
#include <type_traits>
#include <unordered_set>

namespace ringfort {
namespace {

static_assert(!std::is_convertible_v<Term, LogIndex>, "kinds do not mix");
static_assert(!std::is_convertible_v<int, Term>, "a plain number says no kind");
static_assert(!std::is_convertible_v<Term, std::uint64_t>, "only value() takes the kind off");

TEST(StrongNumber, CountsAndCompares) {
  LogIndex index(7);
  EXPECT_EQ(++index, LogIndex(8));
  EXPECT_EQ(index + 2, LogIndex(10));
  EXPECT_EQ(index - 8, LogIndex());
  EXPECT_EQ(LogIndex(10) - index, 2u);
  EXPECT_LT(index, LogIndex(9));
}

TEST(StrongNumber, PrintsItsNumber) {
  std::ostringstream out;
  out << ShardId(12) << " " << Term(3);
  EXPECT_EQ(out.str(), "12 3");
}

TEST(StrongNumber, HashesAsAKey) {
  std::unordered_set<NodeId> nodes = {NodeId(1), NodeId(2), NodeId(1)};
  EXPECT_EQ(nodes.size(), 2u);
}

TEST(RandomId, PrintsThirtyTwoDigits) {
  EXPECT_EQ((ClusterId{0x0123456789abcdef, 0xfedcba9876543210}).ToString(),
            "0123456789abcdeffedcba9876543210");
  EXPECT_EQ((ClusterId{0, 1}).ToString(), "00000000000000000000000000000001");
}

TEST(RandomId, IsEmptyOnlyWhenNoneWasDrawn) {
  EXPECT_TRUE(Incarnation().empty());
  EXPECT_FALSE((Incarnation{0, 1}).empty());
  EXPECT_FALSE((Incarnation{1, 0}).empty());
}

}  // namespace
}  // namespace ringfort
