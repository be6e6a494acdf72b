// The words that ringfortd is started with.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "ringfort/status.h"
#include "wal/wal.h"

namespace ringfort::server {

struct ServerFlags {
  /// Either this or `join` and `listen`.
  std::string config;
  std::vector<std::string> join;
  std::string listen;
  std::string zone;
  std::uint32_t weight = 1;
  std::chrono::milliseconds join_timeout{60'000};
  std::chrono::milliseconds repair_after{300'000};
  NodeId node;
  std::string data_dir;
  /// The node gives up what it holds, where that is absent, damaged or an old copy.
  bool start_empty = false;
  /// Instead of a start: the quarantined stores of that number are brought back; 0: none.
  std::uint64_t bring_back = 0;
  /// Instead of a start: it is forgotten which starts of its peers this node has seen.
  bool accept_old_copies = false;
  /// Instead of a start: the meta group is begun anew from this directory's copy.
  bool recover_cluster = false;
  /// Of these: looked at, and not done.
  bool dry_run = false;
  wal::Durability durability = wal::Durability::kSynced;
  bool lease_reads = true;
  int io_threads = 1;
  std::chrono::milliseconds lease{200};
  std::chrono::milliseconds heartbeat_interval{50};
  std::chrono::milliseconds election_timeout{600};
  std::chrono::milliseconds stop_timeout{30'000};
  std::uint64_t cache_bytes = 0;
  std::uint64_t write_buffer_bytes = 0;
  std::uint64_t background_bytes_per_second = 0;
  std::uint64_t disk_reserve_bytes = 0;
  std::uint64_t log_bytes = 0;
  std::uint64_t log_segment_bytes = 0;
  std::uint64_t snapshot_bytes_per_second = 0;
};

/// kInvalidArgument, in one line, for words that are wrong. Prints and exits with 0 on --help and
/// --version.
Result<ServerFlags> ParseServerFlags(int argc, char** argv);

}  // namespace ringfort::server
