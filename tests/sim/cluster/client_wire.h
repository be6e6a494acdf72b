// The simulated connections between clients and nodes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/random.h"
#include "client/channel.h"
#include "tests/sim/cluster/events.h"
#include "tests/sim/cluster/network.h"
#include "tests/sim/cluster/simulated_node.h"

namespace ringfort::sim {

/// HOST:PORT of a node, as the simulated cluster's config names it.
std::string AddressOf(NodeId node);

/// Where a client finds the nodes.
struct ClientWorld {
  Events* events;
  Network* network;
  std::function<SimulatedNode*(NodeId)> node;
  /// A node let a request fall without an answer though it lives.
  std::function<void(const std::string&)> complain;
};

/// One client's. Outlived by `world` and by the client's process.
class ClientDialer final : public client::Dialer {
 public:
  ClientDialer(ClientWorld world, const Process* process, Random random);
  ~ClientDialer() override;
  std::unique_ptr<client::Channel> Open(const std::string& address) override;

  struct Wire;

 private:
  const std::shared_ptr<Wire> wire_;
};

}  // namespace ringfort::sim
