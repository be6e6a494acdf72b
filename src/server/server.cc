#include "server/server.h"

#include <glog/logging.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <future>
#include <optional>
#include <utility>

#include "features/features.h"
#include "node/creation.h"
#include "ringfort/version.h"
#include "server/config.h"
#include "server/join.h"
#include "server/log_lines.h"
#include "server/others_serve.h"
#include "server/stores.h"
#include "wire/id_codec.h"
#include "wire/map_codec.h"

namespace ringfort::server {
namespace {

constexpr std::size_t kPoolThreads = 4;
constexpr std::uint32_t kEventLinesPerSecond = 10;
/// How long a node with damaged stores waits for the others to serve.
constexpr Duration kOthersServeMax = std::chrono::seconds(20);

// Tries the port before anything is written, so that a second start by mistake leaves no trace. The
// listener binds it for good, later.
Status CheckPort(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  if (int error = ::getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found);
      error != 0) {
    return Status(Code::kInvalidArgument, address + ": " + ::gai_strerror(error) +
                                              " (give the node an address of this machine)");
  }
  const int fd = ::socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool bound = ::bind(fd, found->ai_addr, found->ai_addrlen) == 0 && ::listen(fd, 1) == 0;
  const int error = errno;
  ::close(fd);
  ::freeaddrinfo(found);
  if (bound) return Status::Ok();
  return Status(Code::kIoError, address + ": " + std::strerror(error) +
                                    " (stop what uses the port, or change the node's address)");
}

// Where the other nodes dial it, once the cluster has taken the directory in.
std::optional<std::string> KnownAddress(const proto::Identity& identity, NodeId self) {
  if (!identity.has_record()) return std::nullopt;
  for (const proto::MapNode& node : identity.map().nodes()) {
    if (NodeId(node.id()) == self) return node.address();
  }
  // No map was stored as long as the first one is in force.
  for (const proto::RecordNode& node : identity.record().nodes()) {
    if (!identity.has_map() && NodeId(node.node()) == self) return node.address();
  }
  return std::nullopt;
}

// The last line of a node that may not go on (protocols 4). No cleaning up: a disk that failed is
// not to be written any more.
[[noreturn]] void StopAtOnce(const Status& status) {
  LOG(ERROR) << "the node stops: " << status.ToString();
  LogLines::Flush();
  ::_exit(1);
}

}  // namespace

Result<std::unique_ptr<Server>> Server::Start(const ServerFlags& flags, Doors doors) {
  std::unique_ptr<Server> server(new Server(flags, std::move(doors)));
  auto config = flags.join.empty() ? server->OpenAsConfigured() : server->OpenToJoin();
  if (!config.ok()) return config.status();
  if (Status status = server->OpenNode(*std::move(config)); !status.ok()) return status;
  return server;
}

Result<ring::ClusterConfig> Server::OpenAsConfigured() {
  auto config = LoadClusterConfig(flags_.config);
  if (!config.ok()) return config;
  for (const ring::NodeInfo& node : config->nodes) {
    if (node.id == flags_.node) address_ = node.address;
  }
  if (address_.empty()) {
    return Status(Code::kInvalidArgument, "--node=" + std::to_string(flags_.node.value()) + ": " +
                                              flags_.config +
                                              " has no such node (give one of its ids)");
  }
  if (Status status = OpenDisk(config->cluster_name); !status.ok()) return status;
  const auto known = KnownAddress(dir_->identity(), flags_.node);
  if (known && *known != address_) {
    return Status(Code::kInvalidArgument,
                  flags_.config + ": node " + std::to_string(flags_.node.value()) + " is at " +
                      address_ + " here, but the cluster dials it at " + *known +
                      " (change that back, or start it once with --join and --listen=" + address_ +
                      " instead of --config to move it)");
  }
  return config;
}

