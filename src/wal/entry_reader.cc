// Spans of nearby records, one pread each; every record is checked by itself.
#include "wal/entry_reader.h"

#include <string>
#include <utility>

namespace ringfort::wal {
namespace {

/// A gap of other shards' records is read along up to this size: cheaper than another system call.
constexpr std::uint64_t kGapBytesMax = 16 << 10;
constexpr std::uint64_t kSpanBytesMax = 1 << 20;

std::uint64_t EndOf(const PlacedEntry& entry) {
  return entry.position.offset + Record::StoredBytes(entry.position.payload_bytes);
}

/// How many of the entries from `first` on are read together.
std::size_t SpanLength(const std::vector<PlacedEntry>& placed, std::size_t first) {
  const std::uint64_t start = placed[first].position.offset;
  std::size_t next = first + 1;
  for (; next < placed.size(); ++next) {
    const std::uint64_t before = EndOf(placed[next - 1]);
    if (placed[next].segment != placed[first].segment) break;
    if (placed[next].position.offset < before) break;
    if (placed[next].position.offset - before > kGapBytesMax) break;
    if (EndOf(placed[next]) - start > kSpanBytesMax) break;
  }
  return next - first;
}

}  // namespace

Result<std::vector<raft::Entry>> ReadEntries(ShardId shard,
                                             const std::vector<PlacedEntry>& placed) {
  std::vector<raft::Entry> entries;
  entries.reserve(placed.size());
  std::string span;
  for (std::size_t first = 0; first < placed.size();) {
    const std::size_t length = SpanLength(placed, first);
    const Segment& segment = *placed[first].segment;
    const std::uint64_t start = placed[first].position.offset;
    span.resize(EndOf(placed[first + length - 1]) - start);
    if (Status read = segment.file.ReadAt(start, span.data(), span.size()); !read.ok()) return read;
    for (std::size_t i = first; i < first + length; ++i) {
      const std::string_view bytes =
          std::string_view(span).substr(placed[i].position.offset - start);
      const std::optional<Record> record = DecodeRecord(bytes, segment.seed);
      if (!record || record->type != RecordType::kEntry || record->shard != shard ||
          record->index != placed[i].index || record->term != placed[i].term) {
        return Status(Code::kCorruption,
                      segment.file.path() + " is damaged at byte " +
                          std::to_string(placed[i].position.offset) + ": entry " +
                          std::to_string(placed[i].index.value()) + " of shard " +
                          std::to_string(shard.value()) +
                          " should be there (let the node be replaced from its peers)");
      }
      entries.push_back(
          {record->term, record->index, record->kind, SharedBytes(std::string(record->payload))});
    }
    first += length;
  }
  return entries;
}

}  // namespace ringfort::wal
