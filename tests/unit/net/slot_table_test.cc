#include "net/slot_table.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/random.h"

namespace ringfort::net {
namespace {

// Against a std::map, which cannot be wrong.
TEST(SlotTableTest, DoesWhatAMapDoes) {
  const std::uint64_t seed = 7;
  Random random(seed);
  SlotTable<int> table;
  std::map<std::uint64_t, int> twin;
  std::set<std::uint64_t> ever;
  for (int step = 0; step < 20'000; ++step) {
    if (twin.empty() || random.OneIn(2)) {
      const std::uint64_t ticket = table.Insert(step);
      EXPECT_NE(ticket, 0U);
      EXPECT_TRUE(ever.insert(ticket).second) << "a ticket twice, seed " << seed;
      twin.emplace(ticket, step);
    } else {
      auto one = ever.lower_bound(random.Next() % (*ever.rbegin() + 1));
      const auto known = twin.find(*one);
      const std::optional<int> taken = table.Take(*one);
      ASSERT_EQ(taken.has_value(), known != twin.end());
      if (known != twin.end()) {
        EXPECT_EQ(*taken, known->second);
        twin.erase(known);
      }
    }
    ASSERT_EQ(table.size(), twin.size());
  }
  EXPECT_EQ(table.Find(0), nullptr);
  EXPECT_EQ(table.TakeAll().size(), twin.size());
  EXPECT_EQ(table.size(), 0U);
  for (std::uint64_t ticket : ever) EXPECT_EQ(table.Find(ticket), nullptr);
}

}  // namespace
}  // namespace ringfort::net
