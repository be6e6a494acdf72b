// The gate of a service that owns connections: none of them outlives it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "ringfort/status.h"

namespace ringfort::net {

class Connection;

/// Knows a service's connections from their first step until their socket is gone and no callback
/// of theirs can come. Thread-safe.
class ConnectionGroup {
 public:
  ConnectionGroup() = default;
  ConnectionGroup(const ConnectionGroup&) = delete;
  ConnectionGroup& operator=(const ConnectionGroup&) = delete;
  /// Destroying it with connections in it is a bug.
  ~ConnectionGroup();

  /// Says goodbye with `why` on every connection, takes no new one, and returns when all are gone:
  /// within half a second, unless a name is being resolved. Their loops must be running; not on a
  /// loop.
  void Shutdown(const Status& why);

  [[nodiscard]] std::size_t size() const;

 private:
  friend class Connection;

  /// False after Shutdown: the connection must not begin.
  bool Add(const std::shared_ptr<Connection>& connection);
  void Remove(Connection* connection);

  mutable std::mutex mutex_;
  std::condition_variable removed_;
  bool shut_down_ = false;
  std::unordered_map<Connection*, std::weak_ptr<Connection>> members_;
};

}  // namespace ringfort::net
