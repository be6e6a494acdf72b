#include "tests/integration/local_cluster.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <optional>
#include <thread>
#include <utility>

#include "base/check.h"

namespace ringfort::integration {

bool Eventually(std::chrono::milliseconds limit, const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(
        std::chrono::milliseconds(10));  // Between two looks at the condition.
  }
  return true;
}

ScratchDir::ScratchDir() {
  std::string name = (std::filesystem::temp_directory_path() / "ringfort-test-XXXXXX").string();
  RF_CHECK(::mkdtemp(name.data()) != nullptr) << name;
  path_ = name;
}

ScratchDir::~ScratchDir() {
  std::error_code ignored;  // A directory that cannot be removed fails no test.
  std::filesystem::remove_all(path_, ignored);
}

std::uint16_t FreePort() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  RF_CHECK(::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  RF_CHECK(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  ::close(fd);
  return ntohs(address.sin_port);
}

std::string ServerBinary() {
  return RINGFORTD;
}

LocalCluster::LocalCluster(std::uint32_t nodes, std::uint32_t shards) : configured_(nodes) {
  std::ofstream config(config_file());
  config << "cluster_name: \"test\"\nshards: " << shards << "\n";
  for (std::uint32_t node = 1; node <= nodes; ++node) {
    ports_.push_back(NewPort());
    config << "nodes { id: " << node << " address: \"" << address(node) << "\" zone: \"z" << node
           << "\" }\n";
  }
}

std::uint16_t LocalCluster::NewPort() const {
  std::uint16_t port = FreePort();
  while (std::find(ports_.begin(), ports_.end(), port) != ports_.end()) port = FreePort();
  return port;
}

std::string LocalCluster::address(std::uint32_t node) const {
  return "127.0.0.1:" + std::to_string(ports_.at(node - 1));
}

std::filesystem::path LocalCluster::data_dir(std::uint32_t node) const {
  return dir_.path() / ("node-" + std::to_string(node));
}

std::vector<std::string> LocalCluster::Words(std::uint32_t node) const {
  std::vector<std::string> words = before_;
  words.insert(words.end(), {ServerBinary(), "--node=" + std::to_string(node),
                             "--data_dir=" + data_dir(node).string()});
  if (node <= configured_) {
    words.push_back("--config=" + config_file());
  } else {
    words.insert(words.end(), {"--join=" + address(1) + "," + address(2),
                               "--listen=" + address(node), "--zone=z" + std::to_string(node)});
  }
  words.insert(words.end(), flags_.begin(), flags_.end());
  return words;
}

void LocalCluster::AddFlags(const std::vector<std::string>& flags) {
  flags_.insert(flags_.end(), flags.begin(), flags.end());
}

void LocalCluster::Start(std::uint32_t node, const std::vector<std::string>& flags) {
  std::vector<std::string> words = Words(node);
  words.insert(words.end(), flags.begin(), flags.end());
  running_[node] = std::make_unique<Process>(
      std::move(words), (dir_.path() / ("node-" + std::to_string(node) + ".log")).string());
}

void LocalCluster::StartAll() {
  for (std::uint32_t node = 1; node <= ports_.size(); ++node) Start(node);
}

void LocalCluster::StartJoining(std::uint32_t node) {
  RF_CHECK(node == ports_.size() + 1) << "nodes join in the order of their ids";
  ports_.push_back(NewPort());
  Start(node);
}

void LocalCluster::Kill(std::uint32_t node) {
  running_.at(node)->Kill();
}
void LocalCluster::Pause(std::uint32_t node) {
  running_.at(node)->Signal(SIGSTOP);
}
void LocalCluster::Resume(std::uint32_t node) {
  running_.at(node)->Signal(SIGCONT);
}

std::optional<int> LocalCluster::Stop(std::uint32_t node) {
  running_.at(node)->Signal(SIGTERM);
  return running_.at(node)->Wait(std::chrono::seconds(60));
}

std::optional<int> LocalCluster::AwaitEnd(std::uint32_t node, std::chrono::milliseconds limit) {
  return running_.at(node)->Wait(limit);
}

std::string LocalCluster::Output(std::uint32_t node) const {
  return running_.at(node)->Output();
}

Client LocalCluster::Connect(std::chrono::milliseconds timeout) const {
  ClientOptions options;
  options.timeout = timeout;
  for (std::uint32_t node = 1; node <= ports_.size(); ++node)
    options.seeds.push_back(address(node));
  std::optional<Result<Client>> client;
  // A node that has just been started still refuses.
  const bool connected = Eventually(std::chrono::seconds(60), [&] {
    client.emplace(Client::Connect(options));
    return client->ok();
  });
  RF_CHECK(connected) << "no client: " << client->status().ToString();
  return **std::move(client);
}

bool LocalCluster::Serves(Client& client) const {
  auto map = client.Map();
  if (!map.ok()) return false;
  std::vector<bool> served(map->shards.size());
  for (const NodeView& node : map->nodes) {
    auto status = client.NodeStatus(node.id, {.timeout = std::chrono::seconds(2)});
    if (!status.ok()) continue;
    for (const ReplicaView& replica : status->replicas) {
      if (replica.serving) served[replica.shard] = true;
    }
  }
  return std::all_of(served.begin(), served.end(), [](bool serves) { return serves; });
}

bool LocalCluster::CaughtUp(Client& client) const {
  auto map = client.Map();
  if (!map.ok()) return false;
  std::vector<bool> served(map->shards.size());
  for (const NodeView& node : map->nodes) {
    auto status = client.NodeStatus(node.id, {.timeout = std::chrono::seconds(2)});
    if (!status.ok()) return false;
    for (const ReplicaView& replica : status->replicas) {
      if (!replica.serving) continue;
      served[replica.shard] = true;
      for (const FollowerView& follower : replica.followers) {
        if (!follower.alive || follower.learner || follower.lag_entries != 0) return false;
      }
    }
  }
  return std::all_of(served.begin(), served.end(), [](bool serves) { return serves; });
}

std::uint32_t LocalCluster::Busiest(Client& client) const {
  auto map = client.Map();
  RF_CHECK(map.ok()) << map.status().ToString();
  std::uint32_t busiest = 1;
  std::ptrdiff_t most = -1;
  for (const NodeView& node : map->nodes) {
    auto status = client.NodeStatus(node.id, {.timeout = std::chrono::seconds(2)});
    if (!status.ok()) continue;
    const auto led = std::count_if(status->replicas.begin(), status->replicas.end(),
                                   [](const ReplicaView& replica) { return replica.serving; });
    if (led <= most) continue;
    most = led;
    busiest = node.id;
  }
  return busiest;
}

}  // namespace ringfort::integration
