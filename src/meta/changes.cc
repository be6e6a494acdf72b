#include "meta/changes.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "features/features.h"
#include "meta/names.h"
#include "meta/node_sets.h"
#include "meta/plan.h"
#include "wire/id_codec.h"

namespace ringfort::meta {
namespace {

using ring::NodeInfo;
using ring::NodeState;

constexpr std::size_t kZoneMax = 64;
constexpr std::size_t kHostMax = 253;

Status Wrong(const std::string& what, const std::string& todo) {
  return {Code::kInvalidArgument, what + " (" + todo + ")"};
}

// Well said, but not as the cluster is now.
Status Refused(const std::string& what, const std::string& todo) {
  return {Code::kConditionFailed, what + " (" + todo + ")"};
}

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// As a config's: letters, digits and -_. only.
bool IsZone(const std::string& zone) {
  return !zone.empty() && zone.size() <= kZoneMax && std::ranges::all_of(zone, [](char c) {
    return IsLetterOrDigit(c) || c == '-' || c == '_' || c == '.';
  });
}

std::string ZoneOf(const std::string& zone, NodeId node) {
  return zone.empty() ? "node-" + std::to_string(node.value()) : zone;
}

// As a config's; those named at the end nobody can dial.
bool IsHost(std::string_view host) {
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const std::string_view others = bracketed ? ":.%" : ".-_";
  const std::string_view name = bracketed ? host.substr(1, host.size() - 2) : host;
  const auto fits = [&](char c) {
    return IsLetterOrDigit(c) || others.find(c) != std::string_view::npos;
  };
  return !host.empty() && host.size() <= kHostMax && std::ranges::all_of(name, fits) &&
         host != "0.0.0.0" && host != "[::]";
}

bool IsAddress(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || !IsHost(address.substr(0, colon))) return false;
  unsigned port = 0;
  const char* end = address.data() + address.size();
  const auto [parsed, error] = std::from_chars(address.data() + colon + 1, end, port);
  return error == std::errc() && parsed == end && port >= 1 && port <= 65535;
}

NodeInfo* Find(State* state, NodeId id) {
  const auto found = std::ranges::find(state->map.nodes, id, &NodeInfo::id);
  return found == state->map.nodes.end() ? nullptr : &*found;
}

Status CheckJoin(const State& state, const proto::JoinCluster& request) {
  if (request.node() == 0) return Wrong("a node with the id 0", "ids begin at 1");
  if (const FeatureLevel knows(request.knows_level()); knows < state.map.feature_level) {
    const std::string release =
        request.release().empty() ? features::ReleaseOf(FeatureLevel()) : request.release();
    return {Code::kUnsupported, "the node runs release " + release +
                                    ", which does not know the cluster's feature level " +
                                    std::to_string(state.map.feature_level.value()) +
                                    " (run release " + state.map.feature_release +
                                    " or newer on it)"};
  }
  if (!IsAddress(request.address())) {
    return Wrong("the node's address is no HOST:PORT that others can dial",
                 "give --listen=HOST:PORT");
  }
  if (!request.zone().empty() && !IsZone(request.zone())) {
    return Wrong("the node's zone is none", "1 to 64 of letters, digits, - _ and .");
  }
  if (request.weight() < 1 || request.weight() > ring::kWeightMax) {
    return Wrong("the node's weight is " + std::to_string(request.weight()), "give 1 to 1000");
  }
  for (const NodeInfo& node : state.map.nodes) {
    if (node.state == NodeState::kGone || node.id == NodeId(request.node())) continue;
    if (node.address == request.address()) {
      const std::string other = std::to_string(node.id.value());
      return Wrong(
          request.address() + " is the address of " + Name(node.id),
          "give each node its own. If that node is gone for good: join as --node=" + other +
              " with an empty directory, which takes its place, or first ringfortctl node "
              "remove " +
              other);
    }
  }
  return Status::Ok();
}

Change Finish(const State& before, State next, std::string event) {
  CountVersion(before, &next);
  if (next == before) event.clear();
  return {std::move(next), std::move(event)};
}

// What is left to hold replicas once the node is empty.
std::size_t TakersWithout(const State& state, NodeId node, const std::set<NodeId>& silent) {
  return static_cast<std::size_t>(std::ranges::count_if(state.map.nodes, [&](const NodeInfo& one) {
    return one.id != node && TakesReplicas(one) && !silent.contains(one.id);
  }));
}

/// ", since nodes 2 and 4 do not answer"; empty when all do that could take its replicas.
std::string SilentText(const State& state, NodeId node, const std::set<NodeId>& silent) {
  std::string names;
  for (const NodeInfo& one : state.map.nodes) {
    if (one.id == node || !TakesReplicas(one) || !silent.contains(one.id)) continue;
    names += (names.empty() ? ", since " : " and ") + Name(one.id);
  }
  return names.empty() ? "" : names + " cannot be heard";
}

Status CheckLeave(const State& state, NodeId node, bool accepted, const std::set<NodeId>& silent) {
  const std::size_t takers = TakersWithout(state, node, silent);
  const std::string since = SilentText(state, node, silent);
  if (takers == 0) {
    return Refused(Name(node) + " is the last node that can hold replicas" + since,
                   since.empty() ? "add another first" : "start them, or add another first");
  }
  std::size_t widest = 0;
  for (std::uint32_t shard = 0; shard < state.map.shards(); ++shard) {
    widest = std::max(widest, state.map.TargetOf(ShardId(shard)).size());
  }
  if (takers >= std::min<std::size_t>(widest, state.map.replicas) || accepted) {
    return Status::Ok();
  }
  return Refused("without " + Name(node) + " only " + std::to_string(takers) +
                     " nodes can hold replicas: shards would have fewer copies than the " +
                     std::to_string(state.map.replicas) + " that the cluster wants" + since,
                 std::string(since.empty() ? "" : "start what is down, or ") +
                     "add a node first, or say --accept-fewer-copies");
}

Result<Change> Leave(const State& state, const proto::ChangeNode& request, const Headways& headways,
                     const std::set<NodeId>& silent) {
  State next = state;
  NodeInfo* node = Find(&next, NodeId(request.node()));
  const bool removes = request.kind() != proto::ChangeNode::DRAIN;
  if (request.kind() == proto::ChangeNode::REPLACE) {
    const NodeId other(request.replacement());
    const NodeInfo* replacement = state.map.FindNode(other);
    if (replacement == nullptr || other == node->id || !TakesReplicas(*replacement)) {
      return Refused(Name(other) + " cannot take the place of " + Name(node->id),
                     "give another node of the cluster that is active");
    }
    if (silent.contains(other)) {
      return Refused(Name(other) + " cannot be heard", "start it, or give another");
    }
    Substitute(&next, node->id, other, headways);
  }
  if (node->state == NodeState::kActive) {
    const bool accepted = request.accept_fewer_copies();
    if (Status status = CheckLeave(state, node->id, accepted, silent); !status.ok()) return status;
  }
  node->state = NodeState::kDraining;
  node->removing = node->removing || removes;
  Replan(&next, headways);
  std::string event = Name(NodeId(request.node()));
  switch (request.kind()) {
    case proto::ChangeNode::REPLACE:
      event += " is being replaced by " + Name(NodeId(request.replacement()));
      break;
    case proto::ChangeNode::REMOVE: event += " is being removed"; break;
    default: event += " is being drained";
  }
  return Finish(state, std::move(next), std::move(event));
}

}  // namespace