// Whoever was taken in before goes on as it is, and asks only where its address is another.
Result<ring::ClusterConfig> Server::OpenToJoin() {
  address_ = flags_.listen;
  if (Status status = OpenDisk(""); !status.ok()) return status;
  if (!dir_->identity().has_map() || KnownAddress(dir_->identity(), flags_.node) != address_) {
    proto::JoinCluster request;
    request.set_node(flags_.node.value());
    request.set_address(address_);
    request.set_zone(flags_.zone);
    request.set_weight(flags_.weight);
    request.set_incarnation(wire::EncodeId(dir_->incarnation()));
    request.set_release(kVersion);
    request.set_knows_level(features::kNewest.value());
    const auto own =
        wire::DecodeId<ClusterId>(dir_->identity().record().cluster_id(), "cluster id");
    if (!own.ok()) return own.status();
    const auto joined = Join(flags_.join, *own, request, flags_.join_timeout);
    if (!joined.ok()) return joined.status();
    if (Status status = dir_->EnterCluster(*joined); !status.ok()) return status;
  }
  const auto map = wire::DecodeMap(dir_->identity().map());
  if (!map.ok()) return map.status();
  ring::ClusterConfig config;
  config.cluster_name = map->cluster_name;
  config.shards = map->shards();
  config.replicas = map->replicas;
  config.nodes = map->nodes;
  return config;
}

Status Server::OpenDisk(const std::string& cluster_name) {
  if (Status status = CheckPort(address_); !status.ok()) return status;
  auto dir = DataDir::Open(flags_.data_dir, flags_.node, cluster_name);
  if (!dir.ok()) return dir.status();
  dir_ = *std::move(dir);
  wal::Options log_options;
  log_options.segment_bytes = flags_.log_segment_bytes;
  log_options.durability = flags_.durability;
  rocks::Options shard_options;
  shard_options.block_cache_bytes = flags_.cache_bytes;
  shard_options.write_buffer_bytes = flags_.write_buffer_bytes;
  shard_options.background_bytes_per_second = flags_.background_bytes_per_second;
  shard_options.disk_reserve_bytes = flags_.disk_reserve_bytes;
  descriptors_ =
      DivideDescriptors(RaiseDescriptorLimit(), flags_.log_bytes / flags_.log_segment_bytes,
                        net::ListenerOptions().client_connections_max);
  shard_options.open_files_max = static_cast<int>(descriptors_.tables);
  GiveUpRules rules;
  rules.start_empty = flags_.start_empty;
  rules.others_serve = [this] {
    LOG(WARNING) << "the log or the data are damaged: asking the other nodes whether they serve "
                    "without them";
    return AwaitOthersServe(dir_->identity(), kOthersServeMax);
  };
  auto stores = OpenStores(dir_.get(), log_options, shard_options, StopAtOnce, rules);
  if (!stores.ok()) return stores.status();
  LOG(INFO) << "of its descriptors, " << descriptors_.tables << " are for tables, "
            << descriptors_.clients << " for clients";
  if (!stores->damage.empty()) LOG(ERROR) << stores->damage;
  log_ = std::move(stores->log);
  shards_ = std::move(stores->shards);
  newest_set_aside_ = dir_->newest_set_aside();
  return Status::Ok();
}

node::NodeOptions Server::MakeNodeOptions() const {
  node::NodeOptions options;
  raft::Options& raft = options.replica.raft;
  raft.election_timeout = flags_.election_timeout;
  raft.lease = flags_.lease;
  raft.longest_promise = flags_.lease;
  if (dir_->identity().has_record()) {
    const std::chrono::milliseconds longest(dir_->identity().record().longest_promise_ms());
    raft.longest_promise = std::max<Duration>(raft.longest_promise, longest);
  }
  raft.lease_reads = flags_.lease_reads;
  options.liveness.lease = flags_.lease;
  options.liveness.interval = flags_.heartbeat_interval;
  options.shard_loop.stall_max = flags_.election_timeout;
  // Two heartbeats before the timers of those who hear of nothing else run out.
  options.shard_loop.peer_silence_max = flags_.election_timeout - 2 * flags_.heartbeat_interval;
  options.log_keeper.log_bytes_max = flags_.log_bytes;
  options.snapshot_bytes_per_second = flags_.snapshot_bytes_per_second;
  options.meta.reconciler.repair_after = flags_.repair_after;
  return options;
}

