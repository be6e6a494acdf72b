// ringfort::Client: one loop thread, the smart client on it, and blocking calls that wait for it.
#include "ringfort/client.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <utility>

#include "base/check.h"
#include "client/engine.h"
#include "client/frontend.h"
#include "client/messages.h"
#include "net/address.h"
#include "net/event_loop.h"
#include "ringfort/admin.h"
#include "sdk/net_dialer.h"

namespace ringfort {
namespace {

/// A place for one answer, on the waiting thread's stack.
template <typename T>
class Answer {
 public:
  void Set(T value) {
    // Notifies under the lock: the waiter destroys this as soon as it sees the value.
    const std::lock_guard lock(mutex_);
    value_.emplace(std::move(value));
    ready_.notify_one();
  }
  T Wait() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return value_.has_value(); });
    return *std::move(value_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::optional<T> value_;
};

Status CheckOptions(const ClientOptions& options) {
  using std::chrono::milliseconds;
  if (options.timeout < milliseconds(1) || options.timeout > std::chrono::hours(24)) {
    return {Code::kInvalidArgument, "the client's timeout is " +
                                        std::to_string(options.timeout.count()) +
                                        " ms (give 1 ms to one day)"};
  }
  if (options.who.size() > limits::kWhoMax) {
    return {Code::kInvalidArgument,
            "the caller's name (who) has " + std::to_string(options.who.size()) +
                " bytes; the limit is " + std::to_string(limits::kWhoMax) + " (make it shorter)"};
  }
  if (options.seeds.empty()) {
    return {Code::kInvalidArgument, "there are no seeds (give HOST:PORT of at least one node)"};
  }
  for (const std::string& seed : options.seeds) {
    const Result<net::Address> address = net::ParseAddress(seed);
    if (!address.ok()) return {address.status().code(), "seed " + address.status().message()};
    if (address.value().port == 0) {
      return {Code::kInvalidArgument,
              "seed '" + seed + "' has port 0; write HOST:PORT with the node's port"};
    }
  }
  return {};
}

std::uint64_t DrawSeed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

class Client::Impl {
 public:
  explicit Impl(const ClientOptions& options)
      : options_(options),
        dialer_(loop_),
        engine_(std::make_unique<client::Engine>(loop_, dialer_, client::Tuning(), DrawSeed())) {}

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  ~Impl() {
    RF_CHECK(!loop_.on_thread()) << "a callback of the client destroys the client";
    // Everything but the loop lives on the loop's thread, and ends there.
    Answer<bool> ended;
    loop_.Post([this, &ended] {
      if (frontend_ != nullptr) frontend_->Close();
      engine_->Shutdown();
      engine_.reset();
      ended.Set(true);
    });
    ended.Wait();
    dialer_.Shutdown();
    loop_.Stop();
  }

  Status FindCluster() {
    Answer<Status> found;
    const Duration timeout = options_.timeout;
    loop_.Post([this, timeout, &found] {
      engine_->FindCluster(options_.seeds, loop_.Now() + timeout, timeout, [&](Status status) {
        if (status.ok()) MakeFrontend();
        found.Set(std::move(status));
      });
    });
    return found.Wait();
  }

  client::Frontend& frontend() { return *frontend_; }

  /// Starts the call and waits for its answer.
  template <typename T, typename Start>
  T Wait(T refusal, Start start) {
    // The answer would have to come from the thread that waits for it.
    if (loop_.on_thread()) return refusal;
    Answer<T> answer;
    start([&answer](T value) { answer.Set(std::move(value)); });
    return answer.Wait();
  }

 private:
  void MakeFrontend() {
    dialer_.SetCluster(engine_->routing().map().cluster_id);
    client::Frontend::Options options;
    options.timeout = options_.timeout;
    options.pending_bytes_max = options_.pending_bytes_max;
    options.shards = engine_->routing().map().shards();
    options.who = options_.who;
    frontend_ = std::make_unique<client::Frontend>(loop_, *engine_, options);
  }

