#include "meta/reports.h"

#include <algorithm>
#include <utility>

#include "features/features.h"
#include "wire/raft_codec.h"

namespace ringfort::meta {
namespace {

std::optional<ShardNews> Decode(NodeId from, const proto::LedReport& led) {
  auto members = wire::DecodeMembers(led.members());
  if (!members.ok()) return std::nullopt;
  ShardNews news;
  news.primary = from;
  news.term = Term(led.term());
  news.members = *std::move(members);
  news.changing = led.changing() || news.members.joint();
  news.data_bytes = led.data_bytes();
  news.load_ns = led.load_ns();
  news.refused = led.refused();
  for (const proto::FollowerReport& follower : led.followers()) {
    news.followers.push_back({NodeId(follower.node()), follower.caught_up(), follower.sent_bytes(),
                              follower.total_bytes()});
  }
  return news;
}

}  // namespace

const FollowerNews* ShardNews::Find(NodeId node) const {
  const auto found = std::ranges::find(followers, node, &FollowerNews::node);
  return found == followers.end() ? nullptr : &*found;
}

bool Reports::Take(const env::PeerIdentity& from, const proto::NodeReport& report,
                   MonotonicTime now, std::uint64_t unix_ms) {
  const NodeNews* known = Of(from.node);
  const bool same = known != nullptr && known->identity == from;
  if (report.base() != 0 && (!same || report.base() != known->sequence)) return false;
  NodeNews& node = nodes_[from.node];
  if (report.base() == 0 && known != nullptr) {
    std::erase_if(shards_, [&](const auto& one) {
      if (one.second.primary != from.node) return false;
      changed_.insert(one.first);
      return true;
    });
  }
  if (!same) node.since = now;
  node.identity = from;
  node.heard_at = now;
  node.sequence = report.sequence();
  node.map_version = MapVersion(report.map_version());
  node.replicas = report.replicas();
  node.data_bytes = report.data_bytes();
  node.disk_free_bytes = report.disk_free_bytes();
  node.room = static_cast<storage::DiskRoom>(
      std::min(report.disk_room(), static_cast<std::uint32_t>(storage::DiskRoom::kExhausted)));
  node.leaving = report.leaving();
  node.ready = report.ready();
  node.voids.clear();
  for (const std::uint32_t shard : report.void_shards()) node.voids.insert(ShardId(shard));
  node.clock_ahead_ms =
      static_cast<std::int64_t>(report.clock_unix_ms()) - static_cast<std::int64_t>(unix_ms);
  // The first release says nothing of it.
  node.release = report.release().empty() ? features::ReleaseOf(FeatureLevel()) : report.release();
  node.knows = FeatureLevel(report.knows_level());
  for (const std::uint32_t shard : report.no_longer_led()) {
    const auto found = shards_.find(ShardId(shard));
    if (found == shards_.end() || found->second.primary != from.node) continue;
    changed_.insert(found->first);
    shards_.erase(found);
  }
  for (const proto::LedReport& led : report.led()) {
    std::optional<ShardNews> news = Decode(from.node, led);
    if (!news || ShardId(led.shard()) > last_) continue;
    const auto expected = epochs_.find(ShardId(led.shard()));
    if (expected != epochs_.end() && news->members.epoch < expected->second) continue;
    ShardNews& before = shards_[ShardId(led.shard())];
    if (std::pair(news->members.epoch, news->term) < std::pair(before.members.epoch, before.term)) {
      continue;
    }
    before = *std::move(news);
    changed_.insert(ShardId(led.shard()));
  }
  return true;
}

void Reports::ExpectEpoch(ShardId shard, std::uint64_t epoch) {
  std::uint64_t& expected = epochs_[shard];
  expected = std::max(expected, epoch);
  const auto known = shards_.find(shard);
  if (known == shards_.end() || known->second.members.epoch >= expected) return;
  shards_.erase(known);
  changed_.insert(shard);
}

const NodeNews* Reports::Of(NodeId node) const {
  const auto found = nodes_.find(node);
  return found == nodes_.end() ? nullptr : &found->second;
}

const ShardNews* Reports::Of(ShardId shard) const {
  const auto found = shards_.find(shard);
  return found == shards_.end() ? nullptr : &found->second;
}

bool Reports::IsAlive(NodeId node, MonotonicTime now) const {
  const NodeNews* news = Of(node);
  return news != nullptr && now - news->heard_at <= kDeadAfter;
}

Duration Reports::SilentFor(NodeId node, MonotonicTime begin, MonotonicTime now) const {
  const NodeNews* news = Of(node);
  return now - (news == nullptr ? begin : std::max(begin, news->heard_at));
}

std::vector<NodeId> Reports::HealthyVoters(const ShardNews& news, MonotonicTime now) const {
  std::vector<NodeId> healthy;
  for (const raft::Member& voter : news.members.voters) {
    const FollowerNews* follower = news.Find(voter.node);
    const bool keeps_up =
        voter.node == news.primary || (follower != nullptr && follower->caught_up);
    if (keeps_up && IsAlive(voter.node, now)) healthy.push_back(voter.node);
  }
  return healthy;
}

}  // namespace ringfort::meta
