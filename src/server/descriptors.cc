#include "server/descriptors.h"

#include <sys/resource.h>

#include <algorithm>

namespace ringfort::server {
namespace {

constexpr std::uint64_t kProcess = 64;
constexpr std::uint64_t kLogSpare = 16;
constexpr std::uint64_t kPeersMax = 512;
constexpr std::uint64_t kOperators = 32;
constexpr std::uint64_t kClientsMin = 32;
// RocksDB opens as many at a time for one compaction.
constexpr std::uint64_t kTablesMin = 64;
// More tables than that a node hardly has; each that is open costs some KiB of memory.
constexpr std::uint64_t kTablesMax = std::uint64_t{1} << 18;

}  // namespace

std::uint64_t RaiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;  // What it is nearly everywhere.
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

DescriptorBudget DivideDescriptors(std::uint64_t limit, std::uint64_t log_segments,
                                   std::uint64_t clients_max) {
  DescriptorBudget budget;
  budget.process = kProcess;
  budget.log = std::min(2 * log_segments + kLogSpare, std::max(limit / 8, kLogSpare));
  budget.peers = std::min(kPeersMax, limit / 8);
  budget.operators = kOperators;
  const std::uint64_t first = budget.process + budget.log + budget.peers + budget.operators;
  const std::uint64_t left = limit - std::min(limit, first);
  budget.clients = std::max(kClientsMin, std::min(clients_max, left / 2));
  budget.tables = std::clamp(left - std::min(left, budget.clients), kTablesMin, kTablesMax);
  return budget;
}

}  // namespace ringfort::server
