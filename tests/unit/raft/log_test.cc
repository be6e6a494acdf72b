// The log against a dumb twin: a plain vector of every entry.
#include "raft/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"

namespace ringfort::raft {
namespace {

struct Twin {
  std::vector<Entry> entries;  ///< From index 1 on; those up to the base are only remembered.
  LogIndex base;

  [[nodiscard]] LogIndex last() const { return LogIndex(entries.size()); }
  [[nodiscard]] Term At(LogIndex i) const {
    return i == LogIndex() ? Term() : entries[i.value() - 1].term;
  }
};

void Compare(const Log& log, const Twin& twin, Random* random) {
  ASSERT_EQ(log.last_index(), twin.last());
  ASSERT_EQ(log.base().index, twin.base);
  EXPECT_EQ(log.base().term, twin.At(twin.base));
  EXPECT_EQ(log.last_term(), twin.At(twin.last()));
  std::size_t cached = 0;
  for (LogIndex i; i <= twin.last() + 2; ++i) {
    const bool inside = i >= twin.base && i <= twin.last();
    EXPECT_EQ(log.TermAt(i), inside ? std::optional(twin.At(i)) : std::nullopt);
    if (log.IsCached(i)) cached += twin.entries[i.value() - 1].size_bytes();
  }
  EXPECT_EQ(log.cached_bytes(), cached);

  const LogIndex index = twin.base + random->Below(twin.last() - twin.base + 3);
  const Term term(random->Below(twin.At(twin.last()).value() + 2));
  LogIndex dumb = std::min(index, twin.last());
  while (dumb > twin.base && twin.At(dumb) > term) dumb = dumb - 1;
  EXPECT_EQ(log.LastAtOrBelow(index, term), dumb);
  EXPECT_EQ(log.IsUpToDate(index, term),
            std::pair(term, index) >= std::pair(twin.At(twin.last()), twin.last()));

  const std::size_t bytes_max = random->Below(300);
  const std::vector<Entry> some = log.Cached(index, twin.last(), bytes_max);
  EXPECT_EQ(some.empty(), !log.IsCached(index));
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < some.size(); ++i) {
    EXPECT_EQ(some[i], twin.entries[index.value() - 1 + i]);
    bytes += some[i].size_bytes();
  }
  EXPECT_TRUE(some.size() <= 1 || bytes <= bytes_max);
  if (!some.empty() && some.back().index < twin.last()) {
    EXPECT_GT(bytes + twin.entries[some.back().index.value()].size_bytes(), bytes_max);
  }
}

TEST(Log, AgreesWithATwinThatIsAVector) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Twin twin;
    Log log(LogBase{}, LogIndex(), {});
    Term newest(1);
    for (int step = 0; step < 60; ++step) {
      switch (random.Below(5)) {
        case 0:
        case 1: {  // More entries, in the newest term.
          std::vector<Entry> more;
          for (std::size_t n = random.Below(4); n > 0; --n) {
            more.push_back(Entry{newest, twin.last() + 1, EntryKind::kCommand,
                                 SharedBytes(std::string(random.Below(90), 'x'))});
            twin.entries.push_back(more.back());
          }
          log.Append(more);
          break;
        }
        case 2: {  // A new primary replaces a suffix.
          ++newest;
          const LogIndex first = twin.base + 1 + random.Below(twin.last() - twin.base + 1);
          twin.entries.resize(first.value() - 1);
          twin.entries.push_back(Entry{newest, first, EntryKind::kNoop, SharedBytes()});
          log.Append({twin.entries.back()});
          break;
        }
        case 3:
          log.EvictTo(random.Below(200), twin.base + random.Below(twin.last() - twin.base + 1));
          break;
        default:
          if (!random.OneIn(3)) break;
          twin.base = twin.base + random.Below(twin.last() - twin.base + 1);
          log.Cut(twin.base);
          break;
      }
      Compare(log, twin, &random);
      if (testing::Test::HasFailure()) return;
    }
    // What is recovered from a disk says the same, with nothing in memory.
    std::vector<TermRun> runs;
    for (LogIndex i = twin.base + 1; i <= twin.last(); ++i) {
      if (runs.empty() || runs.back().term != twin.At(i)) runs.push_back({i, twin.At(i)});
    }
    Compare(Log(LogBase{twin.base, twin.At(twin.base), {}}, twin.last(), runs), twin, &random);
  }
}

}  // namespace
}  // namespace ringfort::raft
