#include "meta/reconciler.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "meta/headway.h"
#include "meta/names.h"
#include "meta/node_sets.h"
#include "meta/plan.h"
#include "raft/quorum.h"

namespace ringfort::meta {
namespace {

using ring::Move;
using ring::MoveCause;
using ring::NodeInfo;
using ring::NodeState;

constexpr std::size_t kNamesMax = 16;

std::string Seconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count()) + " s";
}

std::string Mebibytes(std::uint64_t bytes) {
  return std::to_string(bytes >> 20) + " MiB";
}

// A learner that becomes a voter by itself is the shard's own matter. Any other was to become one
// by a move, which may have been taken back since.
bool HasStrayMembers(const Nodes& place, const raft::Members& members) {
  const auto placed = [&](const raft::Member& member) { return Contains(place, member.node); };
  const auto takes_part = [&](NodeId node) {
    const auto is_there = [node](const raft::Member& member) { return member.node == node; };
    return std::ranges::any_of(members.voters, is_there) ||
           std::ranges::any_of(members.learners, [&](const raft::Member& learner) {
             return learner.promote && is_there(learner);
           });
  };
  return !std::ranges::all_of(members.voters, placed) ||
         !std::ranges::all_of(members.learners, placed) || !std::ranges::all_of(place, takes_part);
}

// Of one that moves, the move says what is to be done; of one that is changing, nothing is sure.
bool MayStray(const ring::ClusterMap& map, ShardId shard, const ShardNews* news) {
  return news != nullptr && !news->changing && !map.moves.contains(shard);
}

bool IsStray(const ring::ClusterMap& map, ShardId shard, const ShardNews* news) {
  if (!MayStray(map, shard, news)) return false;
  const Nodes& place = map.PlaceOf(shard);
  return news->primary != place.front() || HasStrayMembers(place, news->members);
}

// It was begun anew, and the map does not say so yet.
bool HasNewEpoch(const ring::ClusterMap& map, ShardId shard, const ShardNews* news) {
  return news != nullptr && news->members.epoch > map.EpochOf(shard);
}

class Round {
 public:
  Round(const State& state, const Reports& reports, const std::set<ShardId>& strays,
        MonotonicTime since, MonotonicTime now, const ReconcilerOptions& options)
      : before_(state),
        reports_(reports),
        strays_(strays),
        since_(since),
        now_(now),
        options_(options) {}

  Steps Run() {
    NoteNodes();
    NoteEpochs();
    NoteStrays();
    TakeMoves();
    PreferPrimaries();
    if (changed_) {
      CountVersion(before_, &*changed_);
      if (!(*changed_ == before_)) steps_.next = std::move(changed_);
    }
    return std::move(steps_);
  }

 private:
  [[nodiscard]] const State& state() const { return changed_ ? *changed_ : before_; }
  // Copied only now: most rounds change nothing.
  State& Edit() {
    if (!changed_) changed_ = before_;
    return *changed_;
  }

  // Nodes.

  void NoteNodes() {
    bool replan = false;
    for (std::size_t i = 0; i < before_.map.nodes.size(); ++i) replan = NoteNode(i) || replan;
    if (!replan) return;
    const auto headways = [this](ShardId shard) {
      return HeadwayOf(before_.map, shard, reports_.Of(shard));
    };
    Replan(&Edit(), headways);
    for (const auto& [node, silent] : lost_now_) {
      Event(Name(node) + " was not heard of for " + Seconds(silent) + ": " + Repair(node));
    }
    Strays anew;
    anew.LookAtAll(state().map, reports_);
    strays_ = anew.shards();
  }

  // True: the plan must be made anew.
  bool NoteNode(std::size_t i) {
    const NodeInfo& node = before_.map.nodes[i];
    const auto edit = [this, i]() -> NodeInfo& { return Edit().map.nodes[i]; };
    if (node.state == NodeState::kGone) return false;
    const NodeNews* news = reports_.Of(node.id);
    if (reports_.IsAlive(node.id, now_)) {
      if (node.incarnation != news->identity.incarnation && node.state != NodeState::kJoining) {
        edit().incarnation = news->identity.incarnation;
        Event(Name(node.id) + " has another data directory than before");
      }
      if (node.state == NodeState::kJoining && node.incarnation == news->identity.incarnation) {
        edit().state = NodeState::kActive;
        Event(Name(node.id) + " is active");
        return true;
      }
      if (node.lost) {
        edit().lost = false;
        Event(Name(node.id) + " is back");
        return true;
      }
    } else if (const Duration silent = reports_.SilentFor(node.id, since_, now_);
               !node.lost && node.state != NodeState::kJoining && silent > options_.repair_after) {
      edit().lost = true;
      lost_now_.emplace_back(node.id, silent);
      return true;
    }
    if (node.removing && IsEmpty(node.id, news)) {
      edit().state = NodeState::kGone;
      edit().removing = false;
      edit().lost = false;
      Event(Name(node.id) + " is gone");
    }
    return false;
  }

