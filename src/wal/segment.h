// One segment of the log as it is held open: shared, so that a reader keeps it from being reused.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "wal/file.h"
#include "wal/format.h"

namespace ringfort::wal {

struct Segment {
  Segment(File opened, const SegmentHeader& read)
      : file(std::move(opened)), header(read), seed(read.seed()) {}

  File file;
  SegmentHeader header;
  std::uint64_t seed;
};

/// By sequence number.
using Segments = std::map<std::uint64_t, std::shared_ptr<Segment>>;

}  // namespace ringfort::wal
