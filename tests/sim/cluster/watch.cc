#include "tests/sim/cluster/watch.h"

#include "base/check.h"
#include "base/hash.h"
#include "ringfort/peer.pb.h"
#include "storage/encoding.h"

namespace ringfort::sim {

void Watch::OnMessage(NodeId from, std::string_view message) {
  proto::PeerMessage peer;
  RF_CHECK(peer.ParseFromArray(message.data(), static_cast<int>(message.size())));
  for (const proto::LedShard& led : peer.heartbeat().leads()) {
    OnLeads(from, led.shard(), led.term());
  }
  for (const proto::RaftMessage& raft : peer.raft().messages()) {
    if (raft.has_append_request()) OnLeads(from, raft.shard(), raft.term());
  }
}

void Watch::OnLeads(NodeId node, std::uint32_t shard, std::uint64_t term) {
  const auto leader = leads_.emplace(std::pair(shard, term), node).first;
  if (leader->second == node) return;
  complain_("shard " + std::to_string(shard) + " has two primaries in term " +
            std::to_string(term) + ": nodes " + std::to_string(leader->second.value()) + " and " +
            std::to_string(node.value()));
}

std::uint64_t HashOf(const storage::ShardData& data) {
  std::uint64_t hash = 0;
  storage::RangeQuery query;
  for (bool more = true; more;) {
    const storage::RangePage page = data.Range(query, storage::ReadDepth::kDisk).value();
    for (const storage::RangeEntry& entry : page.entries) {
      hash = Hash64(entry.value, Hash64(entry.key, hash));
    }
    more = page.more;
    if (more) query.begin = storage::KeyAfter(page.entries.back().key);
  }
  return hash;
}

void Watch::OnData(NodeId node, storage::ShardStore* store) {
  for (const storage::ShardStore::Name& name : store->List()) {
    const auto data = store->Open(name).value();
    const LogIndex applied = data->applied().index;
    const std::uint64_t hash = HashOf(*data);
    const auto [place, fresh] = states_.try_emplace({name.shard, applied}, State{node, hash});
    if (fresh || place->second.node == node) continue;
    ++compared_;
    if (place->second.hash == hash) continue;
    complain_("shard " + std::to_string(name.shard.value()) + " differs at index " +
              std::to_string(applied.value()) + " between nodes " +
              std::to_string(place->second.node.value()) + " and " + std::to_string(node.value()));
  }
}

}  // namespace ringfort::sim
