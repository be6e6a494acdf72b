// Snapshots of the simulator's shard store.
#include "tests/sim/shard_store/memory_snapshot.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/hash.h"
#include "storage/encoding.h"

namespace ringfort::sim {
namespace {

using storage::SnapshotFile;

/// Small, so that small maps too have several. (One entry may be larger.)
constexpr std::size_t kFileBytesMax = 4096;

// A file: for each entry the lengths of key and value, 4 bytes little-endian each, and the two. A
// map of nothing is one file of one zero byte.

void AppendEntry(std::string* file, const RawMap::value_type& entry) {
  AppendLittle(file, static_cast<std::uint32_t>(entry.first.size()));
  AppendLittle(file, static_cast<std::uint32_t>(entry.second.size()));
  file->append(entry.first).append(entry.second);
}

std::vector<std::string> FilesOf(const RawMap& map) {
  if (map.empty()) return {std::string(1, '\0')};
  std::vector<std::string> files;
  for (const RawMap::value_type& entry : map) {
    if (files.empty() || files.back().size() >= kFileBytesMax) files.emplace_back();
    AppendEntry(&files.back(), entry);
  }
  return files;
}

/// The reverse, of files whose checksums were right.
RawMap MapOf(const std::vector<std::string>& files) {
  RawMap map;
  for (std::string_view rest : files) {
    while (rest.size() > 1) {
      const auto key = LoadLittle<std::uint32_t>(rest.data());
      const auto value = LoadLittle<std::uint32_t>(rest.data() + 4);
      map.emplace(rest.substr(8, key), rest.substr(8 + key, value));
      rest.remove_prefix(8 + key + value);
    }
  }
  return map;
}

SnapshotFile Measure(const std::string& contents) {
  return {contents.size(), Hash64(contents)};
}

}  // namespace

storage::Applied AppliedIn(const RawMap& map) {
  const auto found = map.find(storage::AppliedKey());
  if (found == map.end()) return {};
  return storage::DecodeApplied(found->second).value();
}

MemorySnapshot::MemorySnapshot(const RawMap& map, Loan loan)
    : applied_(AppliedIn(map)), loan_(std::move(loan)), contents_(FilesOf(map)) {
  for (const std::string& file : contents_) files_.push_back(Measure(file));
}

Result<std::string> MemorySnapshot::Read(std::size_t file, std::uint64_t offset,
                                         std::size_t bytes_max) const {
  RF_CHECK(file < contents_.size() && offset < contents_[file].size()) << "file " << file;
  return contents_[file].substr(offset, bytes_max);
}

MemoryImport::MemoryImport(storage::Applied applied, std::vector<SnapshotFile> files, Adopt adopt,
                           Loan loan)
    : applied_(applied),
      files_(std::move(files)),
      adopt_(std::move(adopt)),
      loan_(std::move(loan)),
      contents_(files_.size()) {}

Status MemoryImport::Write(Position at, std::string_view bytes) {
  if (at != position_ || at.file == files_.size() ||
      bytes.size() > files_[at.file].bytes - at.offset) {
    return {Code::kInvalidArgument, "bytes of a snapshot came out of their order"};
  }
  contents_[at.file].append(bytes);
  position_.offset += bytes.size();
  if (position_.offset == files_[at.file].bytes) position_ = {.file = at.file + 1, .offset = 0};
  return {};
}

Status MemoryImport::Finish() {
  if (position_.file < files_.size()) {
    return {Code::kInvalidArgument, "a snapshot is to be installed before all of it was received"};
  }
  for (std::size_t file = 0; file < files_.size(); ++file) {
    if (Measure(contents_[file]) == files_[file]) continue;
    return {Code::kCorruption, "a snapshot is damaged in file " + std::to_string(file)};
  }
  RawMap map = MapOf(contents_);
  if (AppliedIn(map) != applied_) {
    return {Code::kCorruption, "a snapshot has another applied mark inside than was said"};
  }
  return adopt_(std::move(map));
}

}  // namespace ringfort::sim
