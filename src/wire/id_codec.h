// 128-bit ids as the 16 bytes, big-endian, in which they travel.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "ringfort/status.h"

namespace ringfort::wire {

/// 16 bytes; none for an empty id.
template <typename Tag>
std::string EncodeId(const RandomId<Tag>& id) {
  std::string bytes;
  if (id.empty()) return bytes;
  AppendBig(&bytes, id.high);
  AppendBig(&bytes, id.low);
  return bytes;
}

/// Ok when the bytes are 16 or none. `what` names the id in the message.
Status CheckIdBytes(std::string_view bytes, std::string_view what);

/// The reverse of EncodeId.
template <typename Id>
Result<Id> DecodeId(std::string_view bytes, std::string_view what) {
  if (Status status = CheckIdBytes(bytes, what); !status.ok()) return status;
  Id id;
  if (bytes.empty()) return id;
  id.high = LoadBig<std::uint64_t>(bytes.data());
  id.low = LoadBig<std::uint64_t>(bytes.data() + 8);
  return id;
}

}  // namespace ringfort::wire
