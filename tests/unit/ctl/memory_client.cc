#include "tests/unit/ctl/memory_client.h"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <set>
#include <thread>
#include <utility>

#include "base/hash.h"

namespace ringfort {
namespace {

testing::MemoryCluster* current = nullptr;

constexpr std::size_t kPageEntries = 3;

}  // namespace

namespace testing {

ScopedCluster::ScopedCluster() {
  current = &cluster_;
}
ScopedCluster::~ScopedCluster() {
  current = nullptr;
}

}  // namespace testing

/// Answers puts from a thread of its own, newest first: an importer must not rely on their order.
class Client::Impl {
 public:
  struct Pending {
    Key key;
    std::string value;
    PutOptions options;
    Callback<Result<Version>> callback;
  };

  explicit Impl(testing::MemoryCluster* memory) : cluster(*memory) {
    worker_ = std::thread([this] { Work(); });
  }
  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    worker_.join();
  }

  void Enqueue(Pending put) {
    const std::lock_guard lock(mutex_);
    pending_.push_back(std::move(put));
    changed_.notify_all();
  }

  Result<Version> Put(const Key& key, std::string_view value, const PutOptions& options) {
    const std::lock_guard lock(cluster.mutex);
    if (!cluster.failure.ok()) return cluster.failure;
    if (key.shard_key.empty() || key.shard_key.size() > limits::kShardKeyMax) {
      return Status(Code::kTooLarge, "the shard key is over its limit (shorten it)");
    }
    const auto found = cluster.entries.find(key);
    const bool there = found != cluster.entries.end();
    if ((options.if_absent && there) ||
        (options.if_version && (!there || found->second.version != *options.if_version))) {
      return Status(Code::kConditionFailed, "the condition does not hold (read it again)");
    }
    cluster.entries[key] = {std::string(value), ++cluster.last_version};
    return cluster.last_version;
  }

  testing::MemoryCluster& cluster;

