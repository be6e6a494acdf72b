// A cluster of real ringfortd processes on free ports of 127.0.0.1, in a temporary directory.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ringfort/admin.h"
#include "ringfort/client.h"
#include "tests/integration/process.h"

namespace ringfort::integration {

/// Turns true within `limit`, or false. Asks every few milliseconds.
bool Eventually(std::chrono::milliseconds limit, const std::function<bool()>& holds);

/// A directory that goes with the object.
class ScratchDir {
 public:
  ScratchDir();
  ~ScratchDir();
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A port that nothing listens on at the moment.
std::uint16_t FreePort();

/// The path of the ringfortd of this build.
std::string ServerBinary();

/// One thread. Ends its nodes when it goes.
class LocalCluster {
 public:
  /// Writes a config for nodes 1..n; starts nothing.
  LocalCluster(std::uint32_t nodes, std::uint32_t shards);

  /// For the starts of all nodes from now on: more flags, and words that stand before the program.
  void AddFlags(const std::vector<std::string>& flags);
  void RunUnder(std::vector<std::string> words) { before_ = std::move(words); }

  /// `flags`: more flags for this start alone.
  void Start(std::uint32_t node, const std::vector<std::string>& flags = {});
  void StartAll();
  /// Starts a node that the config does not name: it joins. Again by Start.
  void StartJoining(std::uint32_t node);
  /// kill -9.
  void Kill(std::uint32_t node);
  void Pause(std::uint32_t node);
  void Resume(std::uint32_t node);
  /// SIGTERM, and waits for the end: the exit code, or none if it did not end in time.
  std::optional<int> Stop(std::uint32_t node);
  /// Waits for the node to end by itself: as Stop.
  std::optional<int> AwaitEnd(std::uint32_t node, std::chrono::milliseconds limit);
  [[nodiscard]] bool Runs(std::uint32_t node) {
    return !AwaitEnd(node, std::chrono::milliseconds(0)).has_value();
  }

  /// Aborts the test program where the cluster does not answer.
  [[nodiscard]] Client Connect(std::chrono::milliseconds timeout = std::chrono::seconds(5)) const;
  /// Every shard has a primary that serves.
  [[nodiscard]] bool Serves(Client& client) const;
  /// In addition, every node is up and every follower has what its primary has.
  [[nodiscard]] bool CaughtUp(Client& client) const;
  /// The node that leads the most shards.
  [[nodiscard]] std::uint32_t Busiest(Client& client) const;

  [[nodiscard]] std::string address(std::uint32_t node) const;
  [[nodiscard]] std::string config_file() const {
    return (dir_.path() / "cluster.textproto").string();
  }
  [[nodiscard]] std::filesystem::path data_dir(std::uint32_t node) const;
  [[nodiscard]] std::vector<std::string> Words(std::uint32_t node) const;
  [[nodiscard]] std::string Output(std::uint32_t node) const;

 private:
  /// Of none of the nodes.
  [[nodiscard]] std::uint16_t NewPort() const;

  ScratchDir dir_;
  /// The nodes of the config: the first.
  const std::uint32_t configured_;
  std::vector<std::uint16_t> ports_;
  std::map<std::uint32_t, std::unique_ptr<Process>> running_;
  std::vector<std::string> before_;
  std::vector<std::string> flags_{"--log_segment_mb=8", "--log_mb=64"};
};

}  // namespace ringfort::integration
