// Whether the other machine still answers on a connection, by what the kernel knows of it.
#pragma once

#include <optional>

#include "base/time.h"

namespace ringfort::net {

/// What the kernel says of what was handed to a socket.
struct TcpState {
  /// Something was sent that the other machine is to acknowledge: bytes, or the question whether it
  /// takes bytes again.
  bool waits_for_answer = false;
  /// Bytes that the other machine has not acknowledged, sent or not.
  bool has_bytes = false;
  /// Since an acknowledgement came, of anything.
  Duration since_answer{0};
  Duration round_trip{0};
};

/// None: the socket is no TCP socket that is connected.
std::optional<TcpState> ReadTcpState(int socket);

/// A machine acknowledges what arrives within its round trip and a fifth of a second, also where
/// the process that should read hangs: one that acknowledges nothing at all for longer cannot be
/// reached. A slow reader, a slow line and lost packets leave some acknowledgement on its way.
/// Looked at every few tens of milliseconds while bytes wait. Not thread-safe.
class ProgressWatch {
 public:
  /// Whether nothing was acknowledged for too long.
  bool IsStalled(const TcpState& state, MonotonicTime now);

 private:
  /// Since when every look has found something that waits for an answer; kNever: the last did not.
  MonotonicTime waits_since_ = kNever;
};

}  // namespace ringfort::net
