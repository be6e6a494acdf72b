// The limits of the data API, in bytes unless the name says otherwise. The client checks them
// before it sends, the server before it allocates; what is over one is refused with kTooLarge.
#pragma once

#include <cstddef>

namespace ringfort::limits {

/// A shard key has at least one byte,
inline constexpr std::size_t kShardKeyMin = 1;
/// and at most so many.
inline constexpr std::size_t kShardKeyMax = 1024;
/// A sort key may be empty.
inline constexpr std::size_t kSortKeyMax = 7168;
inline constexpr std::size_t kValueMax = std::size_t{8} << 20;

/// One write: its keys and values together,
inline constexpr std::size_t kBatchMax = std::size_t{8} << 20;
/// and its puts and deletes, as a number.
inline constexpr std::size_t kBatchOperationsMax = 4096;

/// Keys of one get, as a number. Together their values must fit into one message.
inline constexpr std::size_t kGetKeysMax = 4096;

/// A page of a scan: its keys and values together. A page holds at least one entry, so one entry
/// that is larger than this makes a page of its own.
inline constexpr std::size_t kScanPageMax = std::size_t{1} << 20;

/// One message on a connection, with its header,
inline constexpr std::size_t kFrameMax = std::size_t{16} << 20;
/// and until the other side has said who it is.
inline constexpr std::size_t kFrameBeforeHandshakeMax = std::size_t{64} << 10;

/// Who asks for a change of the cluster (ClientOptions::who).
inline constexpr std::size_t kWhoMax = 128;

/// Writes of one session that have no answer yet, as a number: replicas keep the outcome of each.
inline constexpr std::size_t kUnfinishedWritesMax = 1024;

}  // namespace ringfort::limits
