// A process has so many file descriptors: who of a node may have how many of them.
#pragma once

#include <cstdint>

namespace ringfort::server {

/// Raises what the process may open to what the system lets it (RLIMIT_NOFILE, soft to hard);
/// returns how many that is now. Before anything is opened.
std::uint64_t RaiseDescriptorLimit();

/// Numbers of descriptors. What the node cannot do without comes first, the rest is shared by its
/// clients and RocksDB's tables: who has fewer waits for others or opens a file again.
struct DescriptorBudget {
  /// Loops, identity, directories, locks, logs for operators.
  std::uint64_t process = 0;
  /// Segments of the log, twice as many as its budget, and those in the making.
  std::uint64_t log = 0;
  /// Two lanes to and from each of the other nodes, with those that take the place of broken ones.
  std::uint64_t peers = 0;
  /// Connections on which an operator looks at a node that is full of clients.
  std::uint64_t operators = 0;
  std::uint64_t clients = 0;
  /// Of RocksDB (max_open_files): tables that are held open.
  std::uint64_t tables = 0;
};

/// `limit` descriptors, of which `log_segments` at most are wanted for the log, and at most
/// `clients_max` for clients. The sum is within the limit where that is 512 or more.
DescriptorBudget DivideDescriptors(std::uint64_t limit, std::uint64_t log_segments,
                                   std::uint64_t clients_max);

}  // namespace ringfort::server
