// Gathering frames into chunks.
#include "net/outbox.h"

#include <google/protobuf/message_lite.h>

#include <utility>

#include "ringfort/limits.h"

namespace ringfort::net {
namespace {

/// A chunk that has so much is closed: growing one string further would copy more than it saves.
constexpr std::size_t kChunkBytes = std::size_t{32} << 10;
/// A payload from here on is worth a string of its own.
constexpr std::size_t kOwnStringBytes = std::size_t{16} << 10;
/// How much memory a connection keeps for its next chunk.
constexpr std::size_t kSpareBytesMax = 2 * kChunkBytes;

}  // namespace

std::string* Outbox::OpenChunk() {
  if (!open_ || waiting_.back().size() >= kChunkBytes) {
    waiting_.push_back(std::move(spare_));
    spare_.clear();
    open_ = true;
  }
  return &waiting_.back();
}

Sent Outbox::Append(wire::FrameType type, std::uint64_t request_id,
                    const google::protobuf::MessageLite& message) {
  if (full()) return Sent::kFull;
  std::string* chunk = OpenChunk();
  const std::size_t before = chunk->size();
  if (!wire::AppendFrame(chunk, type, request_id, message)) return Sent::kTooLarge;
  appended_bytes_ += chunk->size() - before;
  return Sent::kQueued;
}

Sent Outbox::Append(wire::FrameType type, std::uint64_t request_id, std::string payload) {
  if (payload.size() > limits::kFrameMax - wire::kFrameHeaderBytes) return Sent::kTooLarge;
  if (full()) return Sent::kFull;
  appended_bytes_ += wire::kFrameHeaderBytes + payload.size();
  std::string* chunk = OpenChunk();
  if (payload.size() < kOwnStringBytes) {
    wire::AppendFrame(chunk, type, request_id, payload);
    return Sent::kQueued;
  }
  wire::AppendFrameHeader(chunk, type, request_id, payload);
  waiting_.push_back(std::move(payload));
  open_ = false;
  return Sent::kQueued;
}

Sent Outbox::AppendEncoded(std::string_view frames) {
  if (full()) return Sent::kFull;
  OpenChunk()->append(frames);
  appended_bytes_ += frames.size();
  return Sent::kQueued;
}

bool Outbox::Take(std::vector<std::string>* chunks) {
  for (std::string& written : *chunks) {
    if (written.capacity() > spare_.capacity() && written.capacity() <= kSpareBytesMax) {
      spare_ = std::move(written);
      spare_.clear();
    }
  }
  chunks->clear();
  open_ = false;
  chunks->swap(waiting_);
  const bool any = taken_bytes_ != appended_bytes_;
  taken_bytes_ = appended_bytes_;
  if (!any) chunks->clear();
  return any;
}

}  // namespace ringfort::net
