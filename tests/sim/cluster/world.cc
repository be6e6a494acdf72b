#include "tests/sim/cluster/world.h"

#include <algorithm>
#include <utility>

namespace ringfort::sim {

using namespace std::chrono_literals;  // NOLINT: durations

namespace {

constexpr std::uint32_t kFirstClient = 1001;
constexpr std::size_t kComplaintsMax = 20;

ring::ClusterConfig ConfigOf(const WorldOptions& options) {
  ring::ClusterConfig config;
  config.cluster_name = "simulated";
  config.shards = options.shards;
  config.replicas = std::min(options.nodes, 3U);
  for (std::uint32_t i = 1; i <= options.nodes; ++i) {
    config.nodes.push_back({NodeId(i), AddressOf(NodeId(i)), "zone-" + std::to_string(i), 1});
  }
  return config;
}

// Small budgets, so that logs are cut and fetched, and queues fill, within seconds.
node::NodeOptions NodeOptionsOf(Random& random) {
  node::NodeOptions options;
  options.replica.raft.lease_reads = !random.OneIn(4);
  options.replica.raft.cache_bytes_max = 2000;
  options.replica.raft.append_bytes_max = 500;
  options.replica.raft.window_bytes_max = 2000;
  options.shard_loop.message_bytes_max = 1000;
  options.log_keeper.interval = 200ms;
  options.log_keeper.log_bytes_max = 20'000;
  return options;
}

}  // namespace

std::string RepeatCommand(const WorldOptions& options) {
  return "ringfort-sim --seed=" + std::to_string(options.seed) + " --seconds=" +
         std::to_string(
             std::chrono::duration_cast<std::chrono::seconds>(options.safety_phase).count()) +
         " --nodes=" + std::to_string(options.nodes) + " --trace";
}

World::World(const WorldOptions& options)
    : options_(options),
      events_(options.trace),
      random_(options.seed),
      watch_([this](const std::string& what) { Complain(what); }),
      network_(&events_, random_.Fork(),
               [this](NodeId from, std::string_view message) { watch_.OnMessage(from, message); }) {
  const node::NodeOptions node_options = NodeOptionsOf(random_);
  const ring::ClusterConfig config = ConfigOf(options_);
  std::vector<std::uint32_t> ends;
  for (const ring::NodeInfo& info : config.nodes) {
    nodes_.push_back(std::make_unique<SimulatedNode>(
        &events_, &network_, node_options, config, info.id, random_.Fork(),
        [this](const std::string& what) { Complain(what); }));
    ends.push_back(info.id.value());
  }
  ClientWorld client_world{&events_, &network_,
                           [this](NodeId node) { return nodes_[node.value() - 1].get(); },
                           [this](const std::string& what) { Complain(what); }};
  Workload workload;
  workload.shards = options_.shards;
  workload.nodes = options_.nodes;
  for (std::uint32_t i = 0; i < options_.clients; ++i) {
    clients_.push_back(std::make_unique<SimulatedClient>(client_world, workload, kFirstClient + i,
                                                         random_.Fork()));
    ends.push_back(kFirstClient + i);
  }
  faults_ = std::make_unique<Faults>(&events_, &network_, &nodes_, ends, random_.Fork());
}

World::~World() {
  clients_.clear();
  nodes_.clear();
  events_.Clear();
}

void World::Complain(const std::string& what) {
  events_.trace.Say(events_.now(), 0, [&] { return "WRONG: " + what; });
  if (outcome_.wrong.size() < kComplaintsMax) outcome_.wrong.push_back(what);
}

void World::Look() {
  for (const auto& node : nodes_) {
    if (node->running()) watch_.OnData(node->id(), &node->shards());
  }
  events_.After(60ms, nullptr, "look", [this] { Look(); });
}

Outcome World::Run() {
  for (const auto& node : nodes_) {
    events_.After(Between(random_, 0ms, 500ms), nullptr, "start", [&node] { node->Start(); });
  }
  for (const auto& client : clients_) client->Start();
  Look();
  SafetyPhase();
  LivenessPhase();
  Judge();
  outcome_.trace_hash = events_.trace.hash();
  outcome_.states_compared = watch_.compared();
  return outcome_;
}

void World::SafetyPhase() {
  // The cluster comes to be amid faults in some runs, in peace in the others.
  const Duration peace = random_.OneIn(2) ? Duration(600ms) : Duration(3s);
  events_.RunUntil(events_.now() + peace);
  faults_->Start();
  events_.RunUntil(events_.now() + options_.safety_phase);
}

void World::LivenessPhase() {
  faults_->Heal();
  // Long enough for the last frozen node and for an election after it.
  events_.RunUntil(events_.now() + 5s);
  for (const auto& client : clients_) client->Stop();
  const bool idle = events_.RunUntil(events_.now() + 5s, [this] {
    return std::all_of(clients_.begin(), clients_.end(),
                       [](const auto& client) { return client->connected() && client->idle(); });
  });
  if (!idle) {
    Complain("a client finds no cluster, or has a call without an end");
    return;
  }
  ProveEveryShard();
  ReadBackOnceKeys();
  AwaitEqualReplicas();
}

void World::ProveEveryShard() {
  std::vector<std::size_t> before;
  for (const auto& client : clients_) {
    before.push_back(client->history().size());
    for (std::uint32_t shard = 0; shard < options_.shards; ++shard) {
      client->Call(Operation::Kind::kPut, client->RegisterKey(shard, 0));
      client->Call(Operation::Kind::kGet, client->RegisterKey(shard, 1));
    }
  }
  events_.RunUntil(events_.now() + 4s, [this] {
    return std::all_of(clients_.begin(), clients_.end(),
                       [](const auto& client) { return client->idle(); });
  });
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    const auto& history = clients_[i]->history();
    for (std::size_t j = before[i]; j < history.size(); ++j) {
      if (history[j].ended(Code::kOk)) continue;
      Complain("not served though all is well: key " + history[j].key + ", " +
               (history[j].ended_at ? std::string(CodeName(history[j].code)) : "no answer"));
    }
  }
}

