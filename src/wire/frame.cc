// The frame header is written and judged here, and nowhere else.
#include "wire/frame.h"

#include <google/protobuf/message_lite.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "base/hash.h"
#include "ringfort/limits.h"

namespace ringfort::wire {
namespace {

constexpr std::string_view kMagic = "RGFT";
constexpr std::size_t kVersionAt = 4;
constexpr std::size_t kTypeAt = 5;
constexpr std::size_t kFlagsAt = 6;
constexpr std::size_t kLengthAt = 8;
constexpr std::size_t kReservedAt = 12;
constexpr std::size_t kRequestIdAt = 16;
constexpr std::size_t kChecksumAt = 24;

std::uint64_t Checksum(std::string_view header, std::string_view payload) {
  return Hash64(payload, Hash64(header.substr(0, kChecksumAt)));
}

bool IsKnownType(std::uint8_t type) {
  return type >= static_cast<std::uint8_t>(FrameType::kHello) &&
         type <= static_cast<std::uint8_t>(FrameType::kPeer);
}

/// What sort of program speaks like this, for the operator who reads the message.
std::string_view GuessSpeaker(std::string_view bytes) {
  for (std::string_view verb : {"GET ", "PUT ", "POST", "HEAD", "PRI ", "OPTI", "DELE"}) {
    if (bytes.starts_with(verb)) return "; it looks like HTTP, which this port does not speak";
  }
  if (bytes.starts_with("\x16\x03")) return "; it looks like TLS, which this port does not speak";
  if (bytes.front() == '*' || bytes.starts_with("PING") || bytes.starts_with("INFO")) {
    return "; it looks like Redis, which this port does not speak";
  }
  if (bytes.starts_with("SSH-")) return "; it looks like SSH, which this port does not speak";
  return "; only Ringfort's clients and nodes may dial this port";
}

DecodedFrame Rubbish(Code code, std::string message) {
  DecodedFrame decoded;
  decoded.state = DecodedFrame::State::kRubbish;
  decoded.error = Status(code, std::move(message));
  return decoded;
}

}  // namespace

std::string_view FrameTypeName(FrameType type) {
  switch (type) {
    case FrameType::kHello: return "Hello";
    case FrameType::kHelloReply: return "HelloReply";
    case FrameType::kGoodbye: return "Goodbye";
    case FrameType::kRequest: return "Request";
    case FrameType::kResponse: return "Response";
    case FrameType::kPeer: return "Peer";
  }
  return "Unknown";
}

void AppendFrameHeader(std::string* out, FrameType type, std::uint64_t request_id,
                       std::string_view payload) {
  RF_CHECK(payload.size() <= limits::kFrameMax - kFrameHeaderBytes)
      << "payload of " << payload.size() << " bytes";
  const std::size_t begin = out->size();
  out->append(kMagic);
  AppendLittle<std::uint8_t>(out, kFrameVersion);
  AppendLittle<std::uint8_t>(out, static_cast<std::uint8_t>(type));
  AppendLittle<std::uint16_t>(out, 0);
  AppendLittle<std::uint32_t>(out, static_cast<std::uint32_t>(payload.size()));
  AppendLittle<std::uint32_t>(out, 0);
  AppendLittle<std::uint64_t>(out, request_id);
  AppendLittle<std::uint64_t>(out, Checksum(std::string_view(*out).substr(begin), payload));
}

void AppendFrame(std::string* out, FrameType type, std::uint64_t request_id,
                 std::string_view payload) {
  AppendFrameHeader(out, type, request_id, payload);
  out->append(payload);
}

bool AppendFrame(std::string* out, FrameType type, std::uint64_t request_id,
                 const google::protobuf::MessageLite& message) {
  const std::size_t size = message.ByteSizeLong();
  if (size > limits::kFrameMax - kFrameHeaderBytes) return false;
  // The payload goes to its place first, since the header holds its checksum; the header is made in
  // a string short enough to need no allocation more than once a thread.
  thread_local std::string header;
  const std::size_t begin = out->size();
  out->resize(begin + kFrameHeaderBytes + size);
  char* payload = out->data() + begin + kFrameHeaderBytes;
  message.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(payload));
  header.clear();
  AppendFrameHeader(&header, type, request_id, std::string_view(payload, size));
  std::copy(header.begin(), header.end(), out->begin() + static_cast<std::ptrdiff_t>(begin));
  return true;
}

DecodedFrame DecodeFrame(std::string_view bytes, std::size_t frame_bytes_max) {
  DecodedFrame decoded;
  if (bytes.empty()) return decoded;
  const std::size_t magic_bytes = std::min(bytes.size(), kMagic.size());
  if (bytes.substr(0, magic_bytes) != kMagic.substr(0, magic_bytes)) {
    return Rubbish(Code::kInvalidArgument,
                   "what arrived is no Ringfort frame" + std::string(GuessSpeaker(bytes)));
  }
  if (bytes.size() > kVersionAt) {
    const auto version = LoadLittle<std::uint8_t>(bytes.data() + kVersionAt);
    if (version != kFrameVersion) {
      return Rubbish(Code::kUnsupported,
                     "frame version " + std::to_string(version) + " is not known here, only " +
                         std::to_string(kFrameVersion) + "; use programs of one release");
    }
  }
  if (bytes.size() > kTypeAt) {
    const auto type = LoadLittle<std::uint8_t>(bytes.data() + kTypeAt);
    if (!IsKnownType(type)) {
      return Rubbish(Code::kUnsupported, "frame type " + std::to_string(type) +
                                             " is not known here; use programs of one release");
    }
    decoded.frame.type = static_cast<FrameType>(type);
  }
  if (bytes.size() >= kLengthAt && LoadLittle<std::uint16_t>(bytes.data() + kFlagsAt) != 0) {
    return Rubbish(Code::kUnsupported,
                   "a frame has flags that are not known here; use programs of one release");
  }
  if (bytes.size() < kReservedAt) return decoded;

  decoded.size_bytes =
      kFrameHeaderBytes + std::size_t{LoadLittle<std::uint32_t>(bytes.data() + kLengthAt)};
  if (decoded.size_bytes > frame_bytes_max) {
    return Rubbish(Code::kTooLarge, "a frame of " + std::to_string(decoded.size_bytes) +
                                        " bytes is over the limit of " +
                                        std::to_string(frame_bytes_max) + "; send less at once");
  }
  if (bytes.size() >= kRequestIdAt && LoadLittle<std::uint32_t>(bytes.data() + kReservedAt) != 0) {
    return Rubbish(Code::kUnsupported, "a frame uses reserved bytes; use programs of one release");
  }
  if (bytes.size() < decoded.size_bytes) return decoded;

  decoded.frame.request_id = LoadLittle<std::uint64_t>(bytes.data() + kRequestIdAt);
  decoded.frame.payload = bytes.substr(kFrameHeaderBytes, decoded.size_bytes - kFrameHeaderBytes);
  if (Checksum(bytes, decoded.frame.payload) !=
      LoadLittle<std::uint64_t>(bytes.data() + kChecksumAt)) {
    return Rubbish(Code::kCorruption,
                   "a frame's checksum does not match its bytes; check the network and the memory "
                   "of both machines");
  }
  decoded.state = DecodedFrame::State::kFrame;
  return decoded;
}

}  // namespace ringfort::wire
