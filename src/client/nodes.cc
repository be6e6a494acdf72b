#include "client/nodes.h"

#include <chrono>
#include <utility>

namespace ringfort::client {

std::string Node::Name() const {
  if (id == NodeId()) return address;
  return "node " + std::to_string(id.value()) + " at " + address;
}

Nodes::Nodes(env::Loop& loop, Dialer& dialer, const Tuning& tuning, Random random)
    : loop_(loop), dialer_(dialer), tuning_(tuning), random_(random) {
  // A node answers it from memory, whatever its shards and disk are doing.
  probe_request_.mutable_get_map();
  probe_request_.set_timeout_ms(static_cast<std::uint32_t>(
      std::chrono::ceil<std::chrono::milliseconds>(tuning.probe.most).count()));
}

Nodes::~Nodes() {
  for (auto& [address, node] : nodes_) StopWatching(node.get());
}

Node* Nodes::At(const std::string& address) {
  std::unique_ptr<Node>& node = nodes_[address];
  if (node == nullptr) {
    node = std::make_unique<Node>();
    node->address = address;
  }
  return node.get();
}

void Nodes::Retain(const std::set<Node*>& wanted) {
  for (auto& [address, node] : nodes_) {
    if (wanted.contains(node.get())) continue;
    StopWatching(node.get());
    node->trust = Trust::kGood;
    if (node->in_flight == 0) node->channel.reset();
  }
}

Channel::RequestId Nodes::Send(Node* node, const proto::Request& request, Channel::Done done) {
  if (node->channel == nullptr) node->channel = dialer_.Open(node->address);
  ++node->in_flight;
  return node->channel->Send(request, std::move(done));
}

bool Nodes::Cancel(Node* node, Channel::RequestId request) {
  --node->in_flight;
  return node->channel->Cancel(request);
}

void Nodes::Answered(Node* node) {
  --node->in_flight;
  ++node->answers;
  if (node->watched) StopWatching(node);
  node->trust = Trust::kGood;
}

void Nodes::Failed(Node* node, const Status& why) {
  --node->in_flight;
  node->last_error = why;
  node->trust = Trust::kUnreachable;
  if (!node->watched) ProbeIn(node, tuning_.probe.Next(0, random_));
}

void Nodes::Silent(Node* node, const Status& why) {
  node->last_error = why;
  node->trust = Trust::kSilent;
  if (!node->watched) SendProbe(node);
}

void Nodes::Doubt(Node* node) {
  if (!node->watched) SendProbe(node);
}

void Nodes::ProbeIn(Node* node, Duration wait) {
  node->watched = true;
  node->probe_timer = loop_.RunAt(loop_.Now() + wait, [this, node] { SendProbe(node); });
}

void Nodes::SendProbe(Node* node) {
  node->watched = true;
  node->probe = Send(node, probe_request_, [this, node](const Result<proto::Response>& answer) {
    OnProbeAnswered(node, answer);
  });
  node->probe_timer =
      loop_.RunAt(loop_.Now() + tuning_.try_timeout.first, [this, node] { OnProbeQuiet(node); });
}

void Nodes::OnProbeAnswered(Node* node, const Result<proto::Response>& answer) {
  node->probe = 0;
  if (answer.ok()) {
    Answered(node);
    return;
  }
  loop_.Cancel(node->probe_timer);
  node->probe_timer = 0;
  --node->in_flight;
  node->last_error = answer.status();
  node->trust = Trust::kUnreachable;
  ProbeIn(node, tuning_.probe.Next(++node->failed_probes, random_));
}

void Nodes::OnProbeQuiet(Node* node) {
  if (node->trust != Trust::kSilent) {
    node->trust = Trust::kSilent;
    node->last_error = {Code::kUnavailable, node->Name() + " takes requests but does not answer"};
  }
  // A process that was only frozen answers this probe when it goes on. A connection that leads
  // nowhere never will: try another one later.
  node->probe_timer = loop_.RunAt(loop_.Now() + tuning_.probe.most, [this, node] {
    Cancel(node, std::exchange(node->probe, 0));
    if (node->in_flight == 0) node->channel.reset();
    SendProbe(node);
  });
}

void Nodes::StopWatching(Node* node) {
  node->watched = false;
  node->failed_probes = 0;
  if (node->probe_timer != 0) loop_.Cancel(std::exchange(node->probe_timer, 0));
  if (node->probe != 0) Cancel(node, std::exchange(node->probe, 0));
}

}  // namespace ringfort::client
