#include "replica/shard_summer.h"

#include <utility>

#include "base/hash.h"
#include "raft/members.h"
#include "replica/state_machine.h"
#include "storage/encoding.h"

namespace ringfort::replica {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{4} << 20;

}  // namespace

ShardSummer::ShardSummer(LogIndex index, const raft::Members& members,
                         std::shared_ptr<const storage::ShardData> data,
                         std::unique_ptr<storage::Cursor> cursor)
    : data_(std::move(data)), cursor_(std::move(cursor)) {
  std::string bytes;
  raft::AppendMembers(members, &bytes);
  sum_.index = index;
  sum_.checksum = Hash64(bytes);
}

void ShardSummer::Step() {
  const auto more =
      cursor_->Next(kPieceBytes, [this](std::string_view key, std::string_view value) {
        if (!IsReplicated(key)) return;
        sum_.checksum = Hash64(value, Hash64(key, sum_.checksum));
        sum_.bytes += key.size() + value.size();
        if (key.front() == static_cast<char>(storage::KeySpace::kData)) ++sum_.entries;
      });
  if (more.ok() && *more) return;
  if (!more.ok()) sum_.error = more.status().message();
  cursor_.reset();
}

}  // namespace ringfort::replica
