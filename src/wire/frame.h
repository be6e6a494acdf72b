// Frames: how a message stands in a connection's stream of bytes. Pure: no sockets here.
//
// A frame is a header of 32 bytes, little-endian, and its payload:
//
//   offset  0  magic            u32  the bytes "RGFT"
//           4  version          u8   1
//           5  type             u8   FrameType
//           6  flags            u16  0
//           8  payload length   u32
//          12  reserved         u32  0
//          16  request id       u64  pairs a response with its request; 0 in the other types
//          24  checksum         u64  XXH3-64 of the payload, seeded with that of bytes 0 to 23
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ringfort/status.h"

namespace google::protobuf {
class MessageLite;
}  // namespace google::protobuf

namespace ringfort::wire {

inline constexpr std::size_t kFrameHeaderBytes = 32;
inline constexpr std::uint8_t kFrameVersion = 1;

/// What the payload is. The numbers are never reused.
enum class FrameType : std::uint8_t {
  kHello = 1,       ///< proto::Hello: the first frame, from the side that dialed.
  kHelloReply = 2,  ///< proto::HelloReply.
  kGoodbye = 3,     ///< proto::Goodbye: the last frame of a side that refuses or gives up.
  kRequest = 4,     ///< proto::Request.
  kResponse = 5,    ///< proto::Response, with the request's id.
  kPeer = 6,        ///< proto::PeerMessage.
};

/// "Hello", "Peer", ...; for messages.
std::string_view FrameTypeName(FrameType type);

struct Frame {
  FrameType type = FrameType::kHello;
  std::uint64_t request_id = 0;
  /// Points into the bytes that were decoded.
  std::string_view payload;
};

/// Appends a frame. The payload is less than limits::kFrameMax less the header.
void AppendFrame(std::string* out, FrameType type, std::uint64_t request_id,
                 std::string_view payload);
/// Serializes the message straight into the frame. False, and `out` unchanged, when the frame would
/// be over limits::kFrameMax.
bool AppendFrame(std::string* out, FrameType type, std::uint64_t request_id,
                 const google::protobuf::MessageLite& message);
/// Appends only the header of a frame whose payload is sent right behind it.
void AppendFrameHeader(std::string* out, FrameType type, std::uint64_t request_id,
                       std::string_view payload);

struct DecodedFrame {
  enum class State : std::uint8_t {
    kFrame,     ///< `frame` is whole and its checksum right.
    kNeedMore,  ///< The bytes are the beginning of a frame of at least `size_bytes`.
    kRubbish,   ///< `error` says what is wrong; nothing behind it can be understood.
  };
  State state = State::kNeedMore;
  Frame frame;
  /// The whole frame's size, with its header: what to step over.
  std::size_t size_bytes = kFrameHeaderBytes;
  /// kTooLarge when the frame is over the limit, kUnsupported for another version or an unknown
  /// type, kCorruption for a checksum that does not match, kInvalidArgument for what is no frame at
  /// all.
  Status error;
};

/// Looks at the first frame of `bytes`. Every byte of the header is judged as soon as it is there,
/// so rubbish is found before anything waits for more of it, and an oversized frame before anything
/// is allocated for it. `frame_bytes_max` counts the header.
DecodedFrame DecodeFrame(std::string_view bytes, std::size_t frame_bytes_max);

}  // namespace ringfort::wire
