// client::Channel over net::Channel.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "base/ids.h"
#include "client/channel.h"
#include "net/connection_group.h"
#include "net/event_loop.h"

namespace ringfort::sdk {

/// Lives on its loop, but for construction, Shutdown and destruction.
class NetDialer final : public client::Dialer {
 public:
  /// `loop` outlives it.
  explicit NetDialer(net::EventLoop& loop);
  /// After Shutdown() and the loop's Stop().
  ~NetDialer() override;
  NetDialer(const NetDialer&) = delete;
  NetDialer& operator=(const NetDialer&) = delete;

  std::unique_ptr<client::Channel> Open(const std::string& address) override;

  /// From now on connections are made to nodes of this cluster only.
  void SetCluster(ClusterId cluster) { cluster_ = cluster; }

  /// Waits until every connection is gone. The channels have been destroyed; the loop still runs.
  /// Not on the loop.
  void Shutdown();

 private:
  class Link;
  class Handle;

  net::EventLoop& loop_;
  net::ConnectionGroup group_;
  ClusterId cluster_;
  std::uint64_t links_made_ = 0;
  /// Those in use, and those that wait for their last completion.
  std::unordered_map<Link*, std::unique_ptr<Link>> links_;
};

}  // namespace ringfort::sdk
