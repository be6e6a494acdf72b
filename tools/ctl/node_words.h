// Words of a command line that name nodes and shards. Wrong ones are kInvalidArgument.
#pragma once

#include <cstdint>
#include <string>

#include "ringfort/status.h"

namespace ringfort::ctl {

/// The highest weight that a node may have.
inline constexpr std::uint32_t kWeightMax = 1000;

/// A node's id, from 1.
Result<std::uint32_t> NodeWord(const std::string& word);
/// From 1.
Result<std::uint32_t> WeightWord(const std::string& word);
/// A shard's number below `shard_count`, or "meta": `shard_count` itself.
Result<std::uint32_t> ShardWord(const std::string& word, std::uint32_t shard_count);
/// Whether a node may give this as its zone.
Status CheckZone(const std::string& zone);

}  // namespace ringfort::ctl