  // What the plan makes of the copies of a node that is lost.
  [[nodiscard]] std::string Repair(NodeId node) const {
    const ring::ClusterMap& map = state().map;
    std::size_t held = 0;
    std::size_t made = 0;
    for (ShardId shard; shard <= map.meta_shard(); ++shard) {
      if (!Contains(map.PlaceOf(shard), node)) continue;
      ++held;
      if (!Contains(map.TargetOf(shard), node)) ++made;
    }
    if (held == 0) return "it held no copies";
    if (made == held) return "its copies are made on other nodes";
    const std::string some = std::to_string(made) + " of its " + std::to_string(held) + " copies";
    return (made == 0 ? "no other node can take its copies"
                      : some + " are made on other nodes, no other can take the rest") +
           std::string(" (ringfortctl node add)");
  }

  // A node that is gone ends, and nobody hears it any more: so every shard's own log must have
  // said that it is no member (protocols 6), committed, or that might be taken back.
  [[nodiscard]] bool IsEmpty(NodeId node, const NodeNews* news) const {
    const bool alive = reports_.IsAlive(node, now_);
    if (alive && news->replicas > 0) return false;
    if (!alive && reports_.SilentFor(node, since_, now_) <= kDeadAfter) return false;
    for (std::uint32_t i = 0; i <= state().map.shards(); ++i) {
      const ShardId shard(i);
      if (Contains(state().map.PlaceOf(shard), node)) return false;
      if (Contains(state().map.TargetOf(shard), node)) return false;
      const ShardNews* led = reports_.Of(shard);
      if (led == nullptr || led->changing || IsMember(led->members, node)) return false;
    }
    return true;
  }

  static bool IsMember(const raft::Members& members, NodeId node) {
    bool member = false;
    raft::ForEachMember(members,
                        [&](const raft::Member& one) { member = member || one.node == node; });
    return member;
  }

  // Nodes that come back learn from the map that their copies are void.
  void NoteEpochs() {
    std::string begun;
    std::size_t count = 0;
    for (const ShardId shard : strays_) {
      const ShardNews* news = reports_.Of(shard);
      if (!HasNewEpoch(state().map, shard, news)) continue;
      Edit().map.epochs[shard] = news->members.epoch;
      if (++count > kNamesMax) continue;
      begun += (begun.empty() ? "" : ", ") + ShardName(state().map, shard) + " on " +
               Name(news->primary);
    }
    if (count > kNamesMax) begun += " and " + std::to_string(count - kNamesMax) + " more";
    if (!begun.empty()) Event("begun anew from one copy: " + begun);
  }

  // An order that was late, or a move that was taken back in its midst, may have left a member
  // where none should be, or none where one should: that is a move, too.
  void NoteStrays() {
    for (const ShardId shard : strays_) {
      const ShardNews* news = reports_.Of(shard);
      if (!MayStray(state().map, shard, news)) continue;
      const Nodes& place = state().map.PlaceOf(shard);
      if (!HasStrayMembers(place, news->members)) continue;
      Edit().map.moves.emplace(shard, Move{place, MoveCause::kBalance});
    }
  }

  // Moves.

  // Those under way first, then the most endangered shards.
  void TakeMoves() {
    using Rank = std::tuple<bool, int, std::size_t, ShardId>;
    std::vector<Rank> order;
    for (const auto& [shard, move] : state().map.moves) {
      const ShardNews* news = reports_.Of(shard);
      const bool begun = HasBegun(state().map, shard, news);
      const int urgency = move.cause == MoveCause::kRepair    ? 0
                          : move.cause == MoveCause::kBalance ? 2
                                                              : 1;
      const std::size_t healthy = news == nullptr ? 0 : reports_.HealthyVoters(*news, now_).size();
      order.emplace_back(!begun, urgency, urgency == 0 ? healthy : 0, shard);
      steps_.moves[shard].begun = begun;
      if (begun) Occupy(news, move);
    }
    std::ranges::sort(order);
    std::string done;
    std::size_t count = 0;
    for (const auto& [waits, urgency, healthy, shard] : order) {
      Progress* progress = &steps_.moves[shard];
      const ShardNews* news = reports_.Of(shard);
      if (news == nullptr) {
        progress->stuck = "no node says that it leads the shard (see ringfortctl doctor)";
        continue;
      }
      if (!TakeStep(shard, state().map.moves.at(shard), *news, progress)) continue;
      ring::ClusterMap& map = Edit().map;
      Nodes& place = shard == map.meta_shard() ? map.meta : map.placement[shard.value()];
      place = std::move(map.moves.at(shard).to);
      map.moves.erase(shard);
      steps_.moves.erase(shard);
      if (++count <= kNamesMax) done += (done.empty() ? "" : ", ") + ShardName(map, shard);
    }
    if (count > kNamesMax) done += " and " + std::to_string(count - kNamesMax) + " more";
    if (!done.empty()) Event("moved: " + done);
  }

