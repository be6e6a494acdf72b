// Puts a node together: disk, loops, sockets and the node between them; and takes it apart again.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/blocking_pool.h"
#include "net/clocks.h"
#include "net/event_loop.h"
#include "net/peer_links.h"
#include "net/server.h"
#include "node/node.h"
#include "ring/cluster_config.h"
#include "ringfort/status.h"
#include "rocks/rocks_store.h"
#include "server/data_dir.h"
#include "server/descriptors.h"
#include "server/disk_watch.h"
#include "server/server_flags.h"
#include "wal/wal.h"

namespace ringfort::server {

class Server final : private net::RequestHandler {
 public:
  struct Doors {
    /// The cluster has removed the node, which is to stop. Any thread, more than once perhaps.
    std::function<void()> on_removed;
    /// Lines of the log that nobody read. Any thread.
    std::function<std::uint64_t()> dropped_log_lines;
  };
  /// Opens everything and begins to serve. Not ok: one line with cause and next step; nothing runs.
  static Result<std::unique_ptr<Server>> Start(const ServerFlags& flags, Doors doors);
  /// Stops politely: takes nothing new, answers what waits, closes the disk.
  ~Server() override;

 private:
  Server(const ServerFlags& flags, Doors doors) : flags_(flags), doors_(std::move(doors)) {}
  Result<ring::ClusterConfig> OpenAsConfigured();
  Result<ring::ClusterConfig> OpenToJoin();
  Status OpenDisk(const std::string& cluster_name);
  Status OpenNode(ring::ClusterConfig config);
  [[nodiscard]] node::NodeOptions MakeNodeOptions() const;
  void OnRequests(std::span<net::IncomingRequest> batch) override;
  void OnEvent(const std::string& line);
  [[nodiscard]] net::LocalIdentity Identity() const;
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> Counters() const;

  const ServerFlags flags_;
  const Doors doors_;
  /// Where this node listens.
  std::string address_;
  net::SystemWallClock wall_;
  DescriptorBudget descriptors_;
  // In the order in which they are built; taken apart by the destructor in its own.
  std::unique_ptr<DataDir> dir_;
  /// As of the start.
  std::uint64_t newest_set_aside_ = 0;
  std::unique_ptr<wal::Wal> log_;
  std::unique_ptr<rocks::RocksStore> shards_;
  std::vector<std::unique_ptr<net::EventLoop>> loops_;
  std::unique_ptr<net::BlockingPool> pool_;
  std::unique_ptr<net::BlockingPool> chunk_pool_;
  std::unique_ptr<net::BlockingPool> shard_pool_;
  std::unique_ptr<env::TransportEvents> late_events_;
  std::unique_ptr<net::PeerLinks> links_;
  std::unique_ptr<node::Node> node_;
  std::unique_ptr<DiskWatch> disk_watch_;
  std::unique_ptr<net::Listener> listener_;
  /// Lines of OnEvent in the second that began then.
  std::atomic<std::int64_t> event_second_{0};
  std::atomic<std::uint32_t> events_in_second_{0};
};

}  // namespace ringfort::server
