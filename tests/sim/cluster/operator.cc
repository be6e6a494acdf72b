#include "tests/sim/cluster/operator.h"

#include <utility>

#include "tests/sim/cluster/client_wire.h"
#include "tests/sim/cluster/loops.h"
#include "wire/id_codec.h"

namespace ringfort::sim {

using namespace std::chrono_literals;  // NOLINT: durations

void Operator::Start() {
  events_->After(Between(random_, 100ms, 2s), nullptr, "operator", [this] {
    if (stopped_) return;
    DoSomething();
    Start();
  });
}

void Operator::Stop() {
  stopped_ = true;
  TakeBack();
}

void Operator::TakeBack() {
  for (const auto& node : *nodes_) {
    if (!node->waits_to_join()) {
      Change(proto::ChangeNode::UNDRAIN, node->id());
    } else if (node->joined_before()) {
      LetJoin(node.get());
    }
  }
  events_->After(1s, nullptr, "operator", [this] { TakeBack(); });
}

void Operator::DoSomething() {
  SimulatedNode* node = (*nodes_)[random_.Below(nodes_->size())].get();
  if (node->waits_to_join()) return LetJoin(node);
  switch (random_.Below(8)) {
    case 0:
    case 1: return Change(proto::ChangeNode::DRAIN, node->id());
    case 2:
    case 3:
    case 4: return Change(proto::ChangeNode::UNDRAIN, node->id());
    case 5:
      return Change(proto::ChangeNode::SET_WEIGHT, node->id(),
                    1 + static_cast<std::uint32_t>(random_.Below(3)));
    case 6: {
      proto::MetaRequest request;
      request.mutable_transfer()->set_shard(static_cast<std::uint32_t>(random_.Below(shards_ + 1)));
      request.mutable_transfer()->set_to(node->id().value());
      return Ask(request, [](const proto::MetaReply& /*reply*/) {});
    }
    default: {
      proto::MetaRequest request;
      request.mutable_rebalance()->set_kind(random_.OneIn(2) ? proto::Rebalance::CANCEL
                                                             : proto::Rebalance::START);
      return Ask(request, [](const proto::MetaReply& /*reply*/) {});
    }
  }
}

void Operator::Change(proto::ChangeNode::Kind kind, NodeId node, std::uint32_t weight) {
  proto::MetaRequest request;
  proto::ChangeNode* change = request.mutable_change_node();
  change->set_kind(kind);
  change->set_node(node.value());
  change->set_weight(weight);
  Ask(request, [](const proto::MetaReply& /*reply*/) {});
}

void Operator::LetJoin(SimulatedNode* node) {
  proto::MetaRequest request;
  proto::JoinCluster* join = request.mutable_join();
  join->set_node(node->id().value());
  join->set_address(AddressOf(node->id()));
  join->set_weight(1);
  join->set_incarnation(wire::EncodeId(node->incarnation()));
  join->set_knows_level(node->installed().value());
  Ask(request, [this, node](const proto::MetaReply& reply) {
    if (!reply.has_joined() || !node->waits_to_join()) return;
    // Not from within the node that answers.
    events_->After(1ms, nullptr, "join", [node, joined = reply.joined()] {
      if (!node->waits_to_join()) return;
      node->EnterCluster(joined);
      node->Start();
    });
  });
}

// All nodes are asked: one of them leads the meta group, perhaps.
void Operator::Ask(const proto::MetaRequest& request, OnReply on_reply) {
  for (const auto& node : *nodes_) {
    if (!node->running()) continue;
    events_->At(events_->now(), node->process(), "operator's request",
                [this, node = node.get(), request, on_reply] {
                  std::vector<node::Node::Incoming> batch(1);
                  *batch[0].request.mutable_meta() = request;
                  batch[0].request.set_timeout_ms(1000);
                  batch[0].reply = [this, on_reply](const proto::Response& response) {
                    if (!response.has_meta()) return;
                    ++taken_;
                    on_reply(response.meta());
                  };
                  node->node().Handle(std::move(batch));
                });
  }
}

}  // namespace ringfort::sim
