// Between the public types and the messages: what is asked, checked against the limits first, and
// what an answer says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ringfort/admin.h"
#include "ringfort/client.h"
#include "ringfort/client.pb.h"
#include "ringfort/status.h"

namespace ringfort::client {

// Each names the limit and the actual size.
Status CheckShardKey(std::string_view shard_key);
Status CheckKey(const Key& key);
Status CheckPut(const Key& key, std::string_view value, const PutOptions& options);
/// `prefix`, `begin` and `end` are no longer than a sort key.
Status CheckScan(const ScanRange& range, const ScanOptions& options);

void FillKey(const Key& key, proto::Key* out);
void FillPut(const Key& key, std::string_view value, const PutOptions& options,
             proto::Request* request);
void FillDelete(const Key& key, const DeleteOptions& options, proto::Request* request);
proto::Get::Consistency ToProto(Consistency consistency);

/// The range as one pair of bounds; none when nothing can be in it.
struct ScanBounds {
  std::string begin;
  std::optional<std::string> end;
};
std::optional<ScanBounds> BoundsOf(const ScanRange& range);
void FillScan(std::string_view shard_key, const ScanBounds& bounds, bool reverse,
              const ScanOptions& options, proto::Request* request);

/// Where a scan of the whole store stands: before the first entry of `shard`, or behind `after`.
struct StorePosition {
  std::uint32_t shard = 0;
  std::optional<Key> after;
};
/// "1.SHARDS.SHARD" or "1.SHARDS.SHARD.HEX OF SHARD KEY.HEX OF SORT KEY".
std::string EncodePosition(const StorePosition& position, std::uint32_t shards);
/// Empty text is the beginning. kInvalidArgument when it is no such text, or from another cluster.
Result<StorePosition> DecodePosition(std::string_view text, std::uint32_t shards);
void FillScanAll(const StorePosition& position, const ScanOptions& options,
                 proto::Request* request);

// The answers. What a correct node never sends becomes kInternal.
Result<Found> ToFound(proto::Entry* entry);
Result<Version> ToVersion(const proto::Response& response);
Result<ScanPage> ToScanPage(std::string_view shard_key, const ScanRange& range,
                            proto::Response* response);
Result<ScanAllPage> ToScanAllPage(const StorePosition& from, std::uint32_t shards,
                                  proto::Response* response);
ClusterView ToClusterView(const proto::ClusterMap& map);
NodeStatusView ToNodeStatusView(const proto::NodeStatus& status);
ShardRecoveryView ToShardRecoveryView(const proto::ShardRecovery& recovery);

/// What a node says for people to read, as one line without controls, cut after 2,000 bytes.
std::string Shown(std::string_view text);
/// Two digits a byte.
std::string ToHex(std::string_view bytes);
/// From the wire: of proto::NodeStatus::DiskRoom.
DiskRoom ToDiskRoom(std::uint32_t room);

/// A node's answer that does not fit the question.
Status WrongAnswer(std::string_view what);

}  // namespace ringfort::client
