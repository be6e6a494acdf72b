#include "tests/sim/checkers/link_order.h"

#include <string>

namespace ringfort::sim {
namespace {

constexpr std::string_view kName = "link order";

std::string Name(const LinkOrder::Lane& lane) {
  return Text(lane.from.node) + " to " + Text(lane.to.node) +
         (lane.lane == env::Lane::kBulk ? ", bulk" : ", liveness");
}

}  // namespace

LinkOrder::Key LinkOrder::KeyOf(const Lane& lane) {
  const auto process = [](const env::PeerIdentity& peer) {
    return Process(peer.node, peer.incarnation, peer.boot);
  };
  return {process(lane.from), process(lane.to), lane.lane};
}

void LinkOrder::OnAdmitted(const Lane& lane, env::DialNumber dial) {
  Newest& newest = newest_[KeyOf(lane)];
  if (dial <= newest.dial) {
    complain_(kName, Name(lane) + ": dial " + std::to_string(dial.value()) +
                         " is admitted after dial " + std::to_string(newest.dial.value()));
  }
  newest = {dial, 0};
}

void LinkOrder::OnDelivered(const Lane& lane, env::DialNumber dial, std::uint64_t number) {
  Newest& newest = newest_[KeyOf(lane)];
  if (dial != newest.dial) {
    complain_(kName, Name(lane) + ": a message of dial " + std::to_string(dial.value()) +
                         " is delivered after dial " + std::to_string(newest.dial.value()) +
                         " was admitted");
  } else if (number != newest.delivered + 1) {
    complain_(kName, Name(lane) + ": message " + std::to_string(number) + " of dial " +
                         std::to_string(dial.value()) + " is delivered after message " +
                         std::to_string(newest.delivered));
  } else {
    newest.delivered = number;
  }
}

}  // namespace ringfort::sim
