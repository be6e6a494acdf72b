// Encoding and decoding of what format.h draws.
#include "wal/format.h"

#include <charconv>
#include <cstring>

#include "base/bytes.h"
#include "base/hash.h"
#include "features/features.h"
#include "raft/members.h"

namespace ringfort::wal {
namespace {

constexpr std::string_view kSegmentMagic = "RFORTWAL";
constexpr std::uint32_t kBatchMagic = 0x31424652;  // "RFB1"
constexpr std::size_t kSegmentChecksumAt = 56;
constexpr std::size_t kBatchChecksumAt = 48;
constexpr std::size_t kSequenceDigits = 20;
constexpr std::size_t kHardStateBytes = 12;

template <typename T>
void StoreLittle(char* at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<char>(value >> (8 * i));
}

Status TooShort() {
  return {Code::kCorruption, "it is too short"};
}

}  // namespace

std::string SegmentName(std::uint64_t sequence) {
  const std::string digits = std::to_string(sequence);
  return std::string(kSegmentPrefix) + std::string(kSequenceDigits - digits.size(), '0') + digits;
}

std::optional<std::uint64_t> ParseSegmentName(std::string_view name) {
  if (!name.starts_with(kSegmentPrefix)) return std::nullopt;
  name.remove_prefix(kSegmentPrefix.size());
  std::uint64_t sequence = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), sequence);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  if (name.size() != kSequenceDigits || sequence == 0) return std::nullopt;
  return sequence;
}

std::uint64_t SegmentHeader::seed() const {
  std::string bytes;
  AppendLittle(&bytes, incarnation.high);
  AppendLittle(&bytes, incarnation.low);
  AppendLittle(&bytes, sequence);
  return Hash64(bytes);
}

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string block(kSegmentMagic);
  AppendLittle(&block, header.format);
  AppendLittle(&block, std::uint32_t{0});
  AppendLittle(&block, header.incarnation.high);
  AppendLittle(&block, header.incarnation.low);
  AppendLittle(&block, header.sequence);
  AppendLittle(&block, header.first_batch);
  AppendLittle(&block, header.segment_bytes);
  AppendLittle(&block, Hash64(block));
  block.resize(kSegmentHeaderBytes + kTerminatorBytes);
  return block;
}

Result<SegmentHeader> DecodeSegmentHeader(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes) {
    return Status(Code::kCorruption, "it is too short for a segment's header");
  }
  if (!bytes.starts_with(kSegmentMagic)) {
    return Status(Code::kCorruption, "it does not begin like a segment of the log");
  }
  const char* at = bytes.data();
  const std::string_view checked = bytes.substr(0, kSegmentChecksumAt);
  if (LoadLittle<std::uint64_t>(at + kSegmentChecksumAt) != Hash64(checked)) {
    return Status(Code::kCorruption, "the checksum of its header is wrong");
  }
  SegmentHeader header;
  header.format = LoadLittle<std::uint32_t>(at + 8);
  if (header.format < kFormatVersionMin || header.format > kFormatVersionMax) {
    return features::UnknownFormat("a segment of the log, of format " +
                                   std::to_string(header.format) + ",");
  }
  header.incarnation.high = LoadLittle<std::uint64_t>(at + 16);
  header.incarnation.low = LoadLittle<std::uint64_t>(at + 24);
  header.sequence = LoadLittle<std::uint64_t>(at + 32);
  header.first_batch = LoadLittle<std::uint64_t>(at + 40);
  header.segment_bytes = LoadLittle<std::uint64_t>(at + 48);
  return header;
}

void SealBatch(BatchHeader header, std::uint64_t seed, std::string* batch) {
  const std::string_view body = std::string_view(*batch).substr(kBatchHeaderBytes);
  char* at = batch->data();
  StoreLittle(at, kBatchMagic);
  StoreLittle(at + 4, static_cast<std::uint32_t>(body.size()));
  StoreLittle(at + 8, header.segment);
  StoreLittle(at + 16, header.number);
  StoreLittle(at + 24, header.synced_through);
  StoreLittle(at + 32, header.records);
  StoreLittle(at + 36, std::uint32_t{0});
  StoreLittle(at + 40, Hash64(body, seed));
  StoreLittle(at + kBatchChecksumAt, Hash64(std::string_view(at, kBatchChecksumAt), seed));
}

std::optional<BatchHeader> DecodeBatchHeader(std::string_view bytes, const SegmentHeader& segment,
                                             std::uint64_t seed) {
  if (bytes.size() < kBatchHeaderBytes) return std::nullopt;
  const char* at = bytes.data();
  if (LoadLittle<std::uint32_t>(at) != kBatchMagic) return std::nullopt;
  BatchHeader header;
  header.segment = LoadLittle<std::uint64_t>(at + 8);
  if (header.segment != segment.sequence) return std::nullopt;
  if (LoadLittle<std::uint64_t>(at + kBatchChecksumAt) !=
      Hash64(bytes.substr(0, kBatchChecksumAt), seed)) {
    return std::nullopt;
  }
  header.body_bytes = LoadLittle<std::uint32_t>(at + 4);
  header.number = LoadLittle<std::uint64_t>(at + 16);
  header.synced_through = LoadLittle<std::uint64_t>(at + 24);
  header.records = LoadLittle<std::uint32_t>(at + 32);
  header.body_checksum = LoadLittle<std::uint64_t>(at + 40);
  return header;
}

