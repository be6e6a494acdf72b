#include "server/data_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <random>
#include <utility>

#include "features/features.h"
#include "server/store_presence.h"
#include "wal/file.h"
#include "wal/identity_file.h"
#include "wire/id_codec.h"

namespace ringfort::server {
namespace {

Status IoError(const std::string& path, int error, const std::string& what_to_do) {
  return Status(Code::kIoError, path + ": " + std::strerror(error) + " (" + what_to_do + ")");
}

/// Starts that a lineage remembers: a peer that was away for more cannot tell an old copy by it.
constexpr int kLivesMax = 256;

std::uint64_t Draw() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | static_cast<std::uint64_t>(device());
}

/// Values are nobody else's business.
constexpr mode_t kMode = 0700;

/// Takes the directory, if it is there, away from others than its user. kInvalidArgument where
/// others can write: what is in it may be anybody's.
Status KeepPrivate(const std::string& dir) {
  struct stat facts {};
  if (::stat(dir.c_str(), &facts) != 0) return Status::Ok();  // Whoever opens it says why.
  if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return {Code::kInvalidArgument,
            dir +
                ": its group, or others, can write it (see that its files are yours, then: chmod "
                "-R go-rwx " +
                dir + ")"};
  }
  if ((facts.st_mode & (S_IRWXG | S_IRWXO)) == 0) return Status::Ok();
  if (::chmod(dir.c_str(), facts.st_mode & kMode) == 0) return Status::Ok();
  return IoError(dir, errno, "others can read it: chmod go-rwx " + dir);
}

Incarnation DrawIncarnation() {
  Incarnation drawn;
  while (drawn.empty()) drawn = Incarnation{Draw(), Draw()};
  return drawn;
}

void AddLife(std::uint64_t boot, proto::Lineage* lineage) {
  proto::Life* life = lineage->add_lives();
  life->set_boot(boot);
  while (life->nonce() == 0) life->set_nonce(Draw());
  auto* lives = lineage->mutable_lives();
  lives->DeleteSubrange(0, std::max(0, lives->size() - kLivesMax));
}

}  // namespace

Result<std::unique_ptr<DataDir>> DataDir::Open(const std::string& path, NodeId node,
                                               const std::string& cluster_name) {
  if (::mkdir(path.c_str(), kMode) != 0 && errno != EEXIST) {
    return IoError(path, errno, "give --data_dir a directory that can be made, in one that exists");
  }
  std::unique_ptr<DataDir> dir(new DataDir(path));
  for (const std::string& each : {path, dir->log_dir(), dir->data_dir()}) {
    if (Status status = KeepPrivate(each); !status.ok()) return status;
  }
  if (Status status = dir->Lock(); !status.ok()) return status;
  if (Status status = dir->LoadIdentity(node, cluster_name); !status.ok()) return status;
  return dir;
}

Result<std::unique_ptr<DataDir>> DataDir::OpenStopped(const std::string& path) {
  const auto stored = wal::LoadBlob(path + "/identity");
  if (!stored.ok()) return stored.status();
  proto::Identity identity;
  if (!stored->has_value() || !identity.ParseFromString(**stored)) {
    return Status(Code::kInvalidArgument,
                  path + ": it is no node's data directory (give the right --data_dir)");
  }
  return Open(path, NodeId(identity.node()), "");
}

DataDir::~DataDir() {
  if (lock_ >= 0) ::close(lock_);
}

Status DataDir::Lock() {
  lock_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ < 0) return IoError(path_, errno, "give --data_dir a directory");
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    return Status(Code::kIoError,
                  path_ + ": another process uses this data directory (stop that one first)");
  }
  if (::access(path_.c_str(), W_OK | X_OK) != 0) {
    return IoError(path_, errno, "make the data directory writable for this user");
  }
  return Status::Ok();
}

Status DataDir::LoadIdentity(NodeId node, const std::string& cluster_name) {
  auto stored = wal::LoadBlob(identity_file());
  if (!stored.ok()) return stored.status();
  if (!stored->has_value()) {
    if (std::filesystem::exists(log_dir()) || std::filesystem::exists(data_dir())) {
      return Status(
          Code::kCorruption,
          path_ +
              ": it holds a node's data, but the file that says whose is gone "
              "(bring back the file `identity` as it was, or keep this directory and give an "
              "empty one, which the other nodes fill)");
    }
    incarnation_ = DrawIncarnation();
    identity_.set_node(node.value());
    identity_.set_incarnation(wire::EncodeId(incarnation_));
    identity_.set_cluster_name(cluster_name);
    return Save(identity_.SerializeAsString());
  }
  if (!identity_.ParseFromString(**stored)) {
    return Status(
        Code::kCorruption,
        identity_file() +
            ": cannot be read (keep this directory and give an empty one, which the other "
            "nodes fill)");
  }
  if (identity_.format() != 0) return features::UnknownFormat(identity_file());
  if (const FeatureLevel level(identity_.map().feature_level()); level > features::kNewest) {
    return features::TooNew("cluster \"" + identity_.cluster_name() + "\"", level,
                            identity_.map().feature_release());
  }
  auto incarnation = wire::DecodeId<Incarnation>(identity_.incarnation(), "incarnation");
  if (!incarnation.ok() || incarnation->empty()) {
    return Status(Code::kCorruption,
                  identity_file() +
                      ": it names no incarnation (keep this directory and give an empty one, which "
                      "the other nodes fill)");
  }
  incarnation_ = *incarnation;
  if (NodeId(identity_.node()) != node) {
    return Status(Code::kInvalidArgument, path_ + ": it is the data directory of node " +
                                              std::to_string(identity_.node()) + ", not of node " +
                                              std::to_string(node.value()) +
                                              " (give the right --node or another --data_dir)");
  }
  if (!identity_.has_record() && identity_.cluster_name().empty()) {
    identity_.set_cluster_name(cluster_name);  // It was to join a cluster, and came into none.
  }
  if (!cluster_name.empty() && identity_.cluster_name() != cluster_name) {
    return Status(Code::kWrongCluster, path_ + ": it belongs to cluster \"" +
                                           identity_.cluster_name() + "\", not to \"" +
                                           cluster_name +
                                           "\" (give the right --config or another --data_dir)");
  }
  const bool removed =
      std::ranges::any_of(identity_.map().nodes(), [node](const proto::MapNode& one) {
        return NodeId(one.id()) == node && one.state() == proto::GONE;
      });
  if (removed) {
    return Status(Code::kConditionFailed,
                  path_ + ": node " + std::to_string(node.value()) +
                      " was removed from cluster \"" + identity_.cluster_name() +
                      "\", and this data directory with it (to take the node in again, delete the "
                      "directory and start with --join)");
  }
  return Status::Ok();
}

