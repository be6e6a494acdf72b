#include "tests/sim/cluster/world.h"

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>

#include "raft/quorum.h"

namespace ringfort::sim {

using namespace std::chrono_literals;  // NOLINT: durations

namespace {

constexpr std::uint32_t kReplicas = 3;
constexpr std::uint32_t kFirstClient = 1001;
constexpr std::uint32_t kFirstLocalCaller = 2001;
constexpr std::size_t kComplaintsMax = 20;
// As soon as the meta group's primary counts a node as dead: few of them lead for long here, and
// each counts anew.
constexpr Duration kRepairAfter = 3s;

ring::ClusterConfig ConfigOf(const WorldOptions& options) {
  ring::ClusterConfig config;
  config.cluster_name = "simulated";
  config.shards = options.shards;
  config.replicas = std::min(options.nodes, kReplicas);
  for (std::uint32_t i = 1; i <= options.nodes; ++i) {
    config.nodes.push_back({NodeId(i), AddressOf(NodeId(i)), "zone-" + std::to_string(i), 1});
  }
  return config;
}

// Small budgets, so that logs are cut and fetched, and queues fill, within seconds.
node::NodeOptions NodeOptionsOf(Random& random) {
  node::NodeOptions options;
  options.meta.reconciler.repair_after = kRepairAfter;
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
         " --nodes=" + std::to_string(options.nodes) +
         " --spares=" + std::to_string(options.spares) + " --trace";
}

World::World(const WorldOptions& options)
    : options_(options),
      events_(options.trace),
      random_(options.seed),
      watch_(
          [this](std::string_view checker, const std::string& what) { Complain(checker, what); },
          [this](NodeId node) -> const MemoryLogStore& { return nodes_[node.value() - 1]->log(); }),
      network_(
          &events_, random_.Fork(),
          [this](NodeId from, std::string_view message) { watch_.OnMessage(from, message); },
          [this](std::string_view checker, const std::string& what) { Complain(checker, what); }) {
  std::vector<std::uint32_t> ends;
  MakeNodes(&ends);
  MakeClients(&ends);
  faults_ = std::make_unique<Faults>(
      &events_, &network_, &nodes_, ends, [this] { return Whole(); },
      options_.spares > 0 ? std::optional(kRepairAfter) : std::nullopt, random_.Fork());
  if (options_.spares > 0) {
    operator_ = std::make_unique<Operator>(&events_, &nodes_, options_.shards, random_.Fork());
  }
  upgrader_ = std::make_unique<Operator>(&events_, &nodes_, options_.shards, random_.Fork());
  upgrades_ = std::make_unique<Upgrades>(&events_, &nodes_, upgrader_.get(), random_.Fork());
  recoveries_ = std::make_unique<Recoveries>(
      &events_, &nodes_, options_.shards,
      [this](std::string_view checker, const std::string& what) { Complain(checker, what); },
      Random(~options_.seed));
}

void World::MakeNodes(std::vector<std::uint32_t>* ends) {
  const node::NodeOptions node_options = NodeOptionsOf(random_);
  const ring::ClusterConfig config = ConfigOf(options_);
  for (std::uint32_t id = 1; id <= options_.nodes + options_.spares; ++id) {
    nodes_.push_back(std::make_unique<SimulatedNode>(
        &events_, &network_, node_options, config, NodeId(id), random_.Fork(),
        [this](std::string_view checker, const std::string& what) { Complain(checker, what); },
        &watch_));
    ends->push_back(id);
  }
}

void World::MakeClients(std::vector<std::uint32_t>* ends) {
  ClientWorld client_world{
      &events_, &network_, [this](NodeId node) { return nodes_[node.value() - 1].get(); },
      [this](const std::string& what) { Complain("every request is answered", what); }};
  Workload workload;
  workload.shards = options_.shards;
  workload.nodes = options_.nodes;  // The seeds of clients: those that join are found by the map.
  for (std::uint32_t i = 0; i < options_.clients; ++i) {
    clients_.push_back(std::make_unique<SimulatedClient>(client_world, workload, kFirstClient + i,
                                                         random_.Fork()));
    ends->push_back(kFirstClient + i);
  }
  std::vector<std::vector<std::string>> registers(options_.shards);
  for (std::uint32_t shard = 0; shard < options_.shards; ++shard) {
    for (std::uint32_t i = 0; i < workload.registers_per_shard; ++i) {
      registers[shard].push_back(clients_.front()->RegisterKey(shard, i));
    }
  }
  for (const auto& node : nodes_) {
    local_callers_.push_back(std::make_unique<LocalCaller>(
        &events_, node.get(), kFirstLocalCaller + node->id().value(), registers, random_.Fork()));
  }
}

World::~World() {
  clients_.clear();
  for (const auto& node : nodes_) {  // Who watches a crash looks at all nodes.
    if (node->running()) node->Kill(Unsynced::kLost);
  }
  nodes_.clear();
  events_.Clear();
}

void World::Complain(std::string_view checker, const std::string& what) {
  const std::string line = std::string(checker) + ": " + what;
  events_.trace.Say(events_.now(), 0, [&] { return "WRONG: " + line; });
  if (outcome_.wrong.size() < kComplaintsMax) outcome_.wrong.push_back(line);
  if (options_.stop_at_first) events_.Stop();
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
  for (const auto& caller : local_callers_) caller->Start();
  Look();
  const MonotonicTime began = events_.now();
  SafetyPhase();
  if (!events_.stopped()) LivenessPhase();
  const bool well = !events_.stopped() && outcome_.wrong.empty();
  if (well && recoveries_->Wanted()) RecoveryPhase();
  Judge();
  outcome_.trace_hash = events_.trace.hash();
  outcome_.states_compared = watch_.states_compared();
  outcome_.requests_taken = operator_ == nullptr ? 0 : operator_->taken();
  outcome_.moves = watch_.moves().finished();
  outcome_.repairs = watch_.moves().repairs();
  outcome_.simulated = events_.now() - began;
  return outcome_;
}

void World::SafetyPhase() {
  // The cluster comes to be amid faults in some runs, in peace in the others.
  const Duration peace = random_.OneIn(2) ? Duration(600ms) : Duration(3s);
  events_.RunUntil(events_.now() + peace);
  faults_->Start();
  if (operator_ != nullptr) operator_->Start();
  upgrades_->Start();
  events_.RunUntil(events_.now() + options_.safety_phase);
}

void World::LivenessPhase() {
  faults_->Heal();
  if (operator_ != nullptr) operator_->Stop();
  upgrades_->Stop();
  // A rolling restart takes its time.
  events_.RunUntil(events_.now() + 60s, [this] { return upgrades_->AllUpdated(); });
  // Long enough for the last frozen node and for an election after it.
  events_.RunUntil(events_.now() + 5s);
  for (const auto& client : clients_) client->Stop();
  for (const auto& caller : local_callers_) caller->Stop();
  const bool idle = events_.RunUntil(events_.now() + 5s, [this] {
    return std::all_of(clients_.begin(), clients_.end(),
                       [](const auto& client) { return client->connected() && client->idle(); });
  });
  if (!idle) {
    Complain("liveness", "a client finds no cluster, or has a call without an end");
    return;
  }
  ProveEveryShard();
  ReadBackOnceKeys();
  AwaitEqualReplicas();
}

void World::RecoveryPhase() {
  recoveries_->Run();
  outcome_.begun_anew = recoveries_->begun_anew();
  if (!outcome_.wrong.empty()) return SayWhere();
  ProveEveryShard();
  ReadBackOnceKeys();
  recoveries_->Discard();
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
      Complain("liveness",
               "not served though all is well: key " + history[j].key + ", " +
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
      if (!client->history()[i].ended(Code::kOk)) Complain("liveness", "a last read failed");
    }
  }
}

bool World::Whole() const {
  const std::size_t replicas = std::min(options_.nodes, kReplicas);
  for (std::uint32_t i = 0; i <= options_.shards; ++i) {
    const ShardId shard(i);
    std::size_t voters = 0;
    std::optional<std::size_t> wanted;
    std::optional<LogIndex> change;
    for (const auto& node : nodes_) {
      if (node->is_put_back()) return false;
      if (node->waits_to_join()) continue;
      if (!node->running() || !node->node().has_record()) return false;
      if (node->log().WrittenGeneration(shard) == storage::Generation()) continue;
      const auto state = node->log().SyncedHardState(shard);
      const raft::Members members = node->log().WrittenMembers(shard, LogIndex(UINT64_MAX)).back();
      // All of them know the same members: a change that just one of them has may come to nothing.
      // The meta group has as many as there are nodes for, but an odd number; and none of any
      // shard is just being made again.
      const bool full =
          i == options_.shards ? members.voters.size() % 2 == 1 : members.voters.size() == replicas;
      const bool settled = !members.joint() && members.learners.empty() && full &&
                           change.value_or(members.index) == members.index;
      wanted = members.voters.size();
      if (!state || !settled || !raft::IsVoter(members, state->self)) return false;
      change = members.index;
      ++voters;
    }
    if (!wanted || voters != *wanted) return false;
  }
  return true;
}

bool World::ReplicasEqual() const {
  std::map<ShardId, std::uint64_t> hashes;
  for (const auto& node : nodes_) {
    for (const storage::ShardStore::Name& name : node->shards().List()) {
      // What the log does not name is on its way out, or in.
      if (node->log().WrittenGeneration(name.shard) != name.generation) continue;
      const std::uint64_t hash = node->shards().HashOf(name);
      if (hashes.emplace(name.shard, hash).first->second != hash) return false;
    }
  }
  return hashes.size() == options_.shards + 1;  // And the meta group's.
}

bool World::KnownDamageIsRepaired() const {
  return std::ranges::all_of(nodes_, [](const auto& node) {
    return !node->has_damaged_data() || node->has_unknown_damage();
  });
}

void World::AwaitEqualReplicas() {
  // Moves and repairs that were begun come to their end first.
  for (int i = 0; i < 1200; ++i) {
    if (Whole() && ReplicasEqual() && upgrades_->Finished() && KnownDamageIsRepaired()) {
      return;
    }
    events_.RunUntil(events_.now() + 50ms);
  }
  SayWhere();
  if (!upgrades_->Finished()) {
    return Complain("liveness", "the upgrade does not come to its end though all is well:" +
                                    upgrades_->Describe());
  }
  if (!KnownDamageIsRepaired()) return Complain("liveness", "damaged data are not repaired");
  Complain("liveness", Whole() ? "the replicas of a shard do not become equal though all is well"
                               : "a shard does not get all of its voters though all is well");
}

// For who reads the trace of a run that did not end well.
void World::SayWhere() {
  for (const auto& node : nodes_) {
    if (!node->running()) continue;
    std::vector<node::Node::Incoming> batch(1);
    batch[0].request.mutable_get_node_status();
    batch[0].request.set_timeout_ms(1000);
    batch[0].reply = [this, who = node->id().value()](const proto::Response& response) {
      for (const proto::ReplicaStatus& one : response.node_status().replicas()) Say(who, one);
      Say(who, response.node_status().meta_replica());
    };
    node->node().Handle(std::move(batch));
  }
  events_.RunUntil(events_.now() + 1s);
}

void World::Say(std::uint32_t who, const proto::ReplicaStatus& replica) {
  events_.trace.Say(events_.now(), who, [&] {
    std::ostringstream line;
    line << "shard " << replica.shard() << ": role " << replica.role() << ", term "
         << replica.term() << ", primary " << replica.primary() << ", commit " << replica.commit()
         << ", applied " << replica.applied() << ", last " << replica.last()
         << (replica.unsure() ? ", unsure" : "") << (replica.serving() ? ", serves" : "");
    for (const proto::FollowerLag& lag : replica.followers()) {
      line << "; node " << lag.node() << " has " << lag.match()
           << (lag.learner() ? ", learner" : "") << (lag.alive() ? "" : ", silent");
    }
    if (replica.has_sum()) line << "; " << replica.sum().error();
    return line.str();
  });
}

void World::Judge() {
  std::vector<Operation> all;
  for (const auto& client : clients_) {
    all.insert(all.end(), client->history().begin(), client->history().end());
  }
  for (const auto& caller : local_callers_) {
    all.insert(all.end(), caller->history().begin(), caller->history().end());
  }
  for (const Operation& operation : all) {
    ++(operation.writes() ? outcome_.writes : outcome_.reads);
    outcome_.failed += operation.code != Code::kOk && operation.code != Code::kConditionFailed;
  }
  for (const std::string& line : CheckHistory(all)) Complain("histories", line);
}

Outcome RunWorld(const WorldOptions& options) {
  return World(options).Run();
}

}  // namespace ringfort::sim
