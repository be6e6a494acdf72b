// Numbers of a session's writes against a dumb twin.
#include "client/sequence_window.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "base/random.h"

namespace ringfort::client {
namespace {

TEST(SequenceWindowTest, CountsFromOne) {
  SequenceWindow window;
  EXPECT_EQ(window.first_unanswered(), Sequence(1));
  EXPECT_EQ(window.Take(), Sequence(1));
  EXPECT_EQ(window.Take(), Sequence(2));
  window.Finish(Sequence(2));
  EXPECT_EQ(window.first_unanswered(), Sequence(1)) << "1 has no answer yet";
  window.Finish(Sequence(1));
  EXPECT_EQ(window.first_unanswered(), Sequence(3));
}

// Replicas keep the outcomes from first_unanswered on, 1,024 at most: one old write without an
// answer closes the window, however many newer ones have theirs (protocols 7).
TEST(SequenceWindowTest, TheOldestUnfinishedWriteHoldsTheWindow) {
  SequenceWindow window;
  for (std::uint64_t i = 1; i <= SequenceWindow::kSpan; ++i) {
    ASSERT_FALSE(window.full());
    ASSERT_EQ(window.Take(), Sequence(i));
  }
  EXPECT_TRUE(window.full());
  for (std::uint64_t i = 2; i <= SequenceWindow::kSpan; ++i) window.Finish(Sequence(i));
  EXPECT_TRUE(window.full());
  window.Finish(Sequence(1));
  EXPECT_FALSE(window.full());
  EXPECT_EQ(window.first_unanswered(), Sequence(SequenceWindow::kSpan + 1));
}

TEST(SequenceWindowDeathTest, ANumberIsFinishedOnce) {
  SequenceWindow window;
  window.Take();
  window.Take();
  window.Finish(Sequence(2));
  EXPECT_DEATH(window.Finish(Sequence(2)), "again");
  EXPECT_DEATH(window.Finish(Sequence(3)), "sequence 3");
}

TEST(SequenceWindowTest, AgreesWithASetOfWhatIsUnfinished) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    SequenceWindow window;
    std::set<std::uint64_t> unfinished;
    std::uint64_t next = 1;
    for (int step = 0; step < 20'000; ++step) {
      const std::uint64_t first = unfinished.empty() ? next : *unfinished.begin();
      ASSERT_EQ(window.first_unanswered(), Sequence(first));
      ASSERT_EQ(window.full(), next - first >= SequenceWindow::kSpan);
      // Phases that fill the window, and phases that empty it.
      const bool filling = (step / 3000) % 2 == 0;
      const bool take = random.OneIn(filling ? 1 : 3) || unfinished.empty();
      if (take && !window.full()) {
        ASSERT_EQ(window.Take(), Sequence(next));
        unfinished.insert(next++);
      } else {
        auto which = unfinished.begin();
        std::advance(which, static_cast<std::ptrdiff_t>(random.Below(unfinished.size())));
        window.Finish(Sequence(*which));
        unfinished.erase(which);
      }
    }
  }
}

}  // namespace
}  // namespace ringfort::client