Status DataDir::EnterCluster(const proto::JoinedCluster& joined) {
  proto::ClusterMap map;
  if (!map.ParseFromString(joined.map())) {
    return Status(Code::kCorruption,
                  "the cluster's map cannot be read (use programs of one release)");
  }
  if (identity_.has_record() && identity_.record().cluster_id() != joined.record().cluster_id()) {
    return Status(Code::kWrongCluster,
                  path_ + ": it belongs to cluster \"" + identity_.cluster_name() +
                      "\", and the seeds of --join to another (give the right seeds, or another "
                      "--data_dir)");
  }
  if (const FeatureLevel level(map.feature_level()); level > features::kNewest) {
    return features::TooNew("cluster \"" + joined.record().cluster_name() + "\"", level,
                            map.feature_release());
  }
  identity_.set_cluster_name(joined.record().cluster_name());
  // How the cluster began, a directory that was there knows better.
  if (!identity_.has_record()) *identity_.mutable_record() = joined.record();
  *identity_.mutable_map() = std::move(map);
  identity_.set_replicas_made(true);
  return Save(identity_.SerializeAsString());
}

bool DataDir::has_peers() const {
  return !identity_.has_record() ||
         std::min<int>(identity_.record().nodes_size(),
                       static_cast<int>(identity_.record().replicas())) > 1;
}

std::uint64_t DataDir::newest_set_aside() const {
  for (int i = identity_.set_aside_size() - 1; i >= 0; --i) {
    const std::uint64_t number = identity_.set_aside(i).number();
    for (const std::string& store : {log_dir(), data_dir()}) {
      std::error_code unknown;  // Then it is not there for this process.
      if (std::filesystem::exists(AsideOf(store, number), unknown)) return number;
    }
  }
  return 0;
}

Status DataDir::BeginSettingAside(proto::SetAside* aside) {
  identity_.set_setting_aside(identity_.boot() + 1);
  aside->set_number(identity_.setting_aside());
  aside->set_log_batches(identity_.log_batches());
  identity_.set_log_batches(0);
  // Whatever replicas were made here are lost: none may be made as a voter again.
  identity_.set_replicas_made(identity_.has_record());
  if (Status status = Save(identity_.SerializeAsString()); !status.ok()) return status;
  return FinishSettingAside();
}

Status DataDir::SetStoresAside() {
  return BeginSettingAside(identity_.add_set_aside());
}

Status DataDir::GiveStoresUp() {
  proto::SetAside* aside = identity_.add_set_aside();
  aside->set_incarnation(identity_.incarnation());
  aside->mutable_lineage()->Swap(identity_.mutable_lineage());
  identity_.clear_lineage();
  incarnation_ = DrawIncarnation();
  identity_.set_incarnation(wire::EncodeId(incarnation_));
  return BeginSettingAside(aside);
}

// A store that has no counterpart aside is moved; it may be an empty one that was made to begin
// anew, where the damage was that there was none, and nothing is lost by that.
// Where nothing of a store is left there is nothing to move; the place may be where a disk is
// mounted.
Status DataDir::FinishSettingAside() {
  for (const auto& [store, kind] :
       {std::pair(log_dir(), StoreKind::kLog), std::pair(data_dir(), StoreKind::kData)}) {
    std::error_code error;
    const bool leads_nowhere =
        std::filesystem::is_symlink(store, error) && !std::filesystem::exists(store, error);
    const Result<std::string> absent = WhyAbsent(store, kind);
    if (!absent.ok()) return absent.status();
    const bool moved = std::filesystem::exists(AsideOf(store), error);
    if (!error && !moved && (absent->empty() || leads_nowhere)) {
      std::filesystem::rename(store, AsideOf(store), error);
    }
    if (error && error != std::errc::no_such_file_or_directory) {
      return Status(Code::kIoError, store + ": " + error.message() + " (move it to " +
                                        AsideOf(store) + " yourself)");
    }
  }
  auto directory = wal::Directory::Open(path_);
  return directory.ok() ? (*directory)->Sync() : directory.status();
}

Status DataDir::CountBoot(std::uint64_t log_batches) {
  identity_.set_boot(identity_.boot() + 1);
  AddLife(identity_.boot(), identity_.mutable_lineage());
  identity_.set_log_batches(log_batches);
  identity_.clear_setting_aside();
  return Save(identity_.SerializeAsString());
}

Status DataDir::Replace(const proto::Identity& identity) {
  if (Status status = Save(identity.SerializeAsString()); !status.ok()) return status;
  identity_ = identity;
  return Status::Ok();
}

Status DataDir::Save(std::string_view bytes) {
  return wal::SaveBlob(identity_file(), bytes);
}

}  // namespace ringfort::server
