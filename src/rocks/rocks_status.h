// From RocksDB's statuses to Ringfort's.
#pragma once

#include <string_view>

#include <rocksdb/status.h>

#include "ringfort/status.h"

namespace ringfort::rocks {

/// An error of RocksDB outside a write. `doing` says what was tried ("read shard-12-gen-3").
/// Incomplete, which RocksDB answers instead of going to disk, becomes kUnavailable.
Status ReadStatus(const rocksdb::Status& error, std::string_view doing);

/// An error after which nobody knows what RocksDB kept: the node must stop. The effect is kUnknown;
/// the code is never kCorruption, which is of one replica's data.
Status FinalStatus(const rocksdb::Status& error, std::string_view doing);

}  // namespace ringfort::rocks
