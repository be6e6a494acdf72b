// A machine with one storage node on it: a disk that outlives the process, and the process.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "node/meta_recovery.h"
#include "node/node.h"
#include "ring/cluster_config.h"
#include "ringfort/disk.pb.h"
#include "storage/identity_store.h"
#include "tests/sim/cluster/events.h"
#include "tests/sim/cluster/loops.h"
#include "tests/sim/cluster/network.h"
#include "tests/sim/cluster/watch.h"
#include "tests/sim/log_store/memory_log_store.h"
#include "tests/sim/shard_store/memory_shard_store.h"

namespace ringfort::sim {

class SimulatedNode {
 public:
  /// `complain` is told what is wrong with the node and no fault explains; `watch` sees its doors.
  SimulatedNode(Events* events, Network* network, node::NodeOptions options,
                ring::ClusterConfig config, NodeId id, Random random, Complain complain,
                Watch* watch);
  ~SimulatedNode();

  /// Of a node that the config does not name: nothing before it has joined.
  void Start();
  [[nodiscard]] bool waits_to_join() const { return joins_; }
  /// Its directory was lost since it joined.
  [[nodiscard]] bool joined_before() const { return joined_before_; }
  [[nodiscard]] Incarnation incarnation() const { return incarnation_; }
  /// The cluster has taken the node in.
  void EnterCluster(const proto::JoinedCluster& joined);
  /// kill -9, or the power goes.
  void Kill(Unsynced fate);
  [[nodiscard]] bool running() const { return process_ != nullptr; }
  /// SIGTERM: hands over what it leads, then ends, and is started again some time later.
  void Leave();
  /// The data directory is lost: what starts next is another incarnation.
  void Wipe();
  /// The disk is put back from the copy that was made at an earlier start, if there is one: the
  /// directory as it was then. Until it is wiped. `known_by`: who has stored a start that it lacks.
  bool PutBackCopy(std::set<NodeId> known_by);
  [[nodiscard]] bool is_put_back() const { return put_back_; }
  /// Whether the directory of this node, which another one's start was counted by, remembers it.
  [[nodiscard]] bool Remembers(const env::PeerIdentity& start) const;
  /// The newest start of its directory.
  [[nodiscard]] env::PeerIdentity newest_start() const;
  /// No process runs. What `ringfortd --recover_cluster_from_this_copy` does: the copy of the meta
  /// group that is there.
  Result<raft::Copy> RecoverMeta(bool dry_run);
  /// The disk of the log is not mounted: no process starts.
  void SetAbsent(bool absent) { absent_ = absent; }
  /// The data of one replica can no longer be read in full. Nobody knows until they are read.
  void DamageData();
  /// The same of that shard's replica, found by a process that ended for it: the next one, some
  /// time later, knows from its start. `lost`: as good as nothing of them is left.
  void DamageDataKnown(ShardId shard, bool lost);
  /// Data that count are damaged: of that shard, of any, or of any and nobody may know.
  [[nodiscard]] bool IsDamaged(ShardId shard) const;
  [[nodiscard]] bool has_damaged_data() const;
  [[nodiscard]] bool has_unknown_damage() const;
  /// The next write to the log fails: the process ends, and is started again some time later.
  void FailDisk();
  /// The loop that is not the control loop does not turn for so long.
  void HangLoop(Duration how_long);
  /// Nothing of the process runs for so long. Not while it is frozen already: what was put off
  /// keeps its order.
  void Freeze(Duration how_long);
  /// Somebody sets what the machine's wall shows, while it runs or between two processes.
  void JumpWall(Duration by);
  /// The release that starts next knows feature levels up to this one.
  void Install(FeatureLevel knows) { installed_ = knows; }
  [[nodiscard]] FeatureLevel installed() const { return installed_; }
  /// What the process that runs knows.
  [[nodiscard]] FeatureLevel knows() const { return knows_; }
  /// How long a write and its sync take from now on.
  void SetDisk(Duration least, Duration most) {
    write_least_ = least;
    write_most_ = most;
  }

  [[nodiscard]] NodeId id() const { return id_; }
  /// The process that runs, null when none does.
  [[nodiscard]] const Process* process() const {
    return process_ == nullptr ? nullptr : &process_->state;
  }
  node::Node& node() { return *process_->node; }
  MemoryShardStore& shards() { return shards_; }
  [[nodiscard]] const MemoryLogStore& log() const { return log_; }

 private:
  class Identity final : public storage::IdentityStore {
   public:
    Status Save(std::string_view bytes) override {
      stored = std::string(bytes);
      return Status::Ok();
    }
    std::string stored;
  };
  /// What dies with a kill. The node goes before what it stands on.
  struct Running {
    Running(Events* events, Network* network, const DriftingClock* clock, NodeId id, Random random);
    Process state;
    std::vector<std::unique_ptr<SimLoop>> loops;
    SimPool pool;
    SimTransport transport;
    std::unique_ptr<node::Node> node;
  };
  /// A disk, and which start it was copied before.
  struct Copy {
    std::shared_ptr<const MemoryLogStore::Disk> log;
    MemoryShardStore::Disk shards;
    std::string identity;
  };
  void CountBoot(proto::Identity* identity);
  node::NodeDoors Doors();
  [[nodiscard]] bool Counts(storage::ShardStore::Name name) const;
  [[nodiscard]] bool IsUnexplained(const std::string& line) const;
  /// An empty directory has drawn its incarnation.
  void DrawIdentity();
  void OnFatal(const Status& status);
  /// The process is of a release that the cluster has left behind.
  void OnTooOld();
  /// Nothing may be stored here that the process does not understand.
  void CheckUnderstands(const storage::LogUpdate& update);

  Events* const events_;
  Network* const network_;
  const node::NodeOptions options_;
  const ring::ClusterConfig config_;
  const NodeId id_;
  Random random_;
  Random damage_random_;
  /// What was damaged, and whether the node knew at once.
  std::map<storage::ShardStore::Name, bool> damaged_;
  Random life_random_;
  std::optional<Copy> copy_;
  bool put_back_ = false;
  bool absent_ = false;
  const Complain complain_;
  Watch* const watch_;
  const DriftingClock clock_;
  SimWallClock wall_;
  Duration write_least_;
  Duration write_most_;
  MemoryLogStore log_;
  MemoryShardStore shards_;
  Identity identity_;
  std::unique_ptr<Running> process_;
  /// The disk was made to fail; the process was asked to stop.
  bool disk_fails_ = false;
  bool leaving_ = false;
  FeatureLevel installed_ = features::kNewest;
  /// Of the process that runs, or ran last; and the most that any before it knew.
  FeatureLevel knows_;
  FeatureLevel knew_;
  Incarnation incarnation_;
  bool joins_ = false;
  bool joined_before_ = false;
};

}  // namespace ringfort::sim
