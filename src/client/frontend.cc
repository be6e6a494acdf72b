#include "client/frontend.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "client/messages.h"
#include "client/meta_messages.h"
#include "ring/hash_ring.h"

namespace ringfort::client {
namespace {

/// What a call takes besides its keys and values, roughly.
constexpr std::size_t kCallBytes = 1024;
constexpr Duration kTimeoutMax = std::chrono::hours(24);
/// Keys in one request. A shard's keys beyond that go in further requests, in parallel.
constexpr std::size_t kKeysPerRequest = 256;

std::size_t SizeOf(const Key& key) {
  return key.shard_key.size() + key.sort_key.size();
}

Call::Target ReadTarget(Consistency consistency) {
  return consistency == Consistency::kAnyReplica ? Call::Target::kAnyReplica
                                                 : Call::Target::kPrimary;
}

}  // namespace

Frontend::Frontend(env::Loop& loop, Engine& engine, const Options& options)
    : loop_(loop), engine_(engine), options_(options) {}

std::uint32_t Frontend::ShardOf(std::string_view shard_key) const {
  return ring::ShardOf(shard_key, options_.shards).value();
}

// ---- Handing over.

Status Frontend::SetDeadline(Timeout timeout, Call* call) const {
  if (timeout.count() < 0 || timeout > kTimeoutMax) {
    return {Code::kInvalidArgument, "the timeout is " + std::to_string(timeout.count()) +
                                        " ms (give 1 ms to one day, or 0 for the client's own)"};
  }
  call->timeout = timeout.count() == 0 ? options_.timeout : Duration(timeout);
  call->deadline = loop_.Now() + call->timeout;
  return {};
}

Status Frontend::Reserve(std::size_t bytes) {
  const std::size_t before = pending_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (before + bytes <= options_.pending_bytes_max) return {};
  Release(bytes);
  return {Code::kOverloaded, "calls without an answer hold " + std::to_string(before) + " of " +
                                 std::to_string(options_.pending_bytes_max) +
                                 " bytes (wait for some, or raise pending_bytes_max)"};
}

void Frontend::Start(std::unique_ptr<Call> call, std::size_t bytes, Call::Done done) {
  bytes += kCallBytes;
  if (Status status = Reserve(bytes); !status.ok()) return done(std::move(status));
  call->done = [this, bytes, done = std::move(done)](Result<proto::Response> answer) {
    Release(bytes);
    done(std::move(answer));
  };
  HandOver({&call, 1});
}

void Frontend::HandOver(std::span<std::unique_ptr<Call>> calls) {
  bool closed = false;
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    closed = closed_;
    wake = !closed && handed_over_.empty();
    if (!closed) {
      std::move(calls.begin(), calls.end(), std::back_inserter(handed_over_));
    }
  }
  if (wake) loop_.Post([this] { StartHandedOver(); });
  if (!closed) return;
  for (std::unique_ptr<Call>& call : calls) {
    call->done(Status(Code::kCancelled, "the client is shutting down"));
  }
}

void Frontend::StartHandedOver() {
  {
    const std::lock_guard lock(mutex_);
    starting_.swap(handed_over_);
  }
  for (std::unique_ptr<Call>& call : starting_) engine_.Start(std::move(call));
  starting_.clear();
}

void Frontend::Close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  engine_.Shutdown();
  StartHandedOver();
}

// ---- The data API.

void Frontend::Get(const Key& key, const GetOptions& options, Callback<Result<Found>> callback) {
  auto call = std::make_unique<Call>();
  Status status = CheckKey(key);
  if (status.ok()) status = SetDeadline(options.timeout, call.get());
  if (!status.ok()) return callback(std::move(status));
  call->target = ReadTarget(options.consistency);
  call->request.set_shard(ShardOf(key.shard_key));
  proto::Get* get = call->request.mutable_get();
  FillKey(key, get->add_keys());
  get->set_consistency(ToProto(options.consistency));
  Start(std::move(call), SizeOf(key),
        [callback = std::move(callback)](Result<proto::Response> answer) {
          if (!answer.ok()) return callback(answer.status());
          proto::Response& response = *answer;
          if (response.got().entries_size() != 1) return callback(WrongAnswer("a get"));
          callback(ToFound(response.mutable_got()->mutable_entries(0)));
        });
}

void Frontend::Put(const Key& key, std::string_view value, const PutOptions& options,
                   Callback<Result<Version>> callback) {
  auto call = std::make_unique<Call>();
  Status status = CheckPut(key, value, options);
  if (status.ok()) status = SetDeadline(options.timeout, call.get());
  if (!status.ok()) return callback(std::move(status));
  call->is_write = true;
  call->request.set_shard(ShardOf(key.shard_key));
  FillPut(key, value, options, &call->request);
  Start(std::move(call), SizeOf(key) + value.size(),
        [callback = std::move(callback)](const Result<proto::Response>& answer) {
          callback(answer.ok() ? ToVersion(answer.value()) : answer.status());
        });
}

