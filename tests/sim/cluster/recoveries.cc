#include "tests/sim/cluster/recoveries.h"

#include <algorithm>
#include <utility>

#include "raft/quorum.h"
#include "tests/sim/cluster/loops.h"

namespace ringfort::sim {

using namespace std::chrono_literals;  // NOLINT: durations

namespace {

constexpr Duration kAnswerMax = 4s;
/// Who leads is no more after this, and who can be elected is.
constexpr Duration kElectMax = 20s;
constexpr Duration kTellMax = 20s;

Unsynced AnyFate(Random& random) {
  return random.OneIn(2) ? Unsynced::kKept : Unsynced::kLost;
}

}  // namespace

bool Recoveries::Wanted() {
  // With damage that nobody knows of, the copy that is left may be one that cannot be read.
  return nodes_->size() >= 3 && random_.OneIn(3) &&
         std::ranges::none_of(*nodes_, [](const auto& node) { return node->has_damaged_data(); });
}

void Recoveries::Run() {
  Lose();
  if (lost_shards_.empty()) return;
  if (lost_shards_.contains(ShardId(shards_))) RecoverMeta();
  for (const ShardId shard : lost_shards_) {
    if (shard < ShardId(shards_)) Recover(shard);
  }
  if (!events_->stopped()) BringBack();
}

Recoveries::Copies Recoveries::CopiesOn(const SimulatedNode& node) const {
  Copies copies;
  for (std::uint32_t i = 0; i <= shards_; ++i) {
    const storage::Generation generation = node.log().WrittenGeneration(ShardId(i));
    if (generation != storage::Generation()) copies[ShardId(i)] = generation;
  }
  return copies;
}

void Recoveries::Lose() {
  std::vector<SimulatedNode*> nodes = Running();
  std::shuffle(nodes.begin(), nodes.end(), random_);
  std::map<ShardId, std::set<SimulatedNode*>> left;
  std::map<ShardId, std::size_t> had;
  for (SimulatedNode* node : nodes) {
    for (const auto& [shard, generation] : CopiesOn(*node)) left[shard].insert(node);
  }
  for (const auto& [shard, holders] : left) had[shard] = holders.size();
  for (SimulatedNode* node : nodes) {
    const bool is_last = std::ranges::any_of(left, [node](const auto& one) {
      return one.second.size() == 1 && one.second.contains(node);
    });
    if (is_last) continue;
    for (auto& [shard, holders] : left) holders.erase(node);
    lost_[node->id()] = CopiesOn(*node);
  }
  for (const auto& [shard, holders] : left) {
    if (2 * holders.size() <= had[shard]) lost_shards_.insert(shard);
  }
  for (const auto& [id, copies] : lost_) NodeOf(id)->Kill(AnyFate(random_));
}

void Recoveries::Await(Duration most, const std::string& what, const std::function<bool()>& holds) {
  const MonotonicTime end = events_->now() + most;
  while (!events_->stopped()) {
    if (holds()) return;
    if (events_->now() >= end) return complain_("recovery", what);
    events_->RunUntil(events_->now() + 100ms);
  }
}

std::optional<proto::Response> Recoveries::Ask(SimulatedNode* node, const proto::Request& request) {
  if (!node->running()) return std::nullopt;
  const auto answer = std::make_shared<std::optional<proto::Response>>();
  events_->At(events_->now(), node->process(), "operator's request", [node, request, answer] {
    std::vector<node::Node::Incoming> batch(1);
    batch[0].request = request;
    batch[0].request.set_timeout_ms(60'000);
    batch[0].reply = [answer](const proto::Response& response) { *answer = response; };
    node->node().Handle(std::move(batch));
  });
  events_->RunUntil(events_->now() + kAnswerMax, [&] { return answer->has_value(); });
  return *answer;
}

std::vector<SimulatedNode*> Recoveries::Running() {
  std::vector<SimulatedNode*> running;
  for (const auto& node : *nodes_) {
    if (node->running()) running.push_back(node.get());
  }
  return running;
}

void Recoveries::MaybeKillSoon(SimulatedNode* node) {
  if (!random_.OneIn(3)) return;
  events_->After(Between(random_, 0ms, 80ms), nullptr, "kill", [this, node] {
    if (!node->running()) return;
    node->Kill(AnyFate(random_));
    events_->After(Between(random_, 1ms, 500ms), nullptr, "start", [node] {
      if (!node->running()) node->Start();
    });
  });
}

// On the directories of nodes that do not run, as an operator would: the newest of them.
void Recoveries::RecoverMeta() {
  SimulatedNode* newest = nullptr;
  std::pair<Term, LogIndex> end;
  for (SimulatedNode* node : Running()) {
    if (!CopiesOn(*node).contains(ShardId(shards_))) continue;
    node->Kill(AnyFate(random_));
    const auto found = node->RecoverMeta(/*dry_run=*/true);
    if (!found.ok()) {
      complain_("recovery", "the meta group, dry: " + found.status().ToString());
    } else if (newest == nullptr || std::pair(found->last_term, found->last) > end) {
      newest = node;
      end = {found->last_term, found->last};
    }
    if (node != newest) node->Start();
  }
  if (newest == nullptr) return complain_("recovery", "no copy of the meta group is left");
  const auto begun = newest->RecoverMeta(/*dry_run=*/false);
  if (!begun.ok()) complain_("recovery", "the meta group: " + begun.status().ToString());
  for (const auto& node : *nodes_) {
    if (!node->running() && !lost_.contains(node->id()) && !node->waits_to_join()) node->Start();
  }
}

void Recoveries::Recover(ShardId shard) {
  const std::string name = "shard " + std::to_string(shard.value());
  std::string refused;
  const auto leads = [&] {
    for (SimulatedNode* node : Running()) {
      proto::Request request;
      request.set_shard(shard.value());
      request.mutable_recover_shard()->set_dry_run(true);
      const auto found = Ask(node, request);
      if (!found || !found->has_shard_recovery()) continue;
      const proto::ShardRecovery& copies = found->shard_recovery();
      if (copies.can_have_primary()) {
        // It was begun anew: only its one voter is asked for a vote.
        return std::ranges::any_of(copies.copies(), [](const proto::ShardCopy& copy) {
          return copy.members().epoch() > 0;
        });
      }
      if (copies.newest() != node->id().value() || !copies.refused().empty()) {
        refused = copies.refused();
        continue;
      }
      MaybeKillSoon(node);
      request.mutable_recover_shard()->set_dry_run(false);
      Ask(node, request);
      return false;  // Look again: it may have been killed before, or after, it counted.
    }
    return false;
  };
  Await(kElectMax, name + " is not begun anew though its majority is lost: " + refused, leads);
}

void Recoveries::BringBack() {
  for (const auto& [id, copies] : lost_) {
    events_->After(Between(random_, 0ms, 3s), nullptr, "start", [node = NodeOf(id)] {
      if (!node->running()) node->Start();
    });
  }
  events_->RunUntil(events_->now() + 3s);
  for (const auto& [id, copies] : lost_) {
    SimulatedNode* const node = NodeOf(id);
    std::set<ShardId> old;
    for (const ShardId shard : lost_shards_) {
      if (copies.contains(shard)) old.insert(shard);
    }
    Await(kTellMax, Text(node->id()) + " is back, and its copies are not void",
          [&] { return VoidsOf(node, /*also_data=*/false) == old; });
    for (const ShardId shard : old) {
      const storage::Generation generation = copies.at(shard);
      const std::vector<storage::ShardStore::Name> names = node->shards().List();
      const bool kept =
          std::ranges::find(names, storage::ShardStore::Name{shard, generation}) != names.end() &&
          node->log().WrittenGeneration(shard) == generation;
      if (!kept) {
        complain_("recovery", Text(node->id()) + " did not keep its void copy of shard " +
                                  std::to_string(shard.value()));
      }
    }
  }
}

std::set<ShardId> Recoveries::VoidsOf(SimulatedNode* node, bool also_data) {
  std::set<ShardId> shards;
  proto::Request request;
  request.mutable_get_node_status();
  const auto answer = Ask(node, request);
  if (!answer) return shards;
  for (const proto::VoidCopy& copy : answer->node_status().void_copies()) {
    if (also_data || !copy.data_only()) shards.insert(ShardId(copy.shard()));
  }
  return shards;
}

void Recoveries::Discard() {
  Await(kTellMax, "what is void cannot be discarded", [this] {
    bool all = true;
    for (SimulatedNode* node : Running()) {
      for (const ShardId shard : VoidsOf(node, /*also_data=*/true)) {
        all = false;
        proto::Request request;
        request.set_shard(shard.value());
        request.mutable_discard_void();
        Ask(node, request);
      }
    }
    return all;
  });
}

}  // namespace ringfort::sim
