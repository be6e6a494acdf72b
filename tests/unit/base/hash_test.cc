// Known answers of XXH3: ring positions, frames and log records on disk depend on them.
#include "base/hash.h"

#include <gtest/gtest.h>

#include <string>

namespace ringfort {
namespace {

// The empty string's is in the reference implementation's documents; those of 8 and 11 bytes were
// computed from the text of the specification (xxhash_spec.md, "XXH3"), not with the library.
TEST(Hash64, GivesTheKnownAnswers) {
  EXPECT_EQ(Hash64(""), 0x2d06800538d394c2u);
  EXPECT_EQ(Hash64("ringfort"), 0x73387b8389cb1f6du);
  EXPECT_EQ(Hash64("shard key 7"), 0xaa2566434a33079cu);
}

TEST(Hash64, SeedZeroIsNoSeed) {
  for (const std::size_t size : {0, 3, 8, 16, 100, 200, 1000}) {
    const std::string bytes(size, 'r');
    EXPECT_EQ(Hash64(bytes, 0), Hash64(bytes)) << size;
    EXPECT_NE(Hash64(bytes, 1), Hash64(bytes)) << size;
  }
}

}  // namespace
}  // namespace ringfort
