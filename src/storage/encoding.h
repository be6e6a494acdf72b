// How a replica's state lies in its ordered map of bytes: raw keys and raw values.
//
// The first byte of a raw key names its space:
//
//   0x01 data      0x01 | shard key, escaped | 0x00 0x01 | sort key
//   0x02 sessions  0x02 | session id, 8 bytes big-endian
//   0x03 marks     0x03 | name: what the replica notes about itself, such as how far it has applied
//
// In the shard key 0x00 becomes 0x00 0xff, so that its end, 0x00 0x01, occurs nowhere inside it.
// Raw keys therefore sort as the pairs (shard key, sort key) do, by bytes, and no two shard keys'
// entries mix. (The scheme of FoundationDB's tuple layer and of CockroachDB's key encoding.)
//
// These are disk formats: they change only together with a new space or a new flag. All functions
// are pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "ringfort/status.h"
#include "storage/shard_store.h"

namespace ringfort::storage {

enum class KeySpace : std::uint8_t { kData = 0x01, kSessions = 0x02, kMarks = 0x03 };

/// Raw keys from `begin` on and before `end`; shaped for a RangeQuery.
struct KeyRange {
  std::string begin;
  std::string end;
};

/// All keys of a space.
KeyRange SpaceRange(KeySpace space);

/// The smallest key after `raw_key`: where a forward range goes on after it was cut there. (A
/// reverse range goes on with `raw_key` as its exclusive end.)
std::string KeyAfter(std::string_view raw_key);

// Data.

std::string EncodeDataKey(std::string_view shard_key, std::string_view sort_key);

struct DataKey {
  std::string shard_key;
  std::string sort_key;

  auto operator<=>(const DataKey&) const = default;
};
/// kCorruption when `raw_key` is not what EncodeDataKey makes.
Result<DataKey> DecodeDataKey(std::string_view raw_key);

/// The entries of one shard key with `begin` <= sort key < `end`; without `end`, to the last one.
KeyRange SortKeyRange(std::string_view shard_key, std::string_view begin,
                      std::optional<std::string_view> end);

/// What is stored under a data key. Raw: version, 8 bytes little-endian | flags, 1 byte, 0 for now
/// | the user's bytes.
struct Value {
  /// The log index of the entry's last write; never 0.
  LogIndex version;
  /// Points into the raw value.
  std::string_view user;
};
std::string EncodeValue(LogIndex version, std::string_view user);
/// kCorruption when it is too short or has version 0, kUnsupported for a flag of a newer release.
Result<Value> DecodeValue(std::string_view raw_value);

// Sessions.

std::string EncodeSessionKey(SessionId session);
/// kCorruption when `raw_key` is not what EncodeSessionKey makes.
Result<SessionId> DecodeSessionKey(std::string_view raw_key);

// Marks.

/// The raw key of a mark. The name "applied" belongs to the store.
std::string MarkKey(std::string_view name);

/// Where a ShardStore keeps the applied mark, and how: index, then term, 8 bytes little-endian
/// each.
const std::string& AppliedKey();
std::string EncodeApplied(Applied applied);
/// kCorruption when it has another length.
Result<Applied> DecodeApplied(std::string_view raw_value);

}  // namespace ringfort::storage
