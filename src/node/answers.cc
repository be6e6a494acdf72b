// What a node answers of itself: the cluster map, and how its replicas do.
#include <algorithm>
#include <utility>

#include "node/node.h"
#include "ringfort/version.h"
#include "wire/id_codec.h"
#include "wire/map_codec.h"

namespace ringfort::node {
namespace {

/// Leaves an answer far below the largest frame.
constexpr std::size_t kHotKeyBytesMax = std::size_t{4} << 20;

}  // namespace

std::string Node::waiting_for() const {
  const std::lock_guard lock(mutex_);
  return waiting_for_;
}

void Node::SetWaitingFor(std::string line) {
  const std::lock_guard lock(mutex_);
  if (line == waiting_for_ || old_copy_) return;
  doors_.log_line(line.empty() ? "serving" : "waiting: " + line);
  waiting_for_ = std::move(line);
}

proto::Response Node::AnswerMap() const {
  proto::Response response;
  proto::ClusterMap* map = response.mutable_map();
  wire::EncodeMap(*map_.Get(), map);
  // Clients have no use for who was here once.
  auto* nodes = map->mutable_nodes();
  nodes->erase(
      std::remove_if(nodes->begin(), nodes->end(),
                     [](const proto::MapNode& node) { return node.state() == proto::GONE; }),
      nodes->end());
  for (int i = 0; i < map->shards_size(); ++i) {
    const auto& cell = cells_[static_cast<std::size_t>(i)];
    map->mutable_shards(i)->set_primary_hint(cell->primary().value());
  }
  return response;
}

void Node::AnswerStatus(bool hot_keys, Reply reply) {
  auto response = std::make_shared<proto::Response>();
  proto::NodeStatus* status = response->mutable_node_status();
  status->set_node(self_.node.value());
  status->set_incarnation(wire::EncodeId(self_.incarnation));
  status->set_boot(self_.boot.value());
  status->set_cluster_id(wire::EncodeId(cluster_id()));
  status->set_waiting_for(waiting_for());
  status->set_log_bytes(doors_.log->usage().bytes);
  status->set_version(kVersion);
  status->set_disk_room(static_cast<proto::NodeStatus::DiskRoom>(room_.load()));
  status->set_disk_free_bytes(free_bytes_);
  const auto uptime = doors_.loops.front()->Now() - started_at_;
  status->set_uptime_ms(static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(uptime).count()));
  auto count = [status](const std::string& name, std::uint64_t value) {
    proto::Counter* counter = status->add_counters();
    counter->set_name(name);
    counter->set_value(value);
  };
  count("peer_rubbish", rubbish_);
  count("replicas_set_aside", set_aside_);
  count("copies_damaged_lately", damage_.FoundLately(doors_.loops.front()->Now()));
  count("old_copy", old_copy_ ? 1 : 0);
  for (const auto& [name, value] : doors_.counters()) count(name, value);
  for (const auto& [name, value] : AcknowledgedAges()) count(name, value);
  AddReplicas(0, hot_keys ? kHotKeyBytesMax : 0, std::move(response), std::move(reply));
}

std::vector<std::pair<std::string, std::uint64_t>> Node::AcknowledgedAges() const {
  std::vector<std::pair<std::string, std::uint64_t>> ages;
  if (!serving_.load(std::memory_order_acquire)) return ages;  // There may be no liveness yet.
  const MonotonicTime now = doors_.loops.front()->Now();
  for (const ring::NodeInfo& node : map_.Get()->nodes) {
    const MonotonicTime at = liveness_->AcknowledgedAt(node.id);
    if (at == kNever) continue;
    const auto ago = std::chrono::duration_cast<std::chrono::milliseconds>(now - std::min(at, now));
    ages.emplace_back("peer_" + std::to_string(node.id.value()) + "_acknowledged_ms_ago",
                      static_cast<std::uint64_t>(ago.count()));
  }
  return ages;
}

void Node::AddReplicas(std::size_t i, std::size_t hot_key_bytes,
                       std::shared_ptr<proto::Response> response, Reply reply) {
  if (i == loops_.size()) {
    reply(std::move(*response));
    return;
  }
  loops_[i]->loop()->Post([this, i, hot_key_bytes, response, reply = std::move(reply)] {
    std::size_t left = hot_key_bytes;
    if (i == 0) AddVoidCopies(response->mutable_node_status());  // The control loop.
    const MonotonicTime now = loops_[i]->Now();
    loops_[i]->ForEach([&](replica::Replica& replica) {
      proto::NodeStatus* status = response->mutable_node_status();
      const bool is_meta = replica.shard() == ShardId(shards_);
      replica.FillStatus(is_meta ? status->mutable_meta_replica() : status->add_replicas(), now,
                         &left);
    });
    AddReplicas(i + 1, left, response, reply);
  });
}

}  // namespace ringfort::node
