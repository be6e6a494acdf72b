// Any bytes into the frame decoder and what stands behind it: no crash, no read past the end, no
// frame larger than the limit, and a frame that is taken is the one that its fields encode to.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "ringfort/client.pb.h"
#include "ringfort/limits.h"
#include "ringfort/peer.pb.h"
#include "wire/frame.h"
#include "wire/map_codec.h"
#include "wire/raft_codec.h"
#include "wire/status_codec.h"

namespace ringfort::wire {
namespace {

/// What a node does with a payload of each type.
void TakePayload(std::string_view payload) {
  const std::string bytes(payload);
  proto::PeerMessage peer;
  if (peer.ParseFromString(bytes)) {
    for (proto::RaftMessage& message : *peer.mutable_raft()->mutable_messages()) {
      static_cast<void>(DecodeMessage(std::move(message)));
    }
  }
  proto::Members members;
  if (members.ParseFromString(bytes)) static_cast<void>(DecodeMembers(members));
  proto::Response response;
  if (response.ParseFromString(bytes)) {
    static_cast<void>(DecodeStatus(response.error()));
    static_cast<void>(DecodeMap(response.map()));
  }
}

void TakeStream(std::string_view bytes) {
  while (true) {
    const DecodedFrame decoded = DecodeFrame(bytes, limits::kFrameBeforeHandshakeMax);
    if (decoded.state == DecodedFrame::State::kRubbish) {
      RF_CHECK(!decoded.error.ok() && !decoded.error.message().empty());
      return;
    }
    RF_CHECK(decoded.size_bytes <= limits::kFrameBeforeHandshakeMax);
    if (decoded.state == DecodedFrame::State::kNeedMore) {
      RF_CHECK(decoded.size_bytes > bytes.size());
      return;
    }
    std::string again;
    AppendFrame(&again, decoded.frame.type, decoded.frame.request_id, decoded.frame.payload);
    RF_CHECK(again == bytes.substr(0, decoded.size_bytes));
    bytes.remove_prefix(decoded.size_bytes);
  }
}

}  // namespace
}  // namespace ringfort::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  ringfort::wire::TakeStream(bytes);
  // A fuzzer does not guess checksums: the same bytes once more as the payload of a good frame.
  std::string framed;
  const std::size_t room =
      ringfort::limits::kFrameBeforeHandshakeMax - ringfort::wire::kFrameHeaderBytes;
  ringfort::wire::AppendFrame(&framed, ringfort::wire::FrameType::kPeer, 0, bytes.substr(0, room));
  ringfort::wire::TakeStream(framed);
  ringfort::wire::TakePayload(bytes);
  return 0;
}