std::string_view RecordTypeName(RecordType type) {
  switch (type) {
    case RecordType::kEntry: return "entry";
    case RecordType::kHardState: return "hard_state";
    case RecordType::kBase: return "base";
    case RecordType::kCut: return "cut";
    case RecordType::kState: return "state";
  }
  return "unknown";
}

void AppendRecord(const Record& record, std::uint64_t seed, std::string* out) {
  const std::size_t start = out->size();
  char header[kRecordHeaderBytes] = {};
  header[8] = static_cast<char>(record.type);
  header[9] = static_cast<char>(record.kind);
  StoreLittle(header + 12, record.shard.value());
  StoreLittle(header + 16, record.term.value());
  StoreLittle(header + 24, record.index.value());
  StoreLittle(header + 32, static_cast<std::uint32_t>(record.payload.size()));
  out->append(header, sizeof(header));
  out->append(record.payload);
  const std::string_view checked = std::string_view(*out).substr(start + 8);
  StoreLittle(out->data() + start, Hash64(checked, seed));
  out->resize(start + record.stored_bytes());
}

std::optional<Record> DecodeTrustedRecord(std::string_view bytes) {
  if (bytes.size() < kRecordHeaderBytes) return std::nullopt;
  const char* at = bytes.data();
  const auto payload_bytes = LoadLittle<std::uint32_t>(at + 32);
  if (bytes.size() < Record::StoredBytes(payload_bytes)) return std::nullopt;
  const auto type = static_cast<std::uint8_t>(at[8]);
  const auto kind = static_cast<std::uint8_t>(at[9]);
  Record record;
  record.type = static_cast<RecordType>(type);
  record.kind = static_cast<raft::EntryKind>(kind);
  record.shard = ShardId(LoadLittle<std::uint32_t>(at + 12));
  record.term = Term(LoadLittle<std::uint64_t>(at + 16));
  record.index = LogIndex(LoadLittle<std::uint64_t>(at + 24));
  record.payload = bytes.substr(kRecordHeaderBytes, payload_bytes);
  return record;
}

Status CheckKnown(const Record& record) {
  const auto type = static_cast<std::uint8_t>(record.type);
  if (type < static_cast<std::uint8_t>(RecordType::kEntry) ||
      type > static_cast<std::uint8_t>(RecordType::kState)) {
    return features::UnknownFormat("a record of the log, of type " + std::to_string(type) + ",");
  }
  if (record.kind > raft::EntryKind::kMembers) {
    return features::UnknownFormat("an entry of the log, of kind " +
                                   std::to_string(static_cast<unsigned>(record.kind)) + ",");
  }
  return Status::Ok();
}

std::optional<Record> DecodeRecord(std::string_view bytes, std::uint64_t seed) {
  std::optional<Record> record = DecodeTrustedRecord(bytes);
  if (!record) return std::nullopt;
  const std::string_view checked = bytes.substr(8, kRecordHeaderBytes - 8 + record->payload.size());
  if (LoadLittle<std::uint64_t>(bytes.data()) != Hash64(checked, seed)) return std::nullopt;
  return record;
}

void AppendBasePayload(const BasePayload& payload, std::string* out) {
  AppendLittle(out, payload.generation.value());
  raft::AppendMembers(payload.members, out);
}

Result<BasePayload> DecodeBasePayload(std::string_view bytes) {
  if (bytes.size() < 8) return TooShort();
  Result<raft::Members> members = raft::DecodeMembers(bytes.substr(8));
  if (!members.ok()) return members.status();
  return BasePayload{storage::Generation(LoadLittle<std::uint64_t>(bytes.data())),
                     std::move(*members)};
}

void AppendHardStatePayload(const raft::HardState& state, std::string* out) {
  AppendLittle(out, state.vote.value());
  AppendLittle(out, static_cast<std::uint32_t>(state.unsure ? 1 : 0));
  AppendLittle(out, state.self.value());
}

std::optional<raft::HardState> DecodeHardState(const Record& record) {
  if (record.payload.size() < kHardStateBytes) return std::nullopt;
  const char* at = record.payload.data();
  return raft::HardState{record.term, ReplicaId(LoadLittle<std::uint32_t>(at)),
                         LoadLittle<std::uint32_t>(at + 4) != 0,
                         ReplicaId(LoadLittle<std::uint32_t>(at + 8))};
}

void AppendStatePayload(const StatePayload& payload, std::string* out) {
  AppendHardStatePayload(payload.hard_state, out);
  AppendLittle(out, payload.generation.value());
  AppendLittle(out, payload.base.index.value());
  AppendLittle(out, payload.base.term.value());
  raft::AppendMembers(payload.base.members, out);
}

Result<StatePayload> DecodeStatePayload(const Record& record) {
  constexpr std::size_t kFixedBytes = kHardStateBytes + 24;
  if (record.payload.size() < kFixedBytes) return TooShort();
  Result<raft::Members> members = raft::DecodeMembers(record.payload.substr(kFixedBytes));
  if (!members.ok()) return members.status();
  const char* at = record.payload.data();
  StatePayload payload;
  payload.hard_state = *DecodeHardState(record);
  at += kHardStateBytes;
  payload.generation = storage::Generation(LoadLittle<std::uint64_t>(at));
  payload.base.index = LogIndex(LoadLittle<std::uint64_t>(at + 8));
  payload.base.term = Term(LoadLittle<std::uint64_t>(at + 16));
  payload.base.members = std::move(*members);
  return payload;
}

}  // namespace ringfort::wal
