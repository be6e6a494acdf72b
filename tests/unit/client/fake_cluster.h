// A cluster in memory behind client::Dialer: three nodes, four shards, real rules for sessions, and
// everything that can go wrong on the way.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/channel.h"
#include "tests/unit/client/virtual_loop.h"

namespace ringfort::client {

/// What becomes of one request at one node.
enum class Fate : std::uint8_t {
  kServe,
  kLoseRequest,  ///< It never arrives, and nothing says so.
  kLoseAnswer,   ///< It is served; nothing comes back.
  kReset,        ///< It is served, and the connection breaks before the answer.
};

class FakeCluster final : public Dialer {
 public:
  static constexpr std::uint32_t kNodes = 3;
  static constexpr std::uint32_t kShards = 4;
  static constexpr Duration kOneWay = std::chrono::microseconds(100);

  explicit FakeCluster(VirtualLoop& loop);

  std::unique_ptr<Channel> Open(const std::string& address) override;
  /// Node i's, from 1.
  static std::string Address(std::uint32_t node);

  // What the test sets.

  /// Who leads the shard; 0 nobody.
  void SetPrimary(std::uint32_t shard, std::uint32_t node) { primaries_[shard] = node; }
  /// Who leads every shard.
  void SetPrimaries(std::uint32_t node) { primaries_.assign(kShards, node); }
  /// Who leads the meta group; 0 nobody.
  std::uint32_t meta_primary = 1;
  /// Refuses connections; breaks those that are up, requests in flight too.
  void Kill(std::uint32_t node);
  void Restart(std::uint32_t node) { dead_.erase(node); }
  /// Takes requests and serves them when it goes on (SIGSTOP, SIGCONT).
  void Freeze(std::uint32_t node) { frozen_.insert(node); }
  void Thaw(std::uint32_t node);
  /// Forgets all sessions of the shard.
  void ExpireSessions(std::uint32_t shard) { sessions_[shard].clear(); }
  /// NotPrimary answers carry the primary as a hint, where there is one.
  bool gives_hints = true;
  /// Instead of the usual hints: by node that answers.
  std::map<std::uint32_t, std::uint32_t> hints;
  std::uint64_t map_version = 1;
  /// Asked for every request that arrives; kServe without it.
  std::function<Fate(std::uint32_t node, const proto::Request&)> fate;
  /// An answer in place of the usual one.
  std::function<std::optional<proto::Response>(std::uint32_t node, const proto::Request&)> answer;
  /// How long a served request takes.
  std::function<Duration(std::uint32_t node, const proto::Request&)> service_time;

  // What the test looks at.

  struct Arrival {
    std::uint32_t node = 0;
    MonotonicTime at;
    proto::Request request;
  };
  /// Every request that reached a process that runs.
  std::vector<Arrival> arrivals;
  [[nodiscard]] std::size_t CountArrivals(const std::function<bool(const Arrival&)>& matches) const;
  /// How often a put or delete of the key changed the data.
  std::map<std::string, int> applied;

  static proto::Response Error(Code code, const std::string& message, Effect effect,
                               std::uint32_t hint = 0);

 private:
  class Link;
  struct InFlight {
    std::uint32_t node = 0;
    proto::Request request;
    Link* link = nullptr;
    Channel::RequestId id = 0;
  };
  struct Session {
    std::uint64_t first_unanswered = 1;
    std::map<std::uint64_t, proto::Response> outcomes;
  };
  struct Stored {
    std::string value;
    std::uint64_t version = 0;
  };

  void Arrive(const InFlight& request);
  proto::Response Serve(std::uint32_t node, const proto::Request& request);
  proto::Response NotPrimary(std::uint32_t node, std::uint32_t primary) const;
  proto::Response ServeMeta(std::uint32_t node, const proto::MetaRequest& request) const;
  proto::Response ServePrimary(const proto::Request& request);
  proto::Response ServeWrite(const proto::Request& request);
  proto::Response ApplyWrite(std::uint32_t shard, const proto::Write& write);
  proto::Response ServeGet(const proto::Get& get) const;
  proto::Response ServeScan(const proto::Request& request) const;
  proto::Response Map() const;
  void Answer(const InFlight& request, Result<proto::Response> response, Duration delay);

  VirtualLoop& loop_;
  std::set<std::uint32_t> dead_;
  std::set<std::uint32_t> frozen_;
  std::vector<InFlight> backlog_;
  std::vector<std::uint32_t> primaries_;
  std::set<Link*> links_;
  std::uint64_t last_index_ = 100;
  std::map<std::pair<std::string, std::string>, Stored> data_;
  std::map<std::uint32_t, std::map<std::uint64_t, Session>> sessions_;
};

}  // namespace ringfort::client