  // A move fills its new nodes, from the shard's primary.
  void Occupy(const ShardNews* news, const Move& move) {
    for (const NodeId node : Without(move.to, NodesOf(news->members.voters))) ++busy_[node];
    ++busy_[news->primary];
  }

  [[nodiscard]] bool IsBusy(const ShardNews& news, const Nodes& filled) const {
    const auto busy = [this](NodeId node) {
      const auto found = busy_.find(node);
      return found != busy_.end() && found->second >= options_.moves_per_node;
    };
    return busy(news.primary) || std::ranges::any_of(filled, busy);
  }

  // True: the shard is where it should be.
  bool TakeStep(ShardId shard, const Move& move, const ShardNews& news, Progress* progress) {
    const raft::Members& members = news.members;
    const Nodes voters = NodesOf(members.voters);
    const Nodes learners = NodesOf(members.learners);
    progress->stuck = news.refused;
    if (news.changing) {
      progress->stage = "changing the voters";
      return false;
    }
    const Nodes fresh = Without(move.to, voters);
    if (const Nodes missing = Without(fresh, learners); !missing.empty()) {
      if (!progress->begun && !MayBegin(news, missing, progress)) return false;
      if (!CanTake(shard, news, missing, progress)) return false;
      if (!progress->begun) Occupy(&news, move);
      progress->begun = true;
      progress->stage = "adding learners";
      SetMembers change{voters, {}};
      for (const raft::Member& learner : members.learners) {
        if (Contains(move.to, learner.node)) {
          change.learners.emplace_back(learner.node, learner.incarnation);
        }
      }
      for (const NodeId node : missing) {
        change.learners.emplace_back(node, reports_.Of(node)->identity.incarnation);
      }
      Give(shard, news, std::move(change));
      return false;
    }
    if (!progress->begun && fresh.empty() && state().paused) {
      progress->stage = "paused";
      return false;
    }
    if (!HaveCaughtUp(news, fresh, progress)) return false;
    if (IsSameSet(voters, move.to)) {
      if (learners.empty()) return true;
      Give(shard, news, SetMembers{voters, {}});
      return false;
    }
    ChangeVoters(shard, move, news, fresh, progress);
    return false;
  }

  bool MayBegin(const ShardNews& news, const Nodes& missing, Progress* progress) const {
    progress->stage = state().paused ? "paused" : "waits for its turn";
    return !state().paused && !IsBusy(news, missing);
  }

  bool CanTake(ShardId shard, const ShardNews& news, const Nodes& missing,
               Progress* progress) const {
    for (const NodeId node : missing) {
      if (!reports_.IsAlive(node, now_)) {
        progress->stuck = Name(node) + " does not answer (start it, or remove it)";
        return false;
      }
      const NodeNews& there = *reports_.Of(node);
      if (there.voids.contains(shard)) {
        progress->stuck = Name(node) + " keeps a void copy of it (ringfortctl shard " +
                          ShardWord(state().map, shard) +
                          " discard-void --node=" + std::to_string(node.value()) + ")";
        return false;
      }
      const std::uint64_t needed = news.data_bytes + options_.reserve_bytes;
      if (there.room != storage::DiskRoom::kEnough || there.disk_free_bytes < needed) {
        progress->stuck = "the disk of " + Name(node) + " has " + Mebibytes(there.disk_free_bytes) +
                          " free, the move needs " + Mebibytes(needed) +
                          " (free space there, or lower the node's weight)";
        return false;
      }
    }
    return true;
  }