  const ClientOptions options_;
  net::EventLoop loop_;
  sdk::NetDialer dialer_;
  std::unique_ptr<client::Engine> engine_;
  std::unique_ptr<client::Frontend> frontend_;
};

namespace {

Status InsideCallback() {
  return {Code::kInvalidArgument,
          "a blocking call inside a callback of the same client would wait for ever (use the Async "
          "call there)"};
}

}  // namespace

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::Connect(ClientOptions options) {
  if (Status status = CheckOptions(options); !status.ok()) return status;
  auto impl = std::make_unique<Impl>(options);
  if (Status status = impl->FindCluster(); !status.ok()) return status;
  return Client(std::move(impl));
}

Result<Found> Client::Get(const Key& key, const GetOptions& options) {
  return impl_->Wait<Result<Found>>(InsideCallback(),
                                    [&](auto done) { AsyncGet(key, options, std::move(done)); });
}

std::vector<Result<Found>> Client::MultiGet(const std::vector<Key>& keys,
                                            const GetOptions& options) {
  return impl_->Wait<std::vector<Result<Found>>>(
      std::vector<Result<Found>>(keys.size(), InsideCallback()),
      [&](auto done) { AsyncMultiGet(keys, options, std::move(done)); });
}

Result<Version> Client::Put(const Key& key, std::string_view value, const PutOptions& options) {
  return impl_->Wait<Result<Version>>(
      InsideCallback(), [&](auto done) { AsyncPut(key, value, options, std::move(done)); });
}

Result<Version> Client::Delete(const Key& key, const DeleteOptions& options) {
  return impl_->Wait<Result<Version>>(
      InsideCallback(), [&](auto done) { AsyncDelete(key, options, std::move(done)); });
}

Result<ScanPage> Client::Scan(std::string_view shard_key, const ScanRange& range,
                              const ScanOptions& options) {
  return impl_->Wait<Result<ScanPage>>(
      InsideCallback(), [&](auto done) { AsyncScan(shard_key, range, options, std::move(done)); });
}

std::string ScanAllPosition(std::uint32_t shard, std::uint32_t shards) {
  return client::EncodePosition({shard, std::nullopt}, shards);
}

Result<ScanAllPage> Client::ScanAll(std::string_view resume, const ScanOptions& options) {
  return impl_->Wait<Result<ScanAllPage>>(
      InsideCallback(), [&](auto done) { AsyncScanAll(resume, options, std::move(done)); });
}

void Client::AsyncGet(const Key& key, const GetOptions& options, Callback<Result<Found>> callback) {
  impl_->frontend().Get(key, options, std::move(callback));
}

void Client::AsyncMultiGet(const std::vector<Key>& keys, const GetOptions& options,
                           Callback<std::vector<Result<Found>>> callback) {
  impl_->frontend().MultiGet(keys, options, std::move(callback));
}

void Client::AsyncPut(const Key& key, std::string_view value, const PutOptions& options,
                      Callback<Result<Version>> callback) {
  impl_->frontend().Put(key, value, options, std::move(callback));
}

void Client::AsyncDelete(const Key& key, const DeleteOptions& options,
                         Callback<Result<Version>> callback) {
  impl_->frontend().Delete(key, options, std::move(callback));
}

void Client::AsyncScan(std::string_view shard_key, const ScanRange& range,
                       const ScanOptions& options, Callback<Result<ScanPage>> callback) {
  impl_->frontend().Scan(shard_key, range, options, std::move(callback));
}

void Client::AsyncScanAll(std::string_view resume, const ScanOptions& options,
                          Callback<Result<ScanAllPage>> callback) {
  impl_->frontend().ScanAll(resume, options, std::move(callback));
}

Result<ClusterView> Client::Map(const CallOptions& options) {
  return impl_->Wait<Result<ClusterView>>(
      InsideCallback(), [&](auto done) { impl_->frontend().Map(options, std::move(done)); });
}

Result<NodeStatusView> Client::NodeStatus(std::uint32_t node, const NodeStatusOptions& options) {
  return impl_->Wait<Result<NodeStatusView>>(InsideCallback(), [&](auto done) {
    impl_->frontend().NodeStatus(node, options, std::move(done));
  });
}

Result<ClusterStateView> Client::ClusterState(const CallOptions& options) {
  return impl_->Wait<Result<ClusterStateView>>(InsideCallback(), [&](auto done) {
    impl_->frontend().ClusterState(options, std::move(done));
  });
}

Result<PlanView> Client::ChangeNode(const NodeChange& change, const CallOptions& options) {
  return impl_->Wait<Result<PlanView>>(InsideCallback(), [&](auto done) {
    impl_->frontend().ChangeNode(change, options, std::move(done));
  });
}

Result<PlanView> Client::Rebalance(RebalanceAction action, const CallOptions& options) {
  return impl_->Wait<Result<PlanView>>(InsideCallback(), [&](auto done) {
    impl_->frontend().Rebalance(action, options, std::move(done));
  });
}

Result<FeatureView> Client::FinalizeUpgrade(bool dry_run, const CallOptions& options) {
  return impl_->Wait<Result<FeatureView>>(InsideCallback(), [&](auto done) {
    impl_->frontend().FinalizeUpgrade(dry_run, options, std::move(done));
  });
}

Status Client::TransferPrimary(std::uint32_t shard, std::uint32_t node,
                               const CallOptions& options) {
  return impl_->Wait<Status>(InsideCallback(), [&](auto done) {
    impl_->frontend().TransferPrimary(shard, node, options, std::move(done));
  });
}

Result<std::vector<EventView>> Client::Events(std::uint64_t after, std::uint32_t limit,
                                              const CallOptions& options) {
  return impl_->Wait<Result<std::vector<EventView>>>(InsideCallback(), [&](auto done) {
    impl_->frontend().Events(after, limit, options, std::move(done));
  });
}

Result<std::uint64_t> Client::StartVerify(std::uint32_t shard, const CallOptions& options) {
  return impl_->Wait<Result<std::uint64_t>>(InsideCallback(), [&](auto done) {
    impl_->frontend().StartVerify(shard, options, std::move(done));
  });
}

Result<ShardRecoveryView> Client::RecoverShard(std::uint32_t shard, std::uint32_t node,
                                               const RecoverShardOptions& options) {
  return impl_->Wait<Result<ShardRecoveryView>>(InsideCallback(), [&](auto done) {
    impl_->frontend().RecoverShard(shard, node, options, std::move(done));
  });
}

Result<std::uint32_t> Client::DiscardVoid(std::uint32_t shard, std::uint32_t node,
                                          const CallOptions& options) {
  return impl_->Wait<Result<std::uint32_t>>(InsideCallback(), [&](auto done) {
    impl_->frontend().DiscardVoid(shard, node, options, std::move(done));
  });
}

std::uint32_t Client::ShardOf(std::string_view shard_key) const {
  return impl_->frontend().ShardOf(shard_key);
}

}  // namespace ringfort