Status Server::OpenNode(ring::ClusterConfig config) {
  if (const proto::Identity& identity = dir_->identity(); identity.has_record()) {
    const Status lease = node::CheckLease(identity.record(), flags_.lease);
    if (!lease.ok()) return lease;
  }
  for (int i = 0; i < flags_.io_threads; ++i) {
    loops_.push_back(std::make_unique<net::EventLoop>());
  }
  pool_ = std::make_unique<net::BlockingPool>(kPoolThreads);
  chunk_pool_ = std::make_unique<net::BlockingPool>(1);
  shard_pool_ = std::make_unique<net::BlockingPool>(1);
  node::NodeDoors doors;
  std::vector<net::EventLoop*> loops;
  for (const auto& loop : loops_) {
    loops.push_back(loop.get());
    doors.loops.push_back(loop.get());
  }
  // The links call the node, and the node the links: events can come only once Start has set the
  // peers.
  struct LateEvents final : env::TransportEvents {
    explicit LateEvents(Server* server) : server(server) {}
    void OnConnected(const env::PeerIdentity& peer, bool has_record) override {
      server->node_->OnConnected(peer, has_record);
    }
    void OnLinked(const env::PeerIdentity& peer, env::Lane lane, env::DialNumber dial) override {
      server->node_->OnLinked(peer, lane, dial);
    }
    void OnMessage(const env::PeerIdentity& from, env::Lane lane, std::string_view bytes) override {
      server->node_->OnMessage(from, lane, bytes);
    }
    void OnGone(const env::PeerIdentity& gone) override { server->node_->OnGone(gone); }
    void OnOldCopy(NodeId by, const std::string& why) override {
      server->node_->OnOldCopy(by, why);
    }
    Server* server;
  };
  late_events_ = std::make_unique<LateEvents>(this);
  auto identity = [this] { return Identity(); };
  auto event = [this](const std::string& line) { OnEvent(line); };
  links_ = std::make_unique<net::PeerLinks>(
      loops.front(), net::PeerLinks::Hooks{identity, late_events_.get(), event},
      dir_->incarnation().low);
  for (const env::PeerIdentity& seen : node::SeenLives::Stored(dir_->identity())) {
    links_->Remember(seen);
  }
  doors.pool = pool_.get();
  doors.chunk_pool = chunk_pool_.get();
  doors.shard_pool = shard_pool_.get();
  doors.transport = links_.get();
  doors.log = log_.get();
  doors.shards = shards_.get();
  doors.identity = dir_.get();
  doors.wall = &wall_;
  doors.on_fatal = StopAtOnce;
  doors.on_removed = doors_.on_removed;
  doors.log_line = [](const std::string& line) { LOG(INFO) << line; };
  doors.counters = [this] { return Counters(); };
  node_ = std::make_unique<node::Node>(MakeNodeOptions(), std::move(config), dir_->identity(),
                                       std::move(doors));
  disk_watch_ = std::make_unique<DiskWatch>(
      std::vector<std::string>{flags_.data_dir, dir_->log_dir(), dir_->data_dir()},
      flags_.disk_reserve_bytes, loops.front(), pool_.get(),
      [this](storage::DiskRoom room, const storage::DiskSpace& space) {
        node_->SetRoom(room, space.free_bytes);
      });
  net::ListenerHooks hooks;
  hooks.identity = identity;
  hooks.requests = this;
  hooks.peers = links_.get();
  hooks.on_event = event;
  net::ListenerOptions listener_options;
  listener_options.client_connections_max = descriptors_.clients;
  auto listener = net::Listener::Open(address_, loops, hooks, listener_options);
  if (!listener.ok()) return listener.status();
  listener_ = *std::move(listener);
  LOG(INFO) << "node " << flags_.node << " of cluster " << node_->cluster_name() << " at "
            << address_ << ", boot " << dir_->identity().boot() << ", incarnation "
            << dir_->incarnation();
  disk_watch_->Start();
  node_->Start();
  return Status::Ok();
}

