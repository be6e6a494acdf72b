#include "node/request_check.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "ring/hash_ring.h"
#include "ringfort/limits.h"

namespace ringfort::node {
namespace {

Status TooLarge(std::string_view what, std::size_t size, std::size_t limit) {
  return Status(Code::kTooLarge, std::string(what) + " has " + std::to_string(size) +
                                     " bytes, the limit is " + std::to_string(limit) +
                                     " (make it smaller)");
}

Status CheckKey(const proto::Key& key, ShardId shard, std::uint32_t shards) {
  if (key.shard_key().empty()) {
    return Status(Code::kInvalidArgument, "the shard key is empty (give at least one byte)");
  }
  if (key.shard_key().size() > limits::kShardKeyMax) {
    return TooLarge("the shard key", key.shard_key().size(), limits::kShardKeyMax);
  }
  if (key.sort_key().size() > limits::kSortKeyMax) {
    return TooLarge("the sort key", key.sort_key().size(), limits::kSortKeyMax);
  }
  if (const ShardId own = ring::ShardOf(key.shard_key(), shards); own != shard) {
    return Status(Code::kInvalidArgument,
                  "the request names shard " + std::to_string(shard.value()) +
                      " and a key of shard " + std::to_string(own.value()) +
                      " (the client's map is of another cluster, or the client is faulty)");
  }
  return Status::Ok();
}

Status CheckWrite(const proto::Write& write, ShardId shard, std::uint32_t shards) {
  if (write.session() == 0 || write.sequence() == 0) {
    return Status(Code::kInvalidArgument,
                  "a write carries no session or sequence (open a session first)");
  }
  if (write.operations_size() != 1) {
    return Status(Code::kUnsupported, "a write has " + std::to_string(write.operations_size()) +
                                          " operations, this release takes one");
  }
  std::size_t bytes = 0;
  for (const proto::Operation& operation : write.operations()) {
    // What a later release knows must not be taken for something else here.
    if (!proto::Operation::Kind_IsValid(operation.kind()) ||
        !proto::Condition::Kind_IsValid(operation.condition().kind())) {
      return Status(Code::kUnsupported,
                    "this node does not know the operation or its condition (update the node)");
    }
    if (Status status = CheckKey(operation.key(), shard, shards); !status.ok()) return status;
    if (operation.value().size() > limits::kValueMax) {
      return TooLarge("the value", operation.value().size(), limits::kValueMax);
    }
    bytes += operation.key().shard_key().size() + operation.key().sort_key().size() +
             operation.value().size();
  }
  // A single put may have the largest key and the largest value.
  const std::size_t limit = limits::kBatchMax + limits::kShardKeyMax + limits::kSortKeyMax;
  return bytes > limit ? TooLarge("the write", bytes, limit) : Status::Ok();
}

Status CheckGet(const proto::Get& get, ShardId shard, std::uint32_t shards) {
  if (get.keys_size() == 0) return Status(Code::kInvalidArgument, "a get names no key");
  if (const auto keys = static_cast<std::size_t>(get.keys_size()); keys > limits::kGetKeysMax) {
    return Status(Code::kTooLarge, "a get names " + std::to_string(keys) + " keys, the limit is " +
                                       std::to_string(limits::kGetKeysMax) +
                                       " (ask for fewer at once)");
  }
  for (const proto::Key& key : get.keys()) {
    if (Status status = CheckKey(key, shard, shards); !status.ok()) return status;
  }
  return Status::Ok();
}

Status CheckScan(const proto::Scan& scan, ShardId shard, std::uint32_t shards) {
  if (scan.begin().size() > limits::kSortKeyMax || scan.end().size() > limits::kSortKeyMax) {
    return TooLarge("a bound of the scan", std::max(scan.begin().size(), scan.end().size()),
                    limits::kSortKeyMax);
  }
  if (scan.has_resume_after()) {
    if (Status status = CheckKey(scan.resume_after(), shard, shards); !status.ok()) return status;
    if (!scan.whole_shard() && scan.resume_after().shard_key() != scan.shard_key()) {
      return Status(Code::kInvalidArgument, "a scan goes on from a key of another shard key");
    }
  }
  if (scan.whole_shard()) return Status::Ok();
  proto::Key key;
  key.set_shard_key(scan.shard_key());
  return CheckKey(key, shard, shards);
}

}  // namespace

Status CheckShardRequest(const proto::Request& request, std::uint32_t shards) {
  const ShardId shard(request.shard());
  if (request.shard() >= shards) {
    return Status(Code::kInvalidArgument, "there is no shard " + std::to_string(request.shard()) +
                                              ", the cluster has " + std::to_string(shards));
  }
  switch (request.body_case()) {
    case proto::Request::kOpenSession:
    case proto::Request::kVerifyShard:
    case proto::Request::kKeepSession: return Status::Ok();
    case proto::Request::kGet: return CheckGet(request.get(), shard, shards);
    case proto::Request::kWrite: return CheckWrite(request.write(), shard, shards);
    case proto::Request::kScan: return CheckScan(request.scan(), shard, shards);
    default:
      return Status(Code::kUnsupported, "this node does not know the request (update the node)");
  }
}

}  // namespace ringfort::node