Result<Change> Join(const State& state, const proto::JoinCluster& request, bool dead) {
  if (Status status = CheckJoin(state, request); !status.ok()) return status;
  const Result<Incarnation> incarnation =
      wire::DecodeId<Incarnation>(request.incarnation(), "a node's incarnation");
  if (!incarnation.ok()) return incarnation.status();
  if (incarnation->empty()) return Wrong("a node without an incarnation", "update the node");
  State next = state;
  const NodeId id(request.node());
  if (NodeInfo* node = Find(&next, id); node != nullptr && node->state != NodeState::kGone) {
    const bool same = node->incarnation == *incarnation;
    if (!same && !dead) {
      return Wrong(Name(id) + " is a member already, with another data directory",
                   "give another id, or stop that node and wait some seconds");
    }
    node->incarnation = *incarnation;
    node->address = request.address();
    return Finish(state, std::move(next),
                  Name(id) + (same ? " is now" : " begins anew, with an empty directory,") +
                      " at " + request.address());
  }
  NodeInfo joined;
  if (const NodeInfo* gone = state.map.FindNode(id);
      gone != nullptr && gone->incarnation == *incarnation) {
    return Wrong(Name(id) + " was removed, and its data directory with it",
                 "delete the directory: an empty one may join");
  }
  joined.id = id;
  joined.address = request.address();
  joined.zone = ZoneOf(request.zone(), id);
  joined.weight = request.weight();
  joined.state = NodeState::kJoining;
  joined.incarnation = *incarnation;
  std::erase_if(next.map.nodes, [id](const NodeInfo& node) { return node.id == id; });
  const auto place = std::ranges::lower_bound(next.map.nodes, id, {}, &NodeInfo::id);
  next.map.nodes.insert(place, joined);
  return Finish(state, std::move(next), Name(id) + " joins at " + joined.address);
}