void Frontend::Delete(const Key& key, const DeleteOptions& options,
                      Callback<Result<Version>> callback) {
  auto call = std::make_unique<Call>();
  Status status = CheckKey(key);
  if (status.ok()) status = SetDeadline(options.timeout, call.get());
  if (!status.ok()) return callback(std::move(status));
  call->is_write = true;
  call->request.set_shard(ShardOf(key.shard_key));
  FillDelete(key, options, &call->request);
  Start(std::move(call), SizeOf(key),
        [callback = std::move(callback)](const Result<proto::Response>& answer) {
          callback(answer.ok() ? ToVersion(answer.value()) : answer.status());
        });
}

void Frontend::Scan(std::string_view shard_key, const ScanRange& range, const ScanOptions& options,
                    Callback<Result<ScanPage>> callback) {
  auto call = std::make_unique<Call>();
  Status status = CheckShardKey(shard_key);
  if (status.ok()) status = CheckScan(range, options);
  if (status.ok()) status = SetDeadline(options.timeout, call.get());
  if (!status.ok()) return callback(std::move(status));
  const std::optional<ScanBounds> bounds = BoundsOf(range);
  if (!bounds) return callback(ScanPage{});
  call->target = ReadTarget(options.consistency);
  call->request.set_shard(ShardOf(shard_key));
  FillScan(shard_key, *bounds, range.reverse, options, &call->request);
  Start(std::move(call), shard_key.size(),
        [shard_key = std::string(shard_key), range,
         callback = std::move(callback)](Result<proto::Response> answer) {
          if (!answer.ok()) return callback(answer.status());
          callback(ToScanPage(shard_key, range, &*answer));
        });
}

void Frontend::ScanAll(std::string_view resume, const ScanOptions& options,
                       Callback<Result<ScanAllPage>> callback) {
  auto call = std::make_unique<Call>();
  Result<StorePosition> position = DecodePosition(resume, options_.shards);
  Status status = position.status();
  if (status.ok()) status = CheckScan({}, options);
  if (status.ok()) status = SetDeadline(options.timeout, call.get());
  if (!status.ok()) return callback(std::move(status));
  call->target = ReadTarget(options.consistency);
  if (options.node != 0 && options.consistency == Consistency::kAnyReplica) {
    call->target = Call::Target::kNode;
    call->node = NodeId(options.node);
  }
  FillScanAll(*position, options, &call->request);
  Start(std::move(call), resume.size(),
        [from = *std::move(position), shards = options_.shards,
         callback = std::move(callback)](Result<proto::Response> answer) {
          if (!answer.ok()) return callback(answer.status());
          callback(ToScanAllPage(from, shards, &*answer));
        });
}

void Frontend::Map(const CallOptions& options, Callback<Result<ClusterView>> callback) {
  auto call = std::make_unique<Call>();
  if (Status status = SetDeadline(options.timeout, call.get()); !status.ok()) {
    return callback(std::move(status));
  }
  call->target = Call::Target::kAnyNode;
  call->request.mutable_get_map();
  Start(std::move(call), 0,
        [callback = std::move(callback)](const Result<proto::Response>& answer) {
          if (!answer.ok()) return callback(answer.status());
          if (!answer.value().has_map()) return callback(WrongAnswer("a question for the map"));
          callback(ToClusterView(answer.value().map()));
        });
}

void Frontend::NodeStatus(std::uint32_t node, const NodeStatusOptions& options,
                          Callback<Result<NodeStatusView>> callback) {
  auto call = std::make_unique<Call>();
  if (Status status = SetDeadline(options.timeout, call.get()); !status.ok()) {
    return callback(std::move(status));
  }
  call->target = Call::Target::kNode;
  call->node = NodeId(node);
  call->request.mutable_get_node_status()->set_hot_keys(options.hot_keys);
  Start(std::move(call), 0,
        [callback = std::move(callback)](const Result<proto::Response>& answer) {
          if (!answer.ok()) return callback(answer.status());
          if (!answer.value().has_node_status()) return callback(WrongAnswer("a status question"));
          callback(ToNodeStatusView(answer.value().node_status()));
        });
}

// ---- The meta group.

template <typename T>
void Frontend::AskMeta(std::unique_ptr<Call> call, const CallOptions& options,
                       T (*read)(const proto::Response&), Callback<T> done) {
  if (Status status = SetDeadline(options.timeout, call.get()); !status.ok()) {
    return done(std::move(status));
  }
  call->target = Call::Target::kMetaPrimary;
  call->request.mutable_meta()->set_who(options_.who);
  Start(std::move(call), 0, [read, done = std::move(done)](const Result<proto::Response>& answer) {
    done(answer.ok() ? read(answer.value()) : T(answer.status()));
  });
}

