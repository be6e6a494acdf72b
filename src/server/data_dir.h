// A node's data directory: whose it is, and that only one process has it.
//
//   DIR/identity   who this directory is (proto::Identity), replaced atomically
//   DIR/log/       the replicated log (src/wal)
//   DIR/data/      the shards' data (src/rocks)
//   DIR/log.damaged-7, DIR/data.damaged-7   what boot 7 quarantined: only `--bring_back` reads it
#pragma once

#include <memory>
#include <string>

#include "base/ids.h"
#include "ringfort/disk.pb.h"
#include "ringfort/meta.pb.h"
#include "ringfort/status.h"
#include "storage/identity_store.h"

namespace ringfort::server {

class DataDir final : public storage::IdentityStore {
 public:
  /// Opens the directory, or makes it in an existing parent. An empty one draws an incarnation,
  /// synced before anything else (protocols 1). kInvalidArgument or kWrongCluster for another
  /// node's or cluster's (no name: any cluster's, or none yet), kConditionFailed for that of a node
  /// which the cluster has removed, kIoError where it cannot be read,
  /// written or locked, kCorruption for a damaged one.
  static Result<std::unique_ptr<DataDir>> Open(const std::string& path, NodeId node,
                                               const std::string& cluster_name);
  /// That of a stopped node, whoever it belongs to. Makes none: kInvalidArgument.
  static Result<std::unique_ptr<DataDir>> OpenStopped(const std::string& path);
  ~DataDir() override;
  DataDir(const DataDir&) = delete;
  DataDir& operator=(const DataDir&) = delete;

  [[nodiscard]] const proto::Identity& identity() const { return identity_; }
  [[nodiscard]] Incarnation incarnation() const { return incarnation_; }
  /// Whether a process has opened its stores here before: then they must be there.
  [[nodiscard]] bool has_stores() const { return identity_.boot() > 0 && !setting_aside(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string log_dir() const { return path_ + "/log"; }
  [[nodiscard]] std::string data_dir() const { return path_ + "/data"; }

  /// Whether stores were being quarantined when the process before ended.
  [[nodiscard]] bool setting_aside() const { return identity_.setting_aside() != 0; }
  /// Whether other nodes have what this one holds, so that they can fill it again.
  [[nodiscard]] bool has_peers() const;
  /// Whether a cluster has taken the node in, so that there were replicas.
  [[nodiscard]] bool has_replicas() const { return identity_.has_record(); }
  /// Notes durably that the stores are damaged and nothing of them counts, and moves them aside.
  /// Nobody has them open.
  Status SetStoresAside();
  /// The same of stores that an operator gives up, damaged or not: the directory is another one
  /// from now on, with an incarnation of its own, as an empty one would be.
  Status GiveStoresUp();
  /// Moves aside what a process before was cut short in moving. What stands at the places of the
  /// stores then is new. Any number of times; lasts when it returns.
  Status FinishSettingAside();
  /// Where a store of that directory goes.
  [[nodiscard]] std::string AsideOf(const std::string& store_dir) const {
    return AsideOf(store_dir, identity_.setting_aside());
  }
  [[nodiscard]] static std::string AsideOf(const std::string& store_dir, std::uint64_t number) {
    return store_dir + ".damaged-" + std::to_string(number);
  }

  /// Whether a peer has refused this directory as an old copy, and none has taken it since.
  [[nodiscard]] bool is_old_copy() const { return identity_.lineage().refused_by() != 0; }

  /// The newest stores that were quarantined here and are still there; 0: none.
  [[nodiscard]] std::uint64_t newest_set_aside() const;

  /// Stores the next boot number with a nonce for it, in one write, and that the stores of now
  /// count: before the first hello, once they are open. `log_batches` as Wal::batches_at_open()
  /// tells it.
  Status CountBoot(std::uint64_t log_batches);
  Status Save(std::string_view bytes) override;
  /// The same, and identity() is that one from now on. Of a directory whose node does not run.
  Status Replace(const proto::Identity& identity);
  /// The cluster has taken the node in: notes it durably. No replica is made here but by primaries.
  Status EnterCluster(const proto::JoinedCluster& joined);

 private:
  explicit DataDir(std::string path) : path_(std::move(path)) {}
  Status Lock();
  Status LoadIdentity(NodeId node, const std::string& cluster_name);
  Status BeginSettingAside(proto::SetAside* aside);
  [[nodiscard]] std::string identity_file() const { return path_ + "/identity"; }

  const std::string path_;
  int lock_ = -1;
  proto::Identity identity_;
  Incarnation incarnation_;
};

}  // namespace ringfort::server