 private:
  void Work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return ending_ || !pending_.empty(); });
      if (pending_.empty()) return;
      NoteInFlight();
      Pending put = std::move(pending_.back());
      pending_.pop_back();
      lock.unlock();
      put.callback(Put(put.key, put.value, put.options));
      lock.lock();
    }
  }

  void NoteInFlight() {
    const std::lock_guard lock(cluster.mutex);
    cluster.in_flight_most = std::max(cluster.in_flight_most, pending_.size());
    std::set<Key> keys;
    for (const Pending& put : pending_) {
      if (!keys.insert(put.key).second) cluster.key_was_twice_in_flight = true;
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Pending> pending_;
  bool ending_ = false;
  std::thread worker_;
};

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::Connect(ClientOptions options) {
  if (current == nullptr) {
    return Status(Code::kUnavailable, options.seeds.at(0) + " refused the connection (start it)");
  }
  return Client(std::make_unique<Impl>(current));
}

Result<Found> Client::Get(const Key& key, const GetOptions& /*options*/) {
  const std::lock_guard lock(impl_->cluster.mutex);
  if (!impl_->cluster.failure.ok()) return impl_->cluster.failure;
  const auto found = impl_->cluster.entries.find(key);
  if (found == impl_->cluster.entries.end()) return Status(Code::kNotFound, "there is no entry");
  return found->second;
}

Result<Version> Client::Put(const Key& key, std::string_view value, const PutOptions& options) {
  return impl_->Put(key, value, options);
}

void Client::AsyncPut(const Key& key, std::string_view value, const PutOptions& options,
                      Callback<Result<Version>> callback) {
  impl_->Enqueue({key, std::string(value), options, std::move(callback)});
}

Result<Version> Client::Delete(const Key& key, const DeleteOptions& /*options*/) {
  const std::lock_guard lock(impl_->cluster.mutex);
  if (!impl_->cluster.failure.ok()) return impl_->cluster.failure;
  impl_->cluster.entries.erase(key);
  return ++impl_->cluster.last_version;
}

Result<ScanPage> Client::Scan(std::string_view shard_key, const ScanRange& range,
                              const ScanOptions& options) {
  const std::lock_guard lock(impl_->cluster.mutex);
  if (!impl_->cluster.failure.ok()) return impl_->cluster.failure;
  ScanPage page;
  for (const auto& [key, found] : impl_->cluster.entries) {
    if (key.shard_key != shard_key || key.sort_key < range.begin) continue;
    if (range.end && key.sort_key >= *range.end) continue;
    if (!key.sort_key.starts_with(range.prefix)) continue;
    page.entries.push_back({key, found.value, found.version});
  }
  if (range.reverse) std::reverse(page.entries.begin(), page.entries.end());
  const std::size_t limit = std::min<std::size_t>(options.limit, kPageEntries);
  if (page.entries.size() > limit) {
    page.rest = range;
    if (range.reverse) {
      page.rest->end = page.entries[limit - 1].key.sort_key;
    } else {
      page.rest->begin = page.entries[limit].key.sort_key;
    }
    page.entries.resize(limit);
  }
  return page;
}

// All entries are in the first shard.
std::string ScanAllPosition(std::uint32_t shard, std::uint32_t /*shards*/) {
  return shard == 0 ? "" : "the end";
}

void Client::AsyncScanAll(std::string_view resume, const ScanOptions& /*options*/,
                          Callback<Result<ScanAllPage>> callback) {
  ScanAllPage page;
  {
    const std::lock_guard lock(impl_->cluster.mutex);
    auto next = impl_->cluster.entries.begin();
    const std::size_t skip = resume.empty() ? 0 : std::stoul(std::string(resume));
    std::advance(next, skip);
    for (; next != impl_->cluster.entries.end() && page.entries.size() < kPageEntries; ++next) {
      page.entries.push_back({next->first, next->second.value, next->second.version});
    }
    page.more = next != impl_->cluster.entries.end();
    page.resume = std::to_string(skip + page.entries.size());
  }
  callback(std::move(page));
}

Result<ClusterView> Client::Map(const CallOptions& /*options*/) {
  const std::lock_guard lock(impl_->cluster.mutex);
  if (!impl_->cluster.failure.ok()) return impl_->cluster.failure;
  return impl_->cluster.map;
}

Result<NodeStatusView> Client::NodeStatus(std::uint32_t node, const NodeStatusOptions& options) {
  const std::lock_guard lock(impl_->cluster.mutex);
  const auto found = impl_->cluster.nodes.find(node);
  if (found == impl_->cluster.nodes.end()) {
    return Status(Code::kUnavailable, "it refused the connection (start it)");
  }
  NodeStatusView status = found->second;
  for (ReplicaView& replica : status.replicas) {
    if (!options.hot_keys) replica.load.hot_keys.clear();
  }
  return status;
}

Result<ClusterStateView> Client::ClusterState(const CallOptions& /*options*/) {
  const std::lock_guard lock(impl_->cluster.mutex);
  if (!impl_->cluster.failure.ok()) return impl_->cluster.failure;
  std::deque<ClusterStateView>& states = impl_->cluster.states;
  if (states.empty()) return Status(Code::kUnavailable, "the meta group has no primary (start it)");
  ClusterStateView state = states.front();
  if (states.size() > 1) states.pop_front();
  return state;
}

Result<PlanView> Client::ChangeNode(const NodeChange& change, const CallOptions& /*options*/) {
  const std::lock_guard lock(impl_->cluster.mutex);
  impl_->cluster.changes.push_back(change);
  if (!impl_->cluster.refusal.ok()) return impl_->cluster.refusal;
  return impl_->cluster.plan;
}

Result<PlanView> Client::Rebalance(RebalanceAction action, const CallOptions& /*options*/) {
  const std::lock_guard lock(impl_->cluster.mutex);
  impl_->cluster.rebalances.push_back(action);
  if (!impl_->cluster.refusal.ok()) return impl_->cluster.refusal;
  return impl_->cluster.plan;
}

Result<FeatureView> Client::FinalizeUpgrade(bool dry_run, const CallOptions& /*options*/) {
  const std::lock_guard lock(impl_->cluster.mutex);
  impl_->cluster.finalized.push_back(dry_run);
  if (!impl_->cluster.refusal.ok()) return impl_->cluster.refusal;
  return impl_->cluster.features;
}

Status Client::TransferPrimary(std::uint32_t shard, std::uint32_t node,
                               const CallOptions& /*options*/) {
  const std::lock_guard lock(impl_->cluster.mutex);
  impl_->cluster.transfers.emplace_back(shard, node);
  return impl_->cluster.refusal;
}

Result<std::vector<EventView>> Client::Events(std::uint64_t after, std::uint32_t limit,
                                              const CallOptions& /*options*/) {
  const std::lock_guard lock(impl_->cluster.mutex);
  if (!impl_->cluster.refusal.ok()) return impl_->cluster.refusal;
  std::vector<EventView> events;
  for (const EventView& event : impl_->cluster.events) {
    if (event.number > after && (limit == 0 || events.size() < limit)) events.push_back(event);
  }
  return events;
}

Result<std::uint64_t> Client::StartVerify(std::uint32_t shard, const CallOptions& /*options*/) {
  const std::lock_guard lock(impl_->cluster.mutex);
  for (auto& [id, node] : impl_->cluster.nodes) {
    for (ReplicaView& replica : node.replicas) {
      if (replica.shard != shard) continue;
      replica.sum = impl_->cluster.sum_of(id, shard);
    }
  }
  return impl_->cluster.verify_index;
}

Result<ShardRecoveryView> Client::RecoverShard(std::uint32_t shard, std::uint32_t node,
                                               const RecoverShardOptions& options) {
  const std::lock_guard lock(impl_->cluster.mutex);
  const auto found = impl_->cluster.recoveries.find(node);
  if (found == impl_->cluster.recoveries.end()) return Status(Code::kUnavailable, "it is down");
  ShardRecoveryView answer = found->second;
  if (options.accept_loss) answer.refused.clear();
  if (options.dry_run) return answer;
  impl_->cluster.recovered.emplace_back(shard, node, options.accept_loss);
  return answer;
}

Result<std::uint32_t> Client::DiscardVoid(std::uint32_t shard, std::uint32_t node,
                                          const CallOptions& /*options*/) {
  const std::lock_guard lock(impl_->cluster.mutex);
  impl_->cluster.discarded.emplace_back(shard, node);
  return 1;
}

std::uint32_t Client::ShardOf(std::string_view shard_key) const {
  return static_cast<std::uint32_t>(Hash64(shard_key) % impl_->cluster.map.shards.size());
}

}  // namespace ringfort