void Frontend::ClusterState(const CallOptions& options,
                            Callback<Result<ClusterStateView>> callback) {
  auto call = std::make_unique<Call>();
  call->request.mutable_meta()->mutable_get_state();
  AskMeta(std::move(call), options, ToClusterState, std::move(callback));
}

void Frontend::ChangeNode(const NodeChange& change, const CallOptions& options,
                          Callback<Result<PlanView>> callback) {
  auto call = std::make_unique<Call>();
  call->is_change = !change.dry_run;
  FillNodeChange(change, call->request.mutable_meta()->mutable_change_node());
  AskMeta(std::move(call), options, ToPlan, std::move(callback));
}

void Frontend::Rebalance(RebalanceAction action, const CallOptions& options,
                         Callback<Result<PlanView>> callback) {
  auto call = std::make_unique<Call>();
  call->is_change = action != RebalanceAction::kDryRun;
  call->request.mutable_meta()->mutable_rebalance()->set_kind(ToProto(action));
  AskMeta(std::move(call), options, ToPlan, std::move(callback));
}

void Frontend::FinalizeUpgrade(bool dry_run, const CallOptions& options,
                               Callback<Result<FeatureView>> callback) {
  auto call = std::make_unique<Call>();
  call->is_change = !dry_run;
  call->request.mutable_meta()->mutable_finalize_upgrade()->set_dry_run(dry_run);
  AskMeta(std::move(call), options, ToFinalized, std::move(callback));
}

void Frontend::TransferPrimary(std::uint32_t shard, std::uint32_t node, const CallOptions& options,
                               Callback<Status> callback) {
  auto call = std::make_unique<Call>();
  call->is_change = true;
  proto::TransferPrimary* transfer = call->request.mutable_meta()->mutable_transfer();
  transfer->set_shard(shard);
  transfer->set_to(node);
  AskMeta(std::move(call), options, ToOrdered, std::move(callback));
}

void Frontend::Events(std::uint64_t after, std::uint32_t limit, const CallOptions& options,
                      Callback<Result<std::vector<EventView>>> callback) {
  auto call = std::make_unique<Call>();
  proto::GetEvents* events = call->request.mutable_meta()->mutable_get_events();
  events->set_after(after);
  events->set_limit(limit);
  AskMeta(std::move(call), options, ToEvents, std::move(callback));
}

void Frontend::StartVerify(std::uint32_t shard, const CallOptions& options,
                           Callback<Result<std::uint64_t>> callback) {
  auto call = std::make_unique<Call>();
  Status status = SetDeadline(options.timeout, call.get());
  if (status.ok() && shard >= options_.shards) {
    status = {Code::kInvalidArgument, "there is no shard " + std::to_string(shard) +
                                          " (the cluster has 0 to " +
                                          std::to_string(options_.shards - 1) + ")"};
  }
  if (!status.ok()) return callback(std::move(status));
  call->request.set_shard(shard);
  call->request.mutable_verify_shard();
  Start(std::move(call), 0,
        [callback = std::move(callback)](const Result<proto::Response>& answer) {
          if (!answer.ok()) return callback(answer.status());
          if (!answer.value().has_verify_started()) return callback(WrongAnswer("a verify"));
          callback(answer.value().verify_started().index());
        });
}

void Frontend::RecoverShard(std::uint32_t shard, std::uint32_t node,
                            const RecoverShardOptions& options,
                            Callback<Result<ShardRecoveryView>> callback) {
  auto call = std::make_unique<Call>();
  if (Status status = SetDeadline(options.timeout, call.get()); !status.ok()) {
    return callback(std::move(status));
  }
  call->target = Call::Target::kNode;
  call->node = NodeId(node);
  call->is_change = !options.dry_run;
  call->request.set_shard(shard);
  call->request.mutable_recover_shard()->set_dry_run(options.dry_run);
  call->request.mutable_recover_shard()->set_accept_loss(options.accept_loss);
  Start(std::move(call), 0,
        [callback = std::move(callback)](const Result<proto::Response>& answer) {
          if (!answer.ok()) return callback(answer.status());
          if (!answer.value().has_shard_recovery()) return callback(WrongAnswer("a recovery"));
          callback(ToShardRecoveryView(answer.value().shard_recovery()));
        });
}

