// The door to the state machines' data: one ordered map of bytes per replica.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "ringfort/status.h"
#include "storage/log_store.h"

namespace ringfort::storage {

/// The newest log entry whose effect the data holds.
struct Applied {
  LogIndex index;
  Term term;

  auto operator<=>(const Applied&) const = default;
};

/// Changes that take effect together.
struct Mutation {
  enum class Kind : std::uint8_t { kPut, kDelete };
  Kind kind = Kind::kPut;
  std::string key;
  std::string value;
};

/// How far a read may go for its bytes.
enum class ReadDepth : std::uint8_t {
  kMemory,  ///< Memtable and block cache: never waits for the disk, so a loop may do it.
  kDisk,    ///< Anywhere; not on a loop.
};

/// How a range is read. Bounds are raw keys of the map.
struct RangeQuery {
  std::string begin;                  ///< Inclusive.
  std::optional<std::string> end;     ///< Exclusive; none: to the last key.
  bool reverse = false;               ///< From the end to the beginning.
  std::uint32_t entries_max = 1000;   ///< At most so many entries,
  std::uint32_t bytes_max = 1 << 20;  ///< and so many bytes, but at least one entry.
};

struct RangeEntry {
  std::string key;
  std::string value;
};

struct RangePage {
  std::vector<RangeEntry> entries;
  /// More entries follow inside the range.
  bool more = false;
};

/// Called with the outcome. A kUnavailable from a kMemory read means: ask again with kDisk.
template <typename T>
using Done = std::function<void(Result<T>)>;

/// All of a map as it was at one moment, in the order of its raw keys, whatever is applied
/// meanwhile. One thread at a time, and no loop, but for its end. It keeps what it reads from being
/// thrown away: let go of it soon.
class Cursor {
 public:
  virtual ~Cursor() = default;

  using Visit = std::function<void(std::string_view key, std::string_view value)>;
  /// Visits the next entries: about `bytes_max` bytes of them, at least one. False: all were
  /// visited, and read whole. An error is final; kCorruption when the files are damaged.
  [[nodiscard]] virtual Result<bool> Next(std::size_t bytes_max, const Visit& visit) = 0;
};

/// One replica's data. Reads are thread-safe; Apply is called by one thread at a time.
class ShardData {
 public:
  virtual ~ShardData() = default;

  /// The value; none when the key is absent. kUnavailable: not in memory, or an empty value, which
  /// RocksDB cannot tell from that (depth kMemory only).
  [[nodiscard]] virtual Result<std::optional<std::string>> Get(std::string_view key,
                                                               ReadDepth depth) const = 0;
  /// A page of a range, a consistent view of one moment. kUnavailable as for Get.
  [[nodiscard]] virtual Result<RangePage> Range(const RangeQuery& query, ReadDepth depth) const = 0;

  /// A cursor over everything as it is now. The data outlives it. Not on a loop.
  [[nodiscard]] virtual std::unique_ptr<Cursor> OpenCursor() const = 0;

  /// Applies the mutations and moves the applied mark, all or nothing. In memory until flushed.
  /// With `may_wait` false, answers kOverloaded instead of waiting for flushes or compactions to
  /// make room (nothing was changed then): the caller tries again off the loop with `may_wait`
  /// true. Any other error is final for the replica: what was written is unknown.
  virtual Status Apply(const std::vector<Mutation>& mutations, Applied applied, bool may_wait) = 0;

  /// The applied mark, in memory and as it would be found after a crash now. The second may read
  /// disk.
  [[nodiscard]] virtual Applied applied() const = 0;
  [[nodiscard]] virtual Result<Applied> flushed_applied() const = 0;

  /// Writes everything applied so far to files and waits for it. Not on a loop.
  virtual Status Flush() = 0;

  /// Ok, or kCorruption: an earlier process could not read all of it (ShardStore::MarkDamaged).
  /// What is read now may be whole all the same.
  [[nodiscard]] virtual Status damage() const { return {}; }

