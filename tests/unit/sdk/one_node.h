// A whole cluster of one node over real sockets, data in memory: what the SDK needs to talk to.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "net/event_loop.h"
#include "net/server.h"
#include "ringfort/client.pb.h"

namespace ringfort {

class OneNode final : public net::RequestHandler {
 public:
  OneNode();
  ~OneNode() override;

  [[nodiscard]] std::string address() const;
  /// Answers nothing any more; connections stay.
  void Hold() { held_ = true; }
  /// Returns when a write has arrived while held.
  void AwaitHeldWrite();

  void OnRequests(std::span<net::IncomingRequest> batch) override;

 private:
  proto::Response Serve(const proto::Request& request);
  proto::Response Write(const proto::Write& write);

  net::EventLoop loop_;
  std::unique_ptr<net::Listener> listener_;
  std::atomic<bool> held_{false};
  std::mutex mutex_;
  std::condition_variable arrived_;
  // Under mutex_.
  bool write_held_ = false;
  std::uint64_t index_ = 0;
  std::map<std::pair<std::string, std::string>, std::pair<std::string, std::uint64_t>> data_;
};

}  // namespace ringfort
