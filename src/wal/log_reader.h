// Shows what is in the files of a log, for people: `ringfortctl debug log DIR`. Read-only, takes no
// lock, and needs not know whose log it is. On a log in use it may see its last write in part.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "raft/types.h"
#include "ringfort/status.h"
#include "wal/format.h"
#include "wal/scan.h"

namespace ringfort::wal {

/// One line of the listing. Never holds a user's value.
struct LogLine {
  std::uint64_t segment = 0;
  /// Of the segment.
  std::uint32_t format = 0;
  std::uint64_t offset = 0;
  std::uint64_t batch = 0;
  RecordType type = RecordType::kEntry;
  ShardId shard;
  Term term;
  LogIndex index;
  raft::EntryKind kind = raft::EntryKind::kNoop;
  std::uint64_t payload_bytes = 0;
  /// Of a hard state or state.
  raft::HardState hard_state;
  /// Of a base, cut or state.
  raft::LogBase base;
  storage::Generation generation;

  /// "segment=7 offset=4152 batch=12 entry shard=3 term=2 index=40 kind=command bytes=100"
  [[nodiscard]] std::string ToString() const;
};

/// Calls back with each record that counts, in order, and returns how the log ends. Damage is in
/// the result (also entries that are missing); an error means that the files could not be looked
/// at.
Result<ScanResult> ReadLog(const std::string& dir, const std::function<void(const LogLine&)>& line);

/// "clean: DIR/segment-... ends at byte 8192 after batch 12"
std::string DescribeEnd(const ScanResult& result);

}  // namespace ringfort::wal