Result<Change> ChangeNode(const State& state, const proto::ChangeNode& request,
                          const Headways& headways, const std::set<NodeId>& silent) {
  const NodeInfo* node = state.map.FindNode(NodeId(request.node()));
  if (node == nullptr) {
    return Refused("the cluster has no " + Name(NodeId(request.node())),
                   "ringfortctl nodes lists them");
  }
  State next = state;
  if (node->state == NodeState::kGone) {
    if (request.kind() == proto::ChangeNode::REMOVE) return Finish(state, std::move(next), "");
    return Refused(Name(node->id) + " is gone", "its id may join again");
  }
  NodeInfo* changed = Find(&next, node->id);
  switch (request.kind()) {
    case proto::ChangeNode::DRAIN:
    case proto::ChangeNode::REMOVE:
    case proto::ChangeNode::REPLACE: return Leave(state, request, headways, silent);
    case proto::ChangeNode::UNDRAIN:
      if (node->state != NodeState::kDraining) return Finish(state, std::move(next), "");
      changed->state = NodeState::kActive;
      changed->removing = false;
      Replan(&next, headways);
      return Finish(state, std::move(next), Name(node->id) + " takes replicas again");
    case proto::ChangeNode::SET_WEIGHT:
      if (request.weight() < 1 || request.weight() > ring::kWeightMax) {
        return Wrong("a weight of " + std::to_string(request.weight()), "give 1 to 1000");
      }
      changed->weight = request.weight();
      Replan(&next, headways);
      return Finish(state, std::move(next),
                    Name(node->id) + " has weight " + std::to_string(request.weight()));
    case proto::ChangeNode::SET_ZONE:
      if (!request.zone().empty() && !IsZone(request.zone())) {
        return Wrong("the zone is none", "1 to 64 of letters, digits, - _ and .");
      }
      changed->zone = ZoneOf(request.zone(), node->id);
      Replan(&next, headways);
      return Finish(state, std::move(next), Name(node->id) + " is in zone " + changed->zone);
    default: return Wrong("a change of a node that is not known here", "update the older program");
  }
}

Result<Change> Rebalance(const State& state, proto::Rebalance::Kind kind,
                         const Headways& headways) {
  State next = state;
  switch (kind) {
    case proto::Rebalance::DRY_RUN:
    case proto::Rebalance::START: {
      Replan(&next, headways);
      return Finish(state, std::move(next), "rebalance");
    }
    case proto::Rebalance::PAUSE:
      next.paused = true;
      return Finish(state, std::move(next), "moves are paused");
    case proto::Rebalance::RESUME:
      next.paused = false;
      return Finish(state, std::move(next), "moves go on");
    case proto::Rebalance::CANCEL: {
      for (auto& [shard, move] : next.map.moves) {
        if (move.cause == ring::MoveCause::kBalance) move.to = state.map.PlaceOf(shard);
      }
      std::erase_if(next.map.moves, [&](const auto& one) {
        if (one.second.cause != ring::MoveCause::kBalance) return false;
        const Headway headway = headways(one.first);
        return headway == Headway::kNone || headway == Headway::kUnknown;
      });
      return Finish(state, std::move(next), "moves for balance are cancelled");
    }
    default: return Wrong("a rebalance that is not known here", "update the older program");
  }
}

}  // namespace ringfort::meta