void Frontend::DiscardVoid(std::uint32_t shard, std::uint32_t node, const CallOptions& options,
                           Callback<Result<std::uint32_t>> callback) {
  auto call = std::make_unique<Call>();
  if (Status status = SetDeadline(options.timeout, call.get()); !status.ok()) {
    return callback(std::move(status));
  }
  call->target = Call::Target::kNode;
  call->node = NodeId(node);
  call->is_change = true;
  call->request.set_shard(shard);
  call->request.mutable_discard_void();
  Start(std::move(call), 0,
        [callback = std::move(callback)](const Result<proto::Response>& answer) {
          if (!answer.ok()) return callback(answer.status());
          if (!answer.value().has_void_discarded()) return callback(WrongAnswer("a discard"));
          callback(answer.value().void_discarded().copies());
        });
}

// ---- MultiGet: one request for each shard.

/// Changed by the calling thread until the requests are handed over, then on the loop.
struct Frontend::MultiGetState {
  std::vector<Key> keys;
  GetOptions options;
  MonotonicTime deadline;
  Duration timeout{};
  std::size_t bytes = 0;
  std::vector<Result<Found>> results;
  std::size_t calls_left = 0;
  Callback<std::vector<Result<Found>>> callback;
};

void Frontend::MultiGet(const std::vector<Key>& keys, const GetOptions& options,
                        Callback<std::vector<Result<Found>>> callback) {
  Call timing;
  Status status = SetDeadline(options.timeout, &timing);
  auto state = std::make_shared<MultiGetState>();
  state->bytes = keys.size() * sizeof(Key) + kCallBytes;
  for (const Key& key : keys) state->bytes += 2 * SizeOf(key);
  if (status.ok()) status = Reserve(state->bytes);
  if (!status.ok()) return callback(std::vector<Result<Found>>(keys.size(), status));
  state->keys = keys;
  state->options = options;
  state->deadline = timing.deadline;
  state->timeout = timing.timeout;
  state->callback = std::move(callback);
  state->results.assign(keys.size(), Status(Code::kInternal, "the key was not asked for"));

  std::map<std::uint32_t, std::vector<std::uint32_t>> open;  // By shard: places in `keys`.
  Calls calls;
  for (std::uint32_t i = 0; i < keys.size(); ++i) {
    if (Status wrong = CheckKey(keys[i]); !wrong.ok()) {
      state->results[i] = std::move(wrong);
      continue;
    }
    std::vector<std::uint32_t>& places = open[ShardOf(keys[i].shard_key)];
    places.push_back(i);
    if (places.size() < kKeysPerRequest) continue;
    calls.push_back(MakeMultiGetCall(state, std::exchange(places, {})));
  }
  for (auto& [shard, places] : open) {
    if (!places.empty()) calls.push_back(MakeMultiGetCall(state, std::move(places)));
  }
  if (calls.empty()) {
    Release(state->bytes);
    return state->callback(std::move(state->results));
  }
  state->calls_left = calls.size();
  HandOver(calls);
}

std::unique_ptr<Call> Frontend::MakeMultiGetCall(const std::shared_ptr<MultiGetState>& state,
                                                 std::vector<std::uint32_t> places) {
  auto call = std::make_unique<Call>();
  call->target = ReadTarget(state->options.consistency);
  call->deadline = state->deadline;
  call->timeout = state->timeout;
  call->request.set_shard(ShardOf(state->keys[places.front()].shard_key));
  proto::Get* get = call->request.mutable_get();
  for (std::uint32_t place : places) FillKey(state->keys[place], get->add_keys());
  get->set_consistency(ToProto(state->options.consistency));
  call->done = [this, state, places = std::move(places)](Result<proto::Response> answer) {
    OnMultiGetAnswer(state, places, std::move(answer));
  };
  return call;
}

void Frontend::OnMultiGetAnswer(const std::shared_ptr<MultiGetState>& state,
                                std::vector<std::uint32_t> places, Result<proto::Response> answer) {
  if (!answer.ok() && answer.status().code() == Code::kTooLarge && places.size() > 1) {
    // The values together are more than one message holds: ask for each half.
    const auto middle = places.begin() + static_cast<std::ptrdiff_t>(places.size() / 2);
    ++state->calls_left;
    Calls halves;
    halves.push_back(MakeMultiGetCall(state, {places.begin(), middle}));
    halves.push_back(MakeMultiGetCall(state, {middle, places.end()}));
    return HandOver(halves);
  }
  if (answer.ok() && answer.value().got().entries_size() != static_cast<int>(places.size())) {
    answer = WrongAnswer("a get of many keys");
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    Result<Found>& result = state->results[places[i]];
    if (!answer.ok()) {
      result = answer.status();
    } else {
      result = ToFound(answer->mutable_got()->mutable_entries(static_cast<int>(i)));
    }
  }
  if (--state->calls_left > 0) return;
  Release(state->bytes);
  state->callback(std::move(state->results));
}

}  // namespace ringfort::client
