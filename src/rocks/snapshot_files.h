// What exports and imports have in common: how the files of a snapshot are measured and checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <rocksdb/rate_limiter.h>

#include "ringfort/status.h"
#include "storage/shard_store.h"

namespace ringfort::rocks {

/// The one format of manifest (proto::SnapshotManifest) that this program makes and takes.
inline constexpr std::uint32_t kManifestFormat = 1;

/// Waits until `bytes` fit into the node's budget for background I/O. None: no limit.
void AwaitBudget(rocksdb::RateLimiter* budget, std::size_t bytes);

/// Reads a file within the budget: its size, and as its checksum the XXH3 of its last MiB (what
/// there is of it), seeded by that of the MiB before, and so on from a first seed of 0.
Result<storage::SnapshotFile> Measure(const std::string& path, rocksdb::RateLimiter* budget);

/// Checks every block of the tables against RocksDB's checksums, which were written when the table
/// was: what a disk did to it since shows here and in no checksum made later. Answers the applied
/// mark in them: the newest, since it never goes back; none in no table.
Result<storage::Applied> CheckTables(const std::vector<std::string>& paths);

}  // namespace ringfort::rocks
