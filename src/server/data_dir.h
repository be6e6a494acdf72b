// A node's data directory: whose it is, and that only one process has it.
//
//   DIR/identity   who this directory is (proto::Identity), replaced atomically
//   DIR/log/       the replicated log (src/wal)
//   DIR/data/      the shards' data (src/rocks)
//   DIR/log.damaged-7, DIR/data.damaged-7   what boot 7 found damaged, and no program reads again
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
  ~DataDir() override;
  DataDir(const DataDir&) = delete;
  DataDir& operator=(const DataDir&) = delete;

  [[nodiscard]] const proto::Identity& identity() const { return identity_; }
  [[nodiscard]] Incarnation incarnation() const { return incarnation_; }
  /// Whether a process has opened its stores here before: then they must be there.
  [[nodiscard]] bool has_stores() const { return identity_.boot() > 0 && !setting_aside(); }
  [[nodiscard]] std::string log_dir() const { return path_ + "/log"; }
  [[nodiscard]] std::string data_dir() const { return path_ + "/data"; }

  /// Whether damaged stores were being set aside when the process before ended.
  [[nodiscard]] bool setting_aside() const { return identity_.setting_aside() != 0; }
  /// Whether other nodes have what this one holds, so that they can fill it again.
  [[nodiscard]] bool has_peers() const;
  /// Notes durably that the stores are damaged and nothing of them counts, and moves them aside.
  /// Nobody has them open.
  Status SetStoresAside();
  /// Moves aside what a process before was cut short in moving. What stands at the places of the
  /// stores then is new. Any number of times; lasts when it returns.
  Status FinishSettingAside();
  /// Where a store of that directory goes.
  [[nodiscard]] std::string AsideOf(const std::string& store_dir) const;

  /// Stores the next boot number, and that the stores of now count: before the first hello, once
  /// they are open. `log_batches` as Wal::batches_at_open() tells it.
  Status CountBoot(std::uint64_t log_batches);
  Status Save(std::string_view bytes) override;
  /// The cluster has taken the node in: notes it durably. No replica is made here but by primaries.
  Status EnterCluster(const proto::JoinedCluster& joined);

 private:
  explicit DataDir(std::string path) : path_(std::move(path)) {}
  Status Lock();
  Status LoadIdentity(NodeId node, const std::string& cluster_name);
  [[nodiscard]] std::string identity_file() const { return path_ + "/identity"; }

  const std::string path_;
  int lock_ = -1;
  proto::Identity identity_;
  Incarnation incarnation_;
};

}  // namespace ringfort::server
