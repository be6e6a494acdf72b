// What this node tells the meta group's primary: how it is, and the shards that it leads, as far as
// something is new.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "env/loop.h"
#include "node/shard_loop.h"
#include "ringfort/peer.pb.h"

namespace ringfort::node {

/// Lives on the control loop.
class Reporter {
 public:
  Reporter(env::Loop* control, std::vector<ShardLoop*> loops)
      : control_(control), loops_(std::move(loops)) {}

  /// Looks at all replicas and calls `send`, on the control loop, with what answers the pulse but
  /// for the node's own figures. One pulse at a time: another that comes meanwhile is not answered.
  void Answer(NodeId primary, const proto::MetaPulse& pulse,
              std::function<void(proto::NodeReport)> send);

 private:
  struct Look {
    std::uint32_t replicas = 0;
    std::uint64_t data_bytes = 0;
    bool ready = true;
    std::map<ShardId, proto::LedReport> led;
  };
  void LookAt(std::size_t i, std::shared_ptr<Look> look, std::function<void(Look)> then);
  proto::NodeReport Compare(Look look, bool adds);

  env::Loop* const control_;
  const std::vector<ShardLoop*> loops_;
  bool looking_ = false;
  /// To whom the reports of now go.
  NodeId primary_;
  std::uint64_t term_ = 0;
  /// Of the newest report, and what it said: bytes of a LedReport, by shard.
  std::uint64_t sequence_ = 0;
  std::map<ShardId, std::string> said_;
};

}  // namespace ringfort::node
