#include "replica/reader.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "ringfort/limits.h"
#include "storage/encoding.h"

namespace ringfort::replica {
namespace {

constexpr std::uint32_t kPageEntriesMax = 10'000;
// Of a key, in a message about it.
constexpr std::size_t kKeyBytesShown = 64;

Status AnswerGet(const storage::ShardData& data, const proto::Get& get, storage::ReadDepth depth,
                 proto::Got* got) {
  got->mutable_entries()->Reserve(get.keys_size());
  std::size_t bytes = 0;
  for (const proto::Key& key : get.keys()) {
    const std::string raw_key = storage::EncodeDataKey(key.shard_key(), key.sort_key());
    auto raw = data.Get(raw_key, depth);
    if (!raw.ok()) return raw.status();
    proto::Entry* entry = got->add_entries();
    if (!raw->has_value()) continue;
    bytes += (*raw)->size();
    if (bytes > limits::kFrameMax) {
      return Status(Code::kTooLarge,
                    "the values of the get are more than an answer holds (ask for fewer at once)");
    }
    auto value = DecodeValueOf(raw_key, **raw);
    if (!value.ok()) return value.status();
    entry->set_found(true);
    entry->set_version(value->version.value());
    entry->set_value(value->user.data(), value->user.size());
  }
  return Status::Ok();
}

storage::RangeQuery QueryOf(const proto::Scan& scan) {
  storage::RangeQuery query;
  query.reverse = scan.reverse();
  query.bytes_max = limits::kScanPageMax;
  query.entries_max =
      scan.entries_max() == 0 ? kPageEntriesMax : std::min(scan.entries_max(), kPageEntriesMax);
  storage::KeyRange range;
  if (scan.whole_shard()) {
    range = storage::SpaceRange(storage::KeySpace::kData);
  } else {
    std::optional<std::string_view> end;
    if (scan.has_end()) end = scan.end();
    range = storage::SortKeyRange(scan.shard_key(), scan.begin(), end);
  }
  if (scan.has_resume_after()) {
    const std::string last =
        storage::EncodeDataKey(scan.resume_after().shard_key(), scan.resume_after().sort_key());
    if (scan.reverse()) {
      range.end = std::min(range.end, last);
    } else {
      range.begin = std::max(range.begin, storage::KeyAfter(last));
    }
  }
  query.begin = std::move(range.begin);
  query.end = std::move(range.end);
  return query;
}

Status AnswerScan(const storage::ShardData& data, const proto::Scan& scan, storage::ReadDepth depth,
                  proto::ScanPage* page) {
  const storage::RangeQuery query = QueryOf(scan);
  if (query.begin >= *query.end) return Status::Ok();
  auto found = data.Range(query, depth);
  if (!found.ok()) return found.status();
  page->set_more(found->more);
  for (const storage::RangeEntry& raw : found->entries) {
    auto key = storage::DecodeDataKey(raw.key);
    if (!key.ok()) return key.status();
    auto value = DecodeValueOf(raw.key, raw.value);
    if (!value.ok()) return value.status();
    proto::Entry* entry = page->add_entries();
    entry->set_found(true);
    entry->set_version(value->version.value());
    entry->set_value(value->user.data(), value->user.size());
    entry->mutable_key()->set_shard_key(std::move(key->shard_key));
    entry->mutable_key()->set_sort_key(std::move(key->sort_key));
  }
  return Status::Ok();
}

}  // namespace

Result<storage::Value> DecodeValueOf(std::string_view raw_key, std::string_view raw_value) {
  Result<storage::Value> value = storage::DecodeValue(raw_value);
  if (value.ok()) return value;
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string key;
  for (const char byte : raw_key.substr(0, kKeyBytesShown)) {
    key.push_back(kDigits[static_cast<unsigned char>(byte) >> 4]);
    key.push_back(kDigits[static_cast<unsigned char>(byte) & 15]);
  }
  return Status(value.status().code(),
                value.status().message() + ", under the stored key 0x" + key);
}

Status AnswerRead(const storage::ShardData& data, const proto::Request& request,
                  storage::ReadDepth depth, proto::Response* response) {
  response->Clear();
  if (request.has_get()) return AnswerGet(data, request.get(), depth, response->mutable_got());
  if (request.has_scan())
    return AnswerScan(data, request.scan(), depth, response->mutable_scan_page());
  return Status(Code::kInternal, "a request that is no read was handed to the reader");
}

}  // namespace ringfort::replica
