#include "tests/unit/sdk/one_node.h"

#include "base/check.h"
#include "wire/id_codec.h"

namespace ringfort {
namespace {

constexpr ClusterId kCluster{7, 8};

net::LocalIdentity Identity() {
  net::LocalIdentity identity;
  identity.cluster_name = "one";
  identity.cluster_id = kCluster;
  identity.self = {NodeId(1), Incarnation{1, 2}, BootNumber(1)};
  identity.has_record = true;
  return identity;
}

}  // namespace

OneNode::OneNode() {
  net::ListenerHooks hooks;
  hooks.identity = Identity;
  hooks.requests = this;
  hooks.on_event = [](const std::string& /*of no interest*/) {};
  auto listener = net::Listener::Open("127.0.0.1:0", {&loop_}, std::move(hooks));
  RF_CHECK(listener.ok()) << listener.status().ToString();
  listener_ = *std::move(listener);
}

OneNode::~OneNode() {
  listener_->Stop({Code::kCancelled, "the test is over"});
  loop_.Stop();
}

std::string OneNode::address() const {
  return "127.0.0.1:" + std::to_string(listener_->port());
}

void OneNode::AwaitHeldWrite() {
  std::unique_lock lock(mutex_);
  RF_CHECK(arrived_.wait_for(lock, std::chrono::seconds(30), [this] { return write_held_; }));
}

void OneNode::OnRequests(std::span<net::IncomingRequest> batch) {
  for (net::IncomingRequest& incoming : batch) {
    const std::lock_guard lock(mutex_);
    if (held_) {
      write_held_ = write_held_ || incoming.request.has_write();
      arrived_.notify_all();
      continue;
    }
    incoming.responder->Send(incoming.request_id, Serve(incoming.request));
  }
}

proto::Response OneNode::Serve(const proto::Request& request) {
  proto::Response response;
  if (request.has_get_map()) {
    proto::ClusterMap* map = response.mutable_map();
    map->set_version(1);
    map->set_cluster_name("one");
    map->set_cluster_id(wire::EncodeId(kCluster));
    proto::MapNode* node = map->add_nodes();
    node->set_id(1);
    node->set_address(address());
    node->set_zone("z");
    node->set_weight(1);
    for (int i = 0; i < 4; ++i) map->add_shards()->add_replicas(1);
    map->mutable_meta()->add_replicas(1);
    map->set_replicas(1);
  } else if (request.has_get_node_status()) {
    response.mutable_node_status()->set_node(1);
    response.mutable_node_status()->set_version("test");
  } else if (request.has_meta()) {
    proto::MetaReply* reply = response.mutable_meta();
    if (request.meta().has_get_state()) reply->mutable_state()->set_meta_primary(1);
    if (request.meta().has_get_events()) {
      reply->mutable_events()->add_events()->set_who(request.meta().who());
    }
    if (request.meta().has_change_node()) reply->mutable_plan()->set_map_version(2);
    if (request.meta().has_rebalance()) reply->mutable_plan()->set_map_version(3);
    if (request.meta().has_transfer()) reply->set_ordered(true);
  } else if (request.has_open_session()) {
    response.mutable_session_opened()->set_session(++index_);
  } else if (request.has_write()) {
    return Write(request.write());
  } else if (request.has_get()) {
    for (const proto::Key& key : request.get().keys()) {
      proto::Entry* entry = response.mutable_got()->add_entries();
      const auto found = data_.find({key.shard_key(), key.sort_key()});
      if (found == data_.end()) continue;
      entry->set_found(true);
      entry->set_value(found->second.first);
      entry->set_version(found->second.second);
    }
  } else if (request.has_scan()) {
    proto::ScanPage* page = response.mutable_scan_page();
    for (const auto& [key, stored] : data_) {
      if (request.scan().whole_shard() ? request.shard() != 0
                                       : key.first != request.scan().shard_key()) {
        continue;
      }
      proto::Entry* entry = page->add_entries();
      entry->mutable_key()->set_shard_key(key.first);
      entry->mutable_key()->set_sort_key(key.second);
      entry->set_value(stored.first);
      entry->set_version(stored.second);
    }
  }
  return response;
}

proto::Response OneNode::Write(const proto::Write& write) {
  proto::Response response;
  for (const proto::Operation& operation : write.operations()) {
    const std::pair key(operation.key().shard_key(), operation.key().sort_key());
    if (operation.kind() == proto::Operation::PUT) {
      data_[key] = {operation.value(), ++index_};
    } else {
      data_.erase(key);
      ++index_;
    }
  }
  response.mutable_written()->set_version(index_);
  return response;
}

}  // namespace ringfort
