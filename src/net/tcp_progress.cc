#include "net/tcp_progress.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>

namespace ringfort::net {
namespace {

/// Of the delays that a healthy machine may add to a round trip, the longest: 200 ms, and what a
/// busy one takes beside.
constexpr Duration kAnswerMax = std::chrono::milliseconds(300);
constexpr int kRoundTrips = 3;

}  // namespace

std::optional<TcpState> ReadTcpState(int socket) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  if (size < offsetof(tcp_info, tcpi_notsent_bytes) + sizeof(info.tcpi_notsent_bytes)) {
    return std::nullopt;  // A kernel of before 2016.
  }
  constexpr std::uint8_t kEstablished = 1;
  if (info.tcpi_state != kEstablished) return std::nullopt;
  TcpState state;
  state.waits_for_answer = info.tcpi_unacked > 0 || info.tcpi_probes > 0;
  state.has_bytes = state.waits_for_answer || info.tcpi_notsent_bytes > 0;
  state.since_answer = std::chrono::milliseconds(info.tcpi_last_ack_recv);
  state.round_trip = std::chrono::microseconds(info.tcpi_rtt);
  return state;
}

bool ProgressWatch::IsStalled(const TcpState& state, MonotonicTime now) {
  if (!state.waits_for_answer) {
    waits_since_ = kNever;
    return false;
  }
  if (waits_since_ == kNever) waits_since_ = now;
  const MonotonicTime silent_since = std::max(waits_since_, now - state.since_answer);
  return now - silent_since >= std::max(kAnswerMax, kRoundTrips * state.round_trip);
}

}  // namespace ringfort::net
