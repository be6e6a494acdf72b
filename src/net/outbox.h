// What waits to be written to one connection, gathered so that one system call takes a batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wire/frame.h"

namespace ringfort::net {

/// What became of a frame that was handed over.
enum class Sent : std::uint8_t {
  kQueued,    ///< It will be written if the connection lasts.
  kFull,      ///< Too many bytes wait already; nothing was queued.
  kTooLarge,  ///< The frame would be over limits::kFrameMax; nothing was queued.
  kClosed,    ///< The connection is closed; nothing was queued.
};

/// Small frames share a chunk; a large payload travels in its own string, uncopied. Bounded: a
/// frame is taken while fewer than `bytes_max` wait, so at most that and one frame more. Not
/// thread-safe.
class Outbox {
 public:
  explicit Outbox(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  Sent Append(wire::FrameType type, std::uint64_t request_id,
              const google::protobuf::MessageLite& message);
  Sent Append(wire::FrameType type, std::uint64_t request_id, std::string payload);
  /// Frames that were encoded before.
  Sent AppendEncoded(std::string_view frames);

  /// Gives what waits to a writer, and takes back the chunks that it wrote before, whose memory is
  /// used again. False, and `chunks` empty, when nothing waits.
  bool Take(std::vector<std::string>* chunks);
  /// All that was taken is written: it waits no more.
  void MarkWritten() { written_bytes_ = taken_bytes_; }

  /// Since the beginning; includes what was not written yet.
  [[nodiscard]] std::uint64_t appended_bytes() const { return appended_bytes_; }
  /// Since the beginning: what was given to the writer. The rest has certainly not left.
  [[nodiscard]] std::uint64_t taken_bytes() const { return taken_bytes_; }

 private:
  [[nodiscard]] bool full() const { return appended_bytes_ - written_bytes_ >= bytes_max_; }
  /// The chunk that small frames go to.
  std::string* OpenChunk();

  std::size_t bytes_max_;
  std::vector<std::string> waiting_;
  /// Whether the last of waiting_ takes small frames.
  bool open_ = false;
  /// An empty string with memory of a chunk's size, or with none.
  std::string spare_;
  std::uint64_t appended_bytes_ = 0;
  std::uint64_t taken_bytes_ = 0;
  std::uint64_t written_bytes_ = 0;
};

}  // namespace ringfort::net
