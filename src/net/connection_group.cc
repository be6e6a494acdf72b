// Counting connections in and out.
#include "net/connection_group.h"

#include <vector>

#include "base/check.h"
#include "net/connection.h"

namespace ringfort::net {

ConnectionGroup::~ConnectionGroup() {
  RF_CHECK(members_.empty()) << members_.size() << " connections outlive their service";
}

bool ConnectionGroup::Add(const std::shared_ptr<Connection>& connection) {
  const std::lock_guard lock(mutex_);
  if (shut_down_) return false;
  members_.emplace(connection.get(), connection);
  return true;
}

void ConnectionGroup::Remove(Connection* connection) {
  const std::lock_guard lock(mutex_);
  members_.erase(connection);
  // Under the lock: whoever waits may destroy this as soon as it is released.
  removed_.notify_all();
}

void ConnectionGroup::Shutdown(const Status& why) {
  std::vector<std::shared_ptr<Connection>> connections;
  {
    const std::lock_guard lock(mutex_);
    shut_down_ = true;
    for (const auto& [key, weak] : members_) {
      if (auto connection = weak.lock()) connections.push_back(std::move(connection));
    }
  }
  for (const auto& connection : connections) connection->SayGoodbye(why);
  connections.clear();
  std::unique_lock lock(mutex_);
  removed_.wait(lock, [this] { return members_.empty(); });
}

std::size_t ConnectionGroup::size() const {
  const std::lock_guard lock(mutex_);
  return members_.size();
}

}  // namespace ringfort::net
