// How the log lies on disk. Numbers are little-endian; every part starts at a multiple of 8 bytes.
//
//   DIR/segment-00000000000000000007   the log: segments of consecutive sequence numbers
//   DIR/segment-00000000000000000008
//   DIR/spare-3                        filled files that wait for use; their contents mean nothing
//   DIR/filling                        a spare in the making
//   DIR/synced                         the newest batch known to be synced: see synced_note.h
//
//   segment: | header block, 4096 | batch | batch | ... | 56 zero bytes | leftovers of earlier use
//   |
//
//   header block:  0 magic "RFORTWAL"     8 format version u32   12 zero u32
//                  (2: release 0.1.0; 3: lists of members may be of format 1, raft/members.h)
//                 16 incarnation: high u64, low u64              32 segment sequence number u64
//                 40 number of its first batch u64               48 size of the file u64
//                 56 XXH3 of bytes 0-55                          64 zeros
//
//   batch:         0 magic "RFB1" u32      4 bytes in its records u32
//                  8 segment sequence number u64                 16 batch number u64
//                 24 newest batch known to be synced when this one was written u64
//                 32 number of records u32                       36 zero u32
//                 40 XXH3 of the records   48 XXH3 of bytes 0-47 56 records
//
//   record:        0 XXH3 of bytes 8 to the end of the payload
//                  8 type u8, entry kind u8, zero u16            12 shard u32
//                 16 term u64              24 index u64          32 payload bytes u32   36 zero u32
//                 40 payload, then zeros up to a multiple of 8
//
// The checksums in batches and records are seeded with the incarnation and the segment's sequence
// number: what an earlier use of the file left behind never counts, nor another node's log.
//
// One batch is one write and, unless durability is relaxed, one sync. The write carries 56 zero
// bytes behind the batch, which the next one overwrites: a log that ends in anything else was torn.
// The first batch of a segment begins with the state of every shard, so older segments are needed
// only for the entries in them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "raft/types.h"
#include "ringfort/status.h"
#include "storage/log_store.h"

namespace ringfort::wal {

/// The oldest format that is read, and the newest. Which one is written: features.
inline constexpr std::uint32_t kFormatVersionMin = 2;
inline constexpr std::uint32_t kFormatVersionMax = 3;
inline constexpr std::size_t kSegmentHeaderBytes = 4096;
inline constexpr std::size_t kBatchHeaderBytes = 56;
inline constexpr std::size_t kRecordHeaderBytes = 40;
/// The zeros behind the newest batch.
inline constexpr std::size_t kTerminatorBytes = kBatchHeaderBytes;

inline constexpr std::string_view kSegmentPrefix = "segment-";
inline constexpr std::string_view kSparePrefix = "spare-";
inline constexpr std::string_view kFillingName = "filling";

std::string SegmentName(std::uint64_t sequence);
/// None when the name is not that of a segment.
std::optional<std::uint64_t> ParseSegmentName(std::string_view name);

struct SegmentHeader {
  Incarnation incarnation;
  std::uint64_t sequence = 0;
  std::uint64_t first_batch = 0;
  std::uint64_t segment_bytes = 0;
  std::uint32_t format = kFormatVersionMin;

  /// What the checksums inside the segment are seeded with.
  [[nodiscard]] std::uint64_t seed() const;
  bool operator==(const SegmentHeader&) const = default;
};

/// The header block and the terminator behind it.
std::string EncodeSegmentHeader(const SegmentHeader& header);
/// kCorruption, or kUnsupported for another format; the message does not name the file.
Result<SegmentHeader> DecodeSegmentHeader(std::string_view bytes);

struct BatchHeader {
  std::uint32_t body_bytes = 0;
  std::uint64_t segment = 0;
  std::uint64_t number = 0;
  /// All batches up to this one were synced when this one was written.
  std::uint64_t synced_through = 0;
  std::uint32_t records = 0;
  std::uint64_t body_checksum = 0;
};

/// Writes the header over the first kBatchHeaderBytes of `batch`; fills in size and checksum of the
/// body, which stands behind them.
void SealBatch(BatchHeader header, std::uint64_t seed, std::string* batch);
/// None when no batch of the segment begins here. Only the header is checked.
std::optional<BatchHeader> DecodeBatchHeader(std::string_view bytes, const SegmentHeader& segment,
                                             std::uint64_t seed);

enum class RecordType : std::uint8_t {
  kEntry = 1,      ///< payload: the entry's data
  kHardState = 2,  ///< the hard state's term; payload: vote, unsure, own id, u32 each
  kBase = 3,       ///< begins the shard anew; payload: BasePayload
  kCut = 4,        ///< moves the base up over stored entries; payload: members
  kState = 5,      ///< all of a shard's state, its last entry is `index`; payload: StatePayload
};
std::string_view RecordTypeName(RecordType type);

struct Record {
  RecordType type = RecordType::kEntry;
  raft::EntryKind kind = raft::EntryKind::kNoop;
  ShardId shard;
  Term term;
  LogIndex index;
  std::string_view payload;

  /// In the file, with its padding.
  [[nodiscard]] std::size_t stored_bytes() const { return StoredBytes(payload.size()); }
  static constexpr std::size_t StoredBytes(std::size_t payload_bytes) {
    return (kRecordHeaderBytes + payload_bytes + 7) / 8 * 8;
  }
};

void AppendRecord(const Record& record, std::uint64_t seed, std::string* out);
/// The record at the start of `bytes`, checked; none when it is not one. Its type or kind may be
/// one that this program does not know: see CheckKnown. The payload points into `bytes`.
std::optional<Record> DecodeRecord(std::string_view bytes, std::uint64_t seed);
/// The same for bytes that this process wrote: the checksum is not looked at.
std::optional<Record> DecodeTrustedRecord(std::string_view bytes);
/// kUnsupported for a record that is whole, and of a type or kind that only a newer release knows.
Status CheckKnown(const Record& record);

/// What a kBase record carries besides term and index.
struct BasePayload {
  storage::Generation generation;
  raft::Members members;
};
void AppendBasePayload(const BasePayload& payload, std::string* out);
/// kCorruption, or kUnsupported for a format of a newer release; so are the others.
Result<BasePayload> DecodeBasePayload(std::string_view bytes);

/// The vote and the mark of an unsure shard; the term stands in the record itself.
void AppendHardStatePayload(const raft::HardState& state, std::string* out);
std::optional<raft::HardState> DecodeHardState(const Record& record);

/// What a kState record carries besides the hard state's term and the last index.
struct StatePayload {
  raft::HardState hard_state;
  storage::Generation generation;
  raft::LogBase base;
};
void AppendStatePayload(const StatePayload& payload, std::string* out);
Result<StatePayload> DecodeStatePayload(const Record& record);

}  // namespace ringfort::wal
