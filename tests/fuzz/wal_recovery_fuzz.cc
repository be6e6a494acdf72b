// Opens a log whose last segment's contents, from its first batch on, are whatever the fuzzer
// likes, and whose headers and checksums are then made good, so that it gets past them.
#include <stdlib.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/check.h"
#include "base/hash.h"
#include "wal/format.h"
#include "wal/log_reader.h"
#include "wal/synced_note.h"
#include "wal/wal.h"

namespace ringfort::wal {
namespace {

namespace fs = std::filesystem;

constexpr Incarnation kIncarnation{1, 2};
constexpr std::size_t kSegmentBytes = 64 << 10;

class UnsyncedDisk final : public Disk {
 public:
  int Fdatasync(int /*fd*/) override { return 0; }
  int Fsync(int /*fd*/) override { return 0; }
};

const std::string& ScratchDir() {
  static const std::string dir = [] {
    std::string pattern = (fs::temp_directory_path() / "ringfort-fuzz-XXXXXX").string();
    RF_CHECK(::mkdtemp(pattern.data()) != nullptr);
    return pattern + "/log";
  }();
  return dir;
}

/// The input as records: each takes a type, kind, shard, term, index and length from it, then its
/// payload.
std::string BuildBatches(std::string_view input, const SegmentHeader& header) {
  std::string batches;
  std::uint64_t number = header.first_batch;
  while (!input.empty() && batches.size() < kSegmentBytes) {
    std::string batch(kBatchHeaderBytes, '\0');
    std::uint32_t records = 0;
    const std::size_t wanted = 1 + static_cast<unsigned char>(input.front()) % 4;
    input.remove_prefix(1);
    for (; records < wanted && input.size() >= 6; ++records) {
      Record record;
      record.type = static_cast<RecordType>(1 + static_cast<unsigned char>(input[0]) % 5);
      record.kind = static_cast<raft::EntryKind>(static_cast<unsigned char>(input[1]) % 3);
      record.shard = ShardId(static_cast<unsigned char>(input[2]) % 4);
      record.term = Term(static_cast<unsigned char>(input[3]));
      record.index = LogIndex(static_cast<unsigned char>(input[4]));
      const std::size_t length = static_cast<unsigned char>(input[5]);
      input.remove_prefix(6);
      record.payload = input.substr(0, length);
      input.remove_prefix(record.payload.size());
      AppendRecord(record, header.seed(), &batch);
    }
    BatchHeader batch_header;
    batch_header.segment = header.sequence;
    batch_header.number = number++;
    batch_header.synced_through = batch_header.number - 1;
    batch_header.records = records;
    SealBatch(batch_header, header.seed(), &batch);
    batches += batch;
  }
  return batches;
}

}  // namespace
}  // namespace ringfort::wal

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringfort::wal;
  static UnsyncedDisk disk;
  const std::string& dir = ScratchDir();
  fs::remove_all(dir);
  auto directory = Directory::OpenOrCreate(dir, disk);
  RF_CHECK(directory.ok());
  RF_CHECK(SyncedNote::Create(**directory, {kIncarnation, 0, false}, disk).ok());

  std::string_view input(reinterpret_cast<const char*>(data), size);
  // The first byte chooses: raw bytes behind the header, or well-formed batches made of the input.
  const bool raw = !input.empty() && input.front() % 2 == 0;
  if (!input.empty()) input.remove_prefix(1);
  const SegmentHeader header{kIncarnation, 1, 1, kSegmentBytes};
  std::string segment = EncodeSegmentHeader(header).substr(0, kSegmentHeaderBytes);
  segment += raw ? std::string(input) : BuildBatches(input, header);
  segment.resize(kSegmentBytes);
  std::ofstream(dir + "/" + SegmentName(1), std::ios::binary) << segment;

  const auto listed = ReadLog(dir, [](const LogLine& line) { RF_CHECK(!line.ToString().empty()); });
  RF_CHECK(listed.ok());
  Options options;
  options.dir = dir;
  options.incarnation = kIncarnation;
  options.segment_bytes = kSegmentBytes;
  options.disk = &disk;
  auto wal = Wal::Open(options);
  RF_CHECK(wal.ok() == (listed->verdict != Verdict::kDamaged))
      << VerdictName(listed->verdict) << " but " << wal.status().ToString();
  if (!wal.ok()) return 0;
  const ringfort::storage::Recovery recovery = (*wal)->TakeRecovery();
  for (const auto& shard : recovery.shards) {
    if (shard.last == shard.base.index) continue;
    const auto read =
        (*wal)->Read(shard.shard, shard.base.index + 1, shard.last, std::size_t{1} << 30);
    RF_CHECK(read.ok()) << read.status().ToString();
  }
  // What opened once is clean when it is opened again.
  wal->reset();
  wal = Wal::Open(options);
  RF_CHECK(wal.ok()) << wal.status().ToString();
  RF_CHECK(!(*wal)->TakeRecovery().unsure);
  return 0;
}
