#include "wire/request_parts.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <cstdint>

#include "ringfort/limits.h"

namespace ringfort::wire {
namespace {

using google::protobuf::internal::WireFormatLite;

/// With room for the single fields of a request and of its body.
constexpr std::size_t kPartsMax = std::max(limits::kGetKeysMax, limits::kBatchOperationsMax) + 64;
/// A tag and an empty length.
constexpr std::size_t kPartBytesMin = 2;

}  // namespace

bool HasFewParts(std::string_view request) {
  if (request.size() <= kPartsMax * kPartBytesMin) return true;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(request.data()),
                                            static_cast<int>(request.size()));
  std::size_t parts = 0;
  while (const std::uint32_t field = in.ReadTag()) {
    if (++parts > kPartsMax) return false;
    if (WireFormatLite::GetTagWireType(field) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&in, field)) return true;
      continue;
    }
    // The body: all that repeats in a request repeats here.
    int bytes = 0;
    if (!in.ReadVarintSizeAsInt(&bytes)) return true;
    const auto outer = in.PushLimit(bytes);
    while (const std::uint32_t part = in.ReadTag()) {
      if (++parts > kPartsMax) return false;
      if (!WireFormatLite::SkipField(&in, part)) return true;
    }
    in.PopLimit(outer);
  }
  return true;
}

}  // namespace ringfort::wire
