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

/// One replica's data. Reads are thread-safe; Apply is called by one thread at a time.
class ShardData {
 public:
  virtual ~ShardData() = default;

  /// The value; none when the key is absent. kUnavailable: not in memory (depth kMemory only).
  [[nodiscard]] virtual Result<std::optional<std::string>> Get(std::string_view key,
                                                               ReadDepth depth) const = 0;
  /// A page of a range, a consistent view of one moment. kUnavailable as for Get.
  [[nodiscard]] virtual Result<RangePage> Range(const RangeQuery& query, ReadDepth depth) const = 0;

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

  /// Roughly how many bytes the data takes on disk and in memory.
  [[nodiscard]] virtual std::uint64_t size_bytes() const = 0;
};

/// All replicas' data of a node. Thread-safe.
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
};

}  // namespace ringfort::storage
