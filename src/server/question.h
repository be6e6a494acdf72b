// A connection to another node for as long as it takes to ask it something, before this node has
// anything of its own to say.
#pragma once

#include <memory>

#include "base/ids.h"
#include "net/address.h"
#include "net/channel.h"
#include "net/connection_group.h"
#include "net/event_loop.h"
#include "ringfort/client.pb.h"
#include "ringfort/status.h"

namespace ringfort::server {

/// Has a thread of its own. Used by one thread, and blocks it.
class Question {
 public:
  /// `cluster_id`: of the cluster that the node must belong to; empty for any.
  Question(net::Address address, ClusterId cluster_id);
  ~Question();
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  /// The node's answer, which may be an error of its own; kUnavailable after 5 s without one.
  Result<proto::Response> Ask(const proto::Request& request);

 private:
  net::EventLoop loop_;
  net::ConnectionGroup group_;
  std::shared_ptr<net::Channel> channel_;
};

}  // namespace ringfort::server
