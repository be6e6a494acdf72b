// The data API as calls of the engine: checks arguments, builds the requests on the caller's thread
// and hands them to the client's loop in batches.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/call.h"
#include "client/engine.h"
#include "env/loop.h"
#include "ringfort/admin.h"
#include "ringfort/client.h"

namespace ringfort::client {

/// Thread-safe but for construction, destruction and Close. Each function's callback is called
/// once, on the loop; what needs no sending is answered at once by the calling thread.
class Frontend {
 public:
  struct Options {
    Duration timeout;
    std::size_t pending_bytes_max = 0;
    /// Of the cluster: the engine has found it.
    std::uint32_t shards = 0;
    /// As ClientOptions::who.
    std::string who = {};
  };

  /// The loop and the engine, which lives there, outlive it.
  Frontend(env::Loop& loop, Engine& engine, const Options& options);
  Frontend(const Frontend&) = delete;
  Frontend& operator=(const Frontend&) = delete;

  void Get(const Key& key, const GetOptions& options, Callback<Result<Found>> callback);
  void MultiGet(const std::vector<Key>& keys, const GetOptions& options,
                Callback<std::vector<Result<Found>>> callback);
  void Put(const Key& key, std::string_view value, const PutOptions& options,
           Callback<Result<Version>> callback);
  void Delete(const Key& key, const DeleteOptions& options, Callback<Result<Version>> callback);
  void Scan(std::string_view shard_key, const ScanRange& range, const ScanOptions& options,
            Callback<Result<ScanPage>> callback);
  void ScanAll(std::string_view resume, const ScanOptions& options,
               Callback<Result<ScanAllPage>> callback);
  void Map(const CallOptions& options, Callback<Result<ClusterView>> callback);
  void NodeStatus(std::uint32_t node, const NodeStatusOptions& options,
                  Callback<Result<NodeStatusView>> callback);
  void ClusterState(const CallOptions& options, Callback<Result<ClusterStateView>> callback);
  void ChangeNode(const NodeChange& change, const CallOptions& options,
                  Callback<Result<PlanView>> callback);
  void Rebalance(RebalanceAction action, const CallOptions& options,
                 Callback<Result<PlanView>> callback);
  void FinalizeUpgrade(bool dry_run, const CallOptions& options,
                       Callback<Result<FeatureView>> callback);
  void TransferPrimary(std::uint32_t shard, std::uint32_t node, const CallOptions& options,
                       Callback<Status> callback);
  void Events(std::uint64_t after, std::uint32_t limit, const CallOptions& options,
              Callback<Result<std::vector<EventView>>> callback);
  void StartVerify(std::uint32_t shard, const CallOptions& options,
                   Callback<Result<std::uint64_t>> callback);

  void RecoverShard(std::uint32_t shard, std::uint32_t node, const RecoverShardOptions& options,
                    Callback<Result<ShardRecoveryView>> callback);
  void DiscardVoid(std::uint32_t shard, std::uint32_t node, const CallOptions& options,
                   Callback<Result<std::uint32_t>> callback);

  [[nodiscard]] std::uint32_t ShardOf(std::string_view shard_key) const;

  /// Shuts the engine down: ends all calls by kCancelled, and later ones at once. On the loop.
  void Close();

 private:
  struct MultiGetState;
  using Calls = std::vector<std::unique_ptr<Call>>;

  /// Sets the call's deadline from the option; kInvalidArgument when it is out of bounds.
  Status SetDeadline(Timeout timeout, Call* call) const;
  /// Takes so many bytes of what may be pending; kOverloaded when that would be too much.
  Status Reserve(std::size_t bytes);
  void Release(std::size_t bytes) { pending_bytes_.fetch_sub(bytes, std::memory_order_relaxed); }
  /// Reserves `bytes`, released before `done`, and hands the call over. An error is given to
  /// `done`.
  void Start(std::unique_ptr<Call> call, std::size_t bytes, Call::Done done);
  /// Asks the meta group's primary what `call` holds; `done` gets what `read` makes of the answer.
  template <typename T>
  void AskMeta(std::unique_ptr<Call> call, const CallOptions& options,
               T (*read)(const proto::Response&), Callback<T> done);
  void HandOver(std::span<std::unique_ptr<Call>> calls);
  void StartHandedOver();

  std::unique_ptr<Call> MakeMultiGetCall(const std::shared_ptr<MultiGetState>& state,
                                         std::vector<std::uint32_t> places);
  void OnMultiGetAnswer(const std::shared_ptr<MultiGetState>& state,
                        std::vector<std::uint32_t> places, Result<proto::Response> answer);

  env::Loop& loop_;
  Engine& engine_;
  const Options options_;
  std::atomic<std::size_t> pending_bytes_{0};

  std::mutex mutex_;
  Calls handed_over_;    ///< Under mutex_. While it is not empty, StartHandedOver is posted.
  bool closed_ = false;  ///< Under mutex_.
  Calls starting_;       ///< Of the loop; its memory is used again for the next batch.
};

}  // namespace ringfort::client