Server::~Server() {
  if (node_ != nullptr) {
    std::promise<void> left;
    node_->Leave(flags_.stop_timeout, [&left] { left.set_value(); });
    left.get_future().wait();
  }
  if (listener_ != nullptr) listener_->StopAccepting();
  if (node_ != nullptr) {
    std::promise<void> stopped;
    node_->Stop([&stopped] { stopped.set_value(); });
    stopped.get_future().wait();
  }
  if (listener_ != nullptr) {
    listener_->Stop(Status(Code::kCancelled, "the node is stopping (another node takes over)"));
  }
  if (links_ != nullptr) links_->Shutdown();
  // Their tasks read the log, and wait for it.
  for (net::BlockingPool* pool : {pool_.get(), chunk_pool_.get(), shard_pool_.get()}) {
    if (pool != nullptr) pool->Stop();
  }
  // Finishes what was handed in, while its callbacks still find the loops.
  if (log_ != nullptr) {
    if (const Status status = log_->Sync(); !status.ok()) StopAtOnce(status);
  }
  // What they have handed to the loops may hold data of the store: it goes first.
  net::DrainAndStop(loops_);
  node_.reset();
  links_.reset();
  listener_.reset();
  shards_.reset();
  log_.reset();  // Each flush of the shards, as they close too, has synced it first.
}

net::LocalIdentity Server::Identity() const {
  net::LocalIdentity identity;
  identity.cluster_name = node_->cluster_name();
  identity.cluster_id = node_->cluster_id();
  identity.self = node_->self();
  identity.has_record = node_->has_record();
  if (const node::MapHolder::Map map = node_->map(); map != nullptr) {
    identity.cluster_level = map->feature_level;
    identity.cluster_release = map->feature_release;
  }
  for (const proto::Life& life : dir_->identity().lineage().lives()) {
    identity.lineage.push_back({BootNumber(life.boot()), life.nonce()});
  }
  return identity;
}

void Server::OnRequests(std::span<net::IncomingRequest> batch) {
  std::vector<node::Node::Incoming> incoming;
  incoming.reserve(batch.size());
  for (net::IncomingRequest& request : batch) {
    incoming.push_back({std::move(request.request),
                        [responder = std::move(request.responder), id = request.request_id](
                            const proto::Response& response) { responder->Send(id, response); }});
  }
  node_->Handle(std::move(incoming));
}

void Server::OnEvent(const std::string& line) {
  const std::int64_t second =
      std::chrono::duration_cast<std::chrono::seconds>(loops_.front()->Now().time_since_epoch())
          .count();
  if (event_second_.exchange(second) != second) events_in_second_ = 0;
  const std::uint32_t count = ++events_in_second_;
  if (count > kEventLinesPerSecond + 1) return;
  LOG(WARNING) << (count <= kEventLinesPerSecond
                       ? line
                       : "more of these in this second; see the counters");
}

std::vector<std::pair<std::string, std::uint64_t>> Server::Counters() const {
  std::vector<std::pair<std::string, std::uint64_t>> counters;
  if (listener_ == nullptr) return counters;
  const net::ListenerCounters& seen = listener_->counters();
  counters.emplace_back("connections_accepted", seen.accepted.load());
  counters.emplace_back("connections_open", seen.open_connections.load());
  counters.emplace_back("closed_rubbish", seen.closed_rubbish.load());
  counters.emplace_back("closed_oversized", seen.closed_oversized.load());
  counters.emplace_back("closed_wrong_cluster", seen.closed_wrong_cluster.load());
  counters.emplace_back("closed_old_boot", seen.closed_old_boot.load());
  counters.emplace_back("closed_too_many", seen.closed_too_many.load());
  counters.emplace_back("closed_slow_reader", seen.closed_slow_reader.load());
  counters.emplace_back("handshake_timeouts", seen.handshake_timeouts.load());
  counters.emplace_back("requests", seen.requests.load());
  counters.emplace_back("requests_overloaded", seen.requests_overloaded.load());
  counters.emplace_back("requests_unreadable", seen.requests_unreadable.load());
  for (auto& counter : links_->Counters()) counters.push_back(std::move(counter));
  counters.emplace_back("stores_set_aside", newest_set_aside_);
  counters.emplace_back("log_lines_dropped", doors_.dropped_log_lines());
  return counters;
}

}  // namespace ringfort::server