void World::ReadBackOnceKeys() {
  for (const auto& client : clients_) {
    std::vector<std::string> keys;
    for (const Operation& operation : client->history()) {
      if (operation.kind == Operation::Kind::kPutIfAbsent) keys.push_back(operation.key);
    }
    const std::size_t before = client->history().size();
    for (const std::string& key : keys) client->Call(Operation::Kind::kGet, key);
    events_.RunUntil(events_.now() + 4s, [&] { return client->idle(); });
    for (std::size_t i = before; i < client->history().size(); ++i) {
      if (!client->history()[i].ended(Code::kOk)) Complain("a last read failed");
    }
  }
}

bool World::ReplicasEqual() {
  std::map<ShardId, std::uint64_t> hashes;
  for (const auto& node : nodes_) {
    for (const storage::ShardStore::Name& name : node->shards().List()) {
      const std::uint64_t hash = HashOf(*node->shards().Open(name).value());
      if (hashes.emplace(name.shard, hash).first->second != hash) return false;
    }
  }
  return hashes.size() == options_.shards;
}

void World::AwaitEqualReplicas() {
  for (int i = 0; i < 100; ++i) {
    if (ReplicasEqual()) return;
    events_.RunUntil(events_.now() + 50ms);
  }
  Complain("the replicas of a shard do not become equal though all is well");
}

void World::Judge() {
  std::vector<Operation> all;
  for (const auto& client : clients_) {
    all.insert(all.end(), client->history().begin(), client->history().end());
  }
  for (const Operation& operation : all) {
    ++(operation.writes() ? outcome_.writes : outcome_.reads);
    outcome_.failed += operation.code != Code::kOk && operation.code != Code::kConditionFailed;
  }
  for (const std::string& line : CheckHistory(all)) Complain(line);
}

Outcome RunWorld(const WorldOptions& options) {
  return World(options).Run();
}

}  // namespace ringfort::sim