  /// Roughly how many bytes the data takes on disk and in memory.
  [[nodiscard]] virtual std::uint64_t size_bytes() const = 0;
};

/// A file of a snapshot. Files have no names: each is what it is by its place in the list.
struct SnapshotFile {
  std::uint64_t bytes = 0;  ///< At least 1.
  /// Over all its bytes, as the store reckons it; stores of one kind reckon alike.
  std::uint64_t checksum = 0;

  bool operator==(const SnapshotFile&) const = default;
};

/// One replica's data at one moment, as files that do not change. Thread-safe. Its end removes the
/// files: not on a loop.
class Snapshot {
 public:
  virtual ~Snapshot() = default;

  /// The applied mark inside the files: the snapshot's index and term (protocols 5).
  [[nodiscard]] virtual Applied applied() const = 0;
  [[nodiscard]] virtual const std::vector<SnapshotFile>& files() const = 0;
  /// Bytes of a file from `offset` on, which is before its end: `bytes_max` of them, or what there
  /// is. Not on a loop.
  [[nodiscard]] virtual Result<std::string> Read(std::size_t file, std::uint64_t offset,
                                                 std::size_t bytes_max) const = 0;
};

/// The files of a snapshot on their way into a store. One thread at a time, and no loop. Destroyed
/// before Finish has answered ok, it leaves nothing behind; so does a crash.
class Import {
 public:
  virtual ~Import() = default;

  struct Position {
    std::size_t file = 0;
    std::uint64_t offset = 0;
    auto operator<=>(const Position&) const = default;
  };

  /// The next byte that is wanted: the end of what was written. (number of files, 0) when all is
  /// there.
  [[nodiscard]] virtual Position position() const = 0;
  /// Adds bytes to the file in hand. kInvalidArgument, and nothing is changed, when `at` is not
  /// position() or the bytes go over the file's end. Other errors are final for the import;
  /// kDiskFull when there is no room.
  virtual Status Write(Position at, std::string_view bytes) = 0;
  /// Checks everything and makes the map, durably: when this answers ok it is in List() and
  /// survives a crash; otherwise there is none, or, after a crash, perhaps one. kCorruption: a file
  /// is not what its checksum says or not what a store writes, or the applied mark is another.
  /// Once; kInvalidArgument when files are missing or the name was given away meanwhile.
  virtual Status Finish() = 0;
};

/// All replicas' data of a node. Thread-safe. Outlives what it hands out.
class ShardStore {
 public:
  virtual ~ShardStore() = default;

  struct Name {
    ShardId shard;
    Generation generation;
    auto operator<=>(const Name&) const = default;
  };

  /// What is there.
  [[nodiscard]] virtual std::vector<Name> List() const = 0;
  /// Makes empty maps, durably. Those that exist already stay as they are. Not on a loop.
  virtual Status Create(const std::vector<Name>& names) = 0;
  /// kNotFound when there is none.
  virtual Result<std::shared_ptr<ShardData>> Open(Name name) = 0;
  /// Forgets a map and its files. Nobody may hold it open. Not on a loop.
  virtual Status Drop(Name name) = 0;
  /// The map cannot be read in full, `damage` (a kCorruption) says why: from now on its files are
  /// left as they are, not merged with each other, and processes to come are told by
  /// ShardData::damage, until it is dropped. kNotFound when there is none; kIoError when no mark
  /// could be made that lasts. Not on a loop.
  virtual Status MarkDamaged(Name name, const Status& damage) = 0;

  /// Makes a snapshot of a map while it is read and applied to, which counts as open meanwhile, and
  /// flushes the map for it. kNotFound when there is none; kCorruption when its files are damaged:
  /// then the replica must be set aside. Not on a loop.
  virtual Result<std::shared_ptr<Snapshot>> Export(Name name) = 0;
  /// Begins to make the map `name` out of another store's snapshot with these files and this mark.
  /// Take a new generation each time. kInvalidArgument when the name is there already or a file is
  /// empty; kDiskFull when there is no room for the files beside those of imports in hand and the
  /// reserve. Not on a loop.
  virtual Result<std::unique_ptr<Import>> BeginImport(Name name, Applied applied,
                                                      std::vector<SnapshotFile> files) = 0;
};

}  // namespace ringfort::storage
