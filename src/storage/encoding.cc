// Raw keys and values of a replica's map.
#include "storage/encoding.h"

#include "base/bytes.h"
#include "features/features.h"

namespace ringfort::storage {
namespace {

constexpr char kZero = '\x00';
constexpr char kZeroEscaped = '\xff';  // After kZero: a zero byte of the shard key.
constexpr char kEnd = '\x01';          // After kZero: the end of the shard key.
constexpr char kAfterEnd = '\x02';     // After kZero: past every entry of the shard key.

constexpr std::size_t kVersionSize = 8;
constexpr std::size_t kFlagsOffset = kVersionSize;
constexpr std::size_t kValueHeaderSize = kVersionSize + 1;
constexpr std::size_t kSessionKeySize = 1 + 8;
constexpr std::size_t kAppliedSize = 16;

char SpaceByte(KeySpace space) {
  return static_cast<char>(space);
}

Status Corrupt(const char* what) {
  return {Code::kCorruption, std::string(what) + " (the replica must be rebuilt from its peers)"};
}

/// 0x01 | shard key, escaped; with room for `reserve` more bytes.
std::string DataKeyStart(std::string_view shard_key, std::size_t reserve) {
  std::string raw;
  raw.reserve(1 + shard_key.size() + 8 + reserve);
  raw.push_back(SpaceByte(KeySpace::kData));
  for (const char byte : shard_key) {
    raw.push_back(byte);
    if (byte == kZero) raw.push_back(kZeroEscaped);
  }
  return raw;
}

}  // namespace

KeyRange SpaceRange(KeySpace space) {
  const char byte = SpaceByte(space);
  return {.begin = std::string(1, byte), .end = std::string(1, static_cast<char>(byte + 1))};
}

std::string KeyAfter(std::string_view raw_key) {
  std::string after;
  after.reserve(raw_key.size() + 1);
  after.append(raw_key);
  after.push_back(kZero);
  return after;
}

std::string EncodeDataKey(std::string_view shard_key, std::string_view sort_key) {
  std::string raw = DataKeyStart(shard_key, sort_key.size());
  raw.push_back(kZero);
  raw.push_back(kEnd);
  raw.append(sort_key);
  return raw;
}

Result<DataKey> DecodeDataKey(std::string_view raw_key) {
  if (raw_key.empty() || raw_key.front() != SpaceByte(KeySpace::kData)) {
    return Corrupt("a stored key is not in the data space");
  }
  DataKey key;
  std::size_t at = 1;
  while (true) {
    const std::size_t zero = raw_key.find(kZero, at);
    if (zero == std::string_view::npos || zero + 1 == raw_key.size()) {
      return Corrupt("a stored data key has no end of its shard key");
    }
    key.shard_key.append(raw_key.substr(at, zero - at));
    at = zero + 2;
    const char mark = raw_key[zero + 1];
    if (mark == kEnd) break;
    if (mark != kZeroEscaped) return Corrupt("a stored data key has an unknown escape");
    key.shard_key.push_back(kZero);
  }
  key.sort_key = raw_key.substr(at);
  return key;
}

KeyRange SortKeyRange(std::string_view shard_key, std::string_view begin,
                      std::optional<std::string_view> end) {
  KeyRange range;
  range.begin = EncodeDataKey(shard_key, begin);
  if (end.has_value()) {
    range.end = EncodeDataKey(shard_key, *end);
  } else {
    range.end = DataKeyStart(shard_key, 2);
    range.end.push_back(kZero);
    range.end.push_back(kAfterEnd);
  }
  return range;
}

std::string EncodeValue(LogIndex version, std::string_view user) {
  std::string raw;
  raw.reserve(kValueHeaderSize + user.size());
  AppendLittle(&raw, version.value());
  raw.push_back(0);
  raw.append(user);
  return raw;
}

Result<Value> DecodeValue(std::string_view raw_value) {
  if (raw_value.size() < kValueHeaderSize) return Corrupt("a stored value is too short");
  if (raw_value[kFlagsOffset] != 0) {
    return features::UnknownFormat("a stored value");
  }
  const LogIndex version(LoadLittle<std::uint64_t>(raw_value.data()));
  if (version == LogIndex()) return Corrupt("a stored value has version 0");
  return Value{.version = version, .user = raw_value.substr(kValueHeaderSize)};
}

std::string EncodeSessionKey(SessionId session) {
  std::string raw(1, SpaceByte(KeySpace::kSessions));
  AppendBig(&raw, session.value());
  return raw;
}

Result<SessionId> DecodeSessionKey(std::string_view raw_key) {
  if (raw_key.size() != kSessionKeySize || raw_key.front() != SpaceByte(KeySpace::kSessions)) {
    return Corrupt("a stored key is not a session's");
  }
  return SessionId(LoadBig<std::uint64_t>(raw_key.data() + 1));
}

std::string MarkKey(std::string_view name) {
  std::string raw(1, SpaceByte(KeySpace::kMarks));
  raw.append(name);
  return raw;
}

const std::string& AppliedKey() {
  static const std::string key = MarkKey("applied");
  return key;
}

std::string EncodeApplied(Applied applied) {
  std::string raw;
  AppendLittle(&raw, applied.index.value());
  AppendLittle(&raw, applied.term.value());
  return raw;
}

Result<Applied> DecodeApplied(std::string_view raw_value) {
  if (raw_value.size() != kAppliedSize)
    return Corrupt("the stored applied mark has a wrong length");
  return Applied{.index = LogIndex(LoadLittle<std::uint64_t>(raw_value.data())),
                 .term = Term(LoadLittle<std::uint64_t>(raw_value.data() + 8))};
}

}  // namespace ringfort::storage
