#include "tests/sim/cluster/simulated_client.h"

#include <utility>

#include "ring/hash_ring.h"

namespace ringfort::sim {

using namespace std::chrono_literals;  // NOLINT: durations

std::string KeyOfShard(const std::string& prefix, std::uint32_t shard, std::uint32_t shards,
                       std::uint32_t number) {
  for (std::uint32_t i = 0;; ++i) {
    std::string key = prefix + std::to_string(i);
    if (ring::ShardOf(key, shards).value() == shard && number-- == 0) return key;
  }
}

SimulatedClient::SimulatedClient(ClientWorld world, Workload workload, std::uint32_t who,
                                 Random random)
    : world_(std::move(world)),
      workload_(workload),
      process_{who},
      random_(random),
      clock_(world_.events, 0h, 0),
      loop_(world_.events, &process_, &clock_, random_.Fork()),
      dialer_(world_, &process_, random_.Fork()),
      engine_(loop_, dialer_, client::Tuning(), random_.Next()) {}

SimulatedClient::~SimulatedClient() {
  stopped_ = true;
  if (frontend_ != nullptr) {
    frontend_->Close();
  } else {
    engine_.Shutdown();
  }
}

void SimulatedClient::Start() {
  loop_.Post([this] { Connect(); });
}

void SimulatedClient::Connect() {
  std::vector<std::string> seeds;
  for (std::uint32_t i = 1; i <= workload_.nodes; ++i) seeds.push_back(AddressOf(NodeId(i)));
  engine_.FindCluster(seeds, loop_.Now() + 2s, 2s, [this](const Status& status) {
    if (stopped_) return;
    if (!status.ok()) {
      loop_.RunAt(loop_.Now() + 100ms, [this] { Connect(); });
      return;
    }
    client::Frontend::Options options;
    options.timeout = workload_.timeout;
    options.pending_bytes_max = std::size_t{64} << 20;
    options.shards = workload_.shards;
    frontend_ = std::make_unique<client::Frontend>(loop_, engine_, options);
    for (std::uint32_t i = 0; i < workload_.chains; ++i) Chain();
  });
}

void SimulatedClient::Chain() {
  loop_.RunAt(loop_.Now() + Between(random_, 0ms, workload_.pause_max), [this] {
    if (!stopped_) CallAny();
  });
}

std::string SimulatedClient::RegisterKey(std::uint32_t shard, std::uint32_t number) const {
  return KeyOfShard("register-", shard, workload_.shards, number);
}

void SimulatedClient::CallAny() {
  using Kind = Operation::Kind;
  const std::string key =
      RegisterKey(static_cast<std::uint32_t>(random_.Below(workload_.shards)),
                  static_cast<std::uint32_t>(random_.Below(workload_.registers_per_shard)));
  switch (random_.Below(20)) {
    case 0:
    case 1:
    case 2: Call(Kind::kPut, key); break;
    case 3:
    case 4: Call(Kind::kPutIfVersion, key, versions_[key]); break;
    case 5: Call(Kind::kDelete, key); break;
    case 6:
    case 7:
    case 8:
    case 9:
      once_keys_.push_back("once-" + std::to_string(process_.who) + "-" +
                           std::to_string(once_keys_.size()));
      Call(Kind::kPutIfAbsent, once_keys_.back());
      break;
    case 10:
    case 11:
      Call(Kind::kGet, once_keys_.empty() ? key : once_keys_[random_.Below(once_keys_.size())]);
      break;
    case 12: Call(Kind::kScan, key); break;
    case 13: Call(Kind::kGetAny, key); break;
    default: Call(Kind::kGet, key);
  }
}

Operation* SimulatedClient::Begin(Operation::Kind kind, const std::string& key) {
  ++calls_;
  Operation& operation = history_.emplace_back();
  operation.kind = kind;
  operation.client = process_.who;
  operation.key = key;
  operation.invoked_at = world_.events->step();
  return &operation;
}

void SimulatedClient::End(Operation* operation, const Status& status) {
  --calls_;
  operation->ended_at = world_.events->step();
  operation->code = status.code();
  operation->effect = status.effect();
  if (status.ok() && operation->linearizable()) {
    versions_[operation->key] =
        operation->kind == Operation::Kind::kDelete ? 0 : operation->version;
  }
  world_.events->trace.Note(world_.events->now(), process_.who, operation->key,
                            status.ToString() + std::to_string(operation->version));
  world_.events->trace.Say(world_.events->now(), process_.who, [&] {
    return (operation->kind == Operation::Kind::kDelete ? "delete "
            : operation->writes()                       ? "put " + operation->value + " into "
                                                        : "get ") +
           operation->key + " (from step " + std::to_string(operation->invoked_at) + " to " +
           std::to_string(*operation->ended_at) + "): " +
           (status.ok() ? operation->found.value_or("nothing") + " at version " +
                              std::to_string(operation->version)
                        : status.ToString());
  });
  if (!stopped_) Chain();
}

void SimulatedClient::CallRead(Operation* operation) {
  if (operation->kind == Operation::Kind::kScan) {
    frontend_->Scan(operation->key, {}, {}, [this, operation](const Result<ScanPage>& page) {
      if (page.ok() && !page->entries.empty()) {
        operation->found = page->entries[0].value;
        operation->version = page->entries[0].version;
      }
      End(operation, page.status());
    });
    return;
  }
  GetOptions options;
  if (!operation->linearizable()) options.consistency = Consistency::kAnyReplica;
  frontend_->Get(operation->key, options, [this, operation](const Result<Found>& result) {
    if (result.ok()) {
      operation->found = result->value;
      operation->version = result->version;
    }
    const bool absent = result.status().code() == Code::kNotFound;
    End(operation, absent ? Status() : result.status());
  });
}

void SimulatedClient::Call(Operation::Kind kind, const std::string& key, std::uint64_t if_version) {
  Operation* operation = Begin(kind, key);
  if (!operation->writes()) {
    CallRead(operation);
    return;
  }
  if (kind == Operation::Kind::kDelete) {
    frontend_->Delete(key, {}, [this, operation](const Result<Version>& result) {
      if (result.ok()) operation->version = *result;
      End(operation, result.status());
    });
    return;
  }
  operation->value = std::to_string(process_.who) + "." + std::to_string(++last_value_);
  PutOptions options;
  options.if_absent = kind == Operation::Kind::kPutIfAbsent ||
                      (kind == Operation::Kind::kPutIfVersion && if_version == 0);
  if (!options.if_absent && kind == Operation::Kind::kPutIfVersion) options.if_version = if_version;
  operation->if_version = if_version;
  frontend_->Put(key, operation->value, options, [this, operation](const Result<Version>& result) {
    if (result.ok()) {
      operation->found = operation->value;
      operation->version = *result;
    }
    End(operation, result.status());
  });
}

}  // namespace ringfort::sim
