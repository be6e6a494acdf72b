// How a cluster comes to be, once: the configured node with the lowest id waits until all
// configured nodes say that they are empty, makes the creation record, and everybody stores it
// before anybody votes (protocols 1).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/ids.h"
#include "base/random.h"
#include "base/time.h"
#include "env/loop.h"
#include "env/transport.h"
#include "ring/cluster_config.h"
#include "ring/cluster_map.h"
#include "ringfort/peer.pb.h"
#include "ringfort/status.h"

namespace ringfort::node {

/// The record of a new cluster of these nodes: the first placement, with a replica id for each
/// member. `level` is what all of them know.
proto::CreationRecord MakeRecord(const ring::ClusterConfig& config,
                                 const std::map<NodeId, Incarnation>& incarnations,
                                 ClusterId cluster_id, Duration longest_promise,
                                 FeatureLevel level = {});

/// The first map of the cluster, as the record says. kCorruption for a record that MakeRecord does
/// not make.
Result<ring::ClusterMap> MapOf(const proto::CreationRecord& record);

/// Whether the record names this directory as one of the cluster's first.
bool IsNamed(const proto::CreationRecord& record, const env::PeerIdentity& who);
/// Whether the record has a node of that number, be it another directory.
bool HasNode(const proto::CreationRecord& record, NodeId node);

/// An error for a node that would ask for longer promises than the cluster was created with: others
/// that were just made or started wait no longer than those (protocols 3).
Status CheckLease(const proto::CreationRecord& record, Duration lease);

/// Lives on the control loop.
class Creation {
 public:
  struct Doors {
    env::Loop* control;
    env::Transport* transport;
    /// Stores the record durably and calls `done` on the control loop; then it is in force.
    std::function<void(const proto::CreationRecord& record, std::function<void(Status)> done)>
        store;
    /// The record is stored: begin. Called once.
    std::function<void(const proto::CreationRecord& record)> begin;
    /// For the operator's eyes.
    std::function<void(const std::string& line)> log;
  };

  Creation(ring::ClusterConfig config, env::PeerIdentity self, Duration longest_promise,
           std::optional<proto::CreationRecord> record, Random random, Doors doors);

  void Start();
  void OnConnected(const env::PeerIdentity& peer, bool has_record);
  void OnQuestion(const env::PeerIdentity& from);
  void OnAnswer(const env::PeerIdentity& from, const proto::CreationAnswer& answer);
  void OnRecord(const env::PeerIdentity& from, const proto::CreationRecord& record);

  [[nodiscard]] const std::optional<proto::CreationRecord>& record() const { return record_; }
  /// What the node waits for before it serves, and what to do; empty when it has begun.
  [[nodiscard]] std::string waiting_for() const;

 private:
  [[nodiscard]] bool Creates() const;
  void CreateIfAllEmpty();
  void Take(const proto::CreationRecord& record);
  void HandOut(NodeId to);

  const ring::ClusterConfig config_;
  const env::PeerIdentity self_;
  const Duration longest_promise_;
  std::optional<proto::CreationRecord> record_;
  Random random_;
  const Doors doors_;
  /// Nodes that said they are empty, with who they are. The node itself among them.
  std::map<NodeId, Incarnation> empty_;
  /// Somebody has a record: none is made here.
  bool exists_elsewhere_ = false;
  /// A record that does not name this directory was seen.
  bool left_out_ = false;
  bool storing_ = false;
  /// What all who answered know, this node among them.
  FeatureLevel level_;
};

}  // namespace ringfort::node
