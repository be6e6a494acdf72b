// Answers reads from a replica's data.
#pragma once

#include <string_view>

#include "ringfort/client.pb.h"
#include "ringfort/status.h"
#include "storage/encoding.h"
#include "storage/shard_store.h"

namespace ringfort::replica {

/// Fills `response` with the answer to a Get or Scan request. kUnavailable: something is not in
/// memory and `depth` forbids the disk; ask again with kDisk. kTooLarge: the values of a Get would
/// not fit into a frame; no more than that is ever gathered. Thread-safe.
Status AnswerRead(const storage::ShardData& data, const proto::Request& request,
                  storage::ReadDepth depth, proto::Response* response);

/// As storage::DecodeValue; an error names the key.
Result<storage::Value> DecodeValueOf(std::string_view raw_key, std::string_view raw_value);

}  // namespace ringfort::replica
