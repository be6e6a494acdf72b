// How long a plan for the largest cluster takes and how much memory, within the bounds of the
// design: a node joins, one leaves, everything is placed.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdio>
#include <ctime>
#include <string>

#include "ring/placement.h"
#include "ring/replan.h"
#include "tests/unit/ring/placement_checks.h"

namespace ringfort::ring {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kAsUsersRunIt = false;
#elif defined(__OPTIMIZE__)
constexpr bool kAsUsersRunIt = true;
#else
constexpr bool kAsUsersRunIt = false;
#endif

// Of this process, so that others on the machine do not count.
double CpuSeconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double PeakMemoryMiB() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

constexpr std::uint32_t kNodes = 1000;

class ReplanSpeed : public ::testing::Test {
 protected:
  ReplanSpeed() {
    case_.shards = kShardsMax;
    case_.replicas = 3;
    for (std::uint32_t id = 1; id <= kNodes; ++id) {
      case_.nodes.push_back({NodeId(id), "", "zone-" + std::to_string(id % 10), 1 + id % 4});
    }
  }

  Placement Timed(const std::string& what, const Placement& current) {
    const double start = CpuSeconds();
    Placement plan = Replan(case_.nodes, current, case_.replicas);
    const double took = CpuSeconds() - start;
    std::printf("%-12s %.2f s, %.0f MiB at most\n", what.c_str(), took, PeakMemoryMiB());
    EXPECT_LT(took, kAsUsersRunIt ? 2 : 40) << what;
    if (kAsUsersRunIt) {
      EXPECT_LT(PeakMemoryMiB(), 500) << what;
    }
    CheckZones(case_, plan);
    return plan;
  }

  Case case_;
};

TEST_F(ReplanSpeed, AThousandNodesAndAllShards) {
  const double start = CpuSeconds();
  const Placement first = FirstPlacement(case_.nodes, case_.shards, case_.replicas);
  const double took = CpuSeconds() - start;
  std::printf("%-12s %.2f s, %.0f MiB at most\n", "first", took, PeakMemoryMiB());
  EXPECT_LT(took, kAsUsersRunIt ? 2 : 40);

  const Placement placed = Timed("from nothing", Placement(case_.shards));
  const NodeInfo last = case_.nodes.back();
  case_.nodes.pop_back();
  const Placement without = Timed("one leaves", placed);
  case_.nodes.push_back(last);
  Timed("one joins", without);
}

}  // namespace
}  // namespace ringfort::ring