  bool HaveCaughtUp(const ShardNews& news, const Nodes& fresh, Progress* progress) const {
    for (const NodeId node : fresh) {
      const FollowerNews* follower = news.Find(node);
      if (follower != nullptr && follower->caught_up) continue;
      progress->stage = "copying";
      if (!reports_.IsAlive(node, now_)) {
        progress->stuck = Name(node) + " does not answer (start it, or remove it)";
      }
      return false;
    }
    return true;
  }

  void ChangeVoters(ShardId shard, const Move& move, const ShardNews& news, const Nodes& fresh,
                    Progress* progress) {
    progress->stage = "changing the voters";
    const Nodes healthy = reports_.HealthyVoters(news, now_);
    Nodes healthy_then = fresh;
    for (const NodeId node : healthy) {
      if (Contains(move.to, node)) healthy_then.push_back(node);
    }
    const std::size_t wanted = std::min(healthy.size(), move.to.size());
    if (healthy_then.size() < wanted || healthy_then.size() * 2 <= move.to.size()) {
      progress->stuck = "of its new voters only " + std::to_string(healthy_then.size()) +
                        " are healthy (bring the others back, or remove them)";
      return;
    }
    if (!Contains(move.to, news.primary)) {
      // Where all disks are full, a full one leads as well as the one that is to be emptied.
      const NodeNews* leads_now = reports_.Of(news.primary);
      const storage::DiskRoom worst =
          leads_now == nullptr ? storage::DiskRoom::kEnough : leads_now->room;
      bool waits = false;
      for (const NodeId node : move.to) {
        if (!Contains(healthy, node)) continue;
        waits = true;
        if (!MayLead(node, worst)) continue;
        progress->stage = "handing the role over";
        Give(shard, news, TransferTo{node});
        return;
      }
      if (waits) {
        progress->stuck =
            "none of its new voters may lead now: they have just been started, are "
            "being stopped, or their disks are full (it goes on when one may)";
        return;
      }
      // Without any, the primary steps aside by itself when it is a member no more.
    }
    Give(shard, news, SetMembers{move.to, {}});
  }

  // Primaries.

  void PreferPrimaries() {
    for (const ShardId shard : strays_) {
      const ShardNews* news = reports_.Of(shard);
      if (!MayStray(state().map, shard, news)) continue;
      const NodeId preferred = state().map.PlaceOf(shard).front();
      if (news->primary == preferred || !MayLead(preferred, storage::DiskRoom::kEnough)) continue;
      if (!Contains(reports_.HealthyVoters(*news, now_), preferred)) continue;
      Give(shard, *news, TransferTo{preferred});
    }
  }

  [[nodiscard]] bool MayLead(NodeId node, storage::DiskRoom worst) const {
    const NodeNews* news = reports_.Of(node);
    return news != nullptr && news->ready && !news->leaving && news->room <= worst &&
           now_ - news->since >= options_.settled_after;
  }

  template <typename What>
  void Give(ShardId shard, const ShardNews& news, What what) {
    steps_.orders.push_back({news.primary, shard, news.members.index, std::move(what)});
  }

  void Event(std::string what) { steps_.events.push_back(std::move(what)); }

  const State& before_;
  /// None while it is as before.
  std::optional<State> changed_;
  const Reports& reports_;
  std::set<ShardId> strays_;
  const MonotonicTime since_;
  const MonotonicTime now_;
  const ReconcilerOptions& options_;
  Steps steps_;
  /// With how long they were silent.
  std::vector<std::pair<NodeId, Duration>> lost_now_;
  /// By node: moves that fill it or that its primaries feed.
  std::map<NodeId, std::size_t> busy_;
};

}  // namespace

void Strays::LookAtAll(const ring::ClusterMap& map, const Reports& reports) {
  shards_.clear();
  for (ShardId shard; shard <= map.meta_shard(); ++shard) {
    if (IsStray(map, shard, reports.Of(shard)) || HasNewEpoch(map, shard, reports.Of(shard))) {
      shards_.insert(shards_.end(), shard);
    }
  }
}

void Strays::LookAt(const ring::ClusterMap& map, const Reports& reports,
                    const std::set<ShardId>& shards) {
  for (const ShardId shard : shards) {
    if (IsStray(map, shard, reports.Of(shard)) || HasNewEpoch(map, shard, reports.Of(shard))) {
      shards_.insert(shard);
    } else {
      shards_.erase(shard);
    }
  }
}

Steps Reconcile(const State& state, const Reports& reports, const std::set<ShardId>& strays,
                MonotonicTime since, MonotonicTime now, const ReconcilerOptions& options) {
  return Round(state, reports, strays, since, now, options).Run();
}

}  // namespace ringfort::meta
