// From RocksDB's statuses to Ringfort's.
#include "rocks/rocks_status.h"

#include <string>

namespace ringfort::rocks {
namespace {

std::string Line(std::string_view doing, const rocksdb::Status& error, std::string_view next_step) {
  std::string line = "cannot ";
  line.append(doing).append(": ").append(error.ToString()).append(" (").append(next_step);
  line.push_back(')');
  return line;
}

}  // namespace

Status ReadStatus(const rocksdb::Status& error, std::string_view doing) {
  if (error.IsIncomplete()) {
    return {Code::kUnavailable, Line(doing, error, "not in memory; read again from disk")};
  }
  if (error.IsCorruption()) {
    return {Code::kCorruption, Line(doing, error, "the replica must be rebuilt from its peers")};
  }
  return {Code::kIoError, Line(doing, error, "check the node's disk and its log")};
}

Status FinalStatus(const rocksdb::Status& error, std::string_view doing) {
  return {Code::kIoError,
          Line(doing, error, "what the disk kept is unknown: the node must stop; check the disk"),
          Effect::kUnknown};
}

}  // namespace ringfort::rocks
