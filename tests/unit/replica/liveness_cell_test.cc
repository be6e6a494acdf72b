// The mark that heartbeats read.
#include "replica/liveness_cell.h"

#include <gtest/gtest.h>

namespace ringfort::replica {
namespace {

TEST(LivenessCell, FollowsNobodyAtFirstAndNobodyInTermZero) {
  LivenessCell cell;
  EXPECT_FALSE(cell.Follows(Term(0), NodeId(0)));
  EXPECT_FALSE(cell.Follows(Term(1), NodeId(1)));
}

TEST(LivenessCell, FollowsExactlyOnePrimaryInExactlyOneTerm) {
  LivenessCell cell;
  cell.Publish(Term(3), NodeId(2));
  EXPECT_TRUE(cell.Follows(Term(3), NodeId(2)));
  EXPECT_FALSE(cell.Follows(Term(3), NodeId(1)));
  EXPECT_FALSE(cell.Follows(Term(2), NodeId(2)));
  EXPECT_FALSE(cell.Follows(Term(4), NodeId(2)));
  cell.Publish(Term(), NodeId());
  EXPECT_FALSE(cell.Follows(Term(3), NodeId(2)));
}

}  // namespace
}  // namespace ringfort::replica
