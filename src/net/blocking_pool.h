// Threads for work that may block: disk reads that miss the cache, and the like.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "env/loop.h"

namespace ringfort::net {

/// Runs tasks on a fixed number of threads, beginning them in the order in which they were posted.
/// The queue has no bound of its own: whoever posts bounds what it has in flight.
class BlockingPool final : public env::Executor {
 public:
  explicit BlockingPool(std::size_t threads);
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;
  ~BlockingPool() override { Stop(); }

  /// Lets the running tasks end, drops the others and all that come later, joins. Again: nothing.
  void Stop();

  void Post(env::Task task) override;

 private:
  void Work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<env::Task> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace ringfort::net
