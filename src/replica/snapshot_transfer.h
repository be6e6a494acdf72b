// What both ends of a snapshot transfer share: its sizes and times, and work for the pool.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/time.h"
#include "env/loop.h"

namespace ringfort::replica {

struct SnapshotTuning {
  /// What a message carries at most,
  std::size_t chunk_bytes = std::size_t{256} << 10;
  /// and what is on its way unacknowledged: the memory that a transfer takes at either end.
  std::size_t window_bytes = std::size_t{1} << 20;
  /// After so long without progress the sender asks from where to go on.
  Duration retry_after = std::chrono::seconds(1);
  /// After so long without a word from the other end a transfer ends.
  Duration silence_max = std::chrono::seconds(30);
};

/// Runs `work` on a blocking pool and then `then` on the loop.
using RunInPool = std::function<void(env::Task work, env::Task then)>;

/// Lets go of something in the pool: the end of a snapshot or an import removes files.
template <typename T>
void ReleaseInPool(const RunInPool& run, std::shared_ptr<T> held) {
  if (held != nullptr) run([held = std::move(held)]() mutable { held.reset(); }, [] {});
}

/// Runs `work` in the pool and hands its answer to `then` on the loop, unless what `alive` watches
/// has ended by then: the answer then ends in the pool.
template <typename Work, typename Then>
void CallInPool(const RunInPool& run, std::weak_ptr<const void> alive, Work work, Then then) {
  auto answer = std::make_shared<std::optional<std::invoke_result_t<Work>>>();
  run([answer, work = std::move(work)]() mutable { answer->emplace(work()); },
      [answer, run, alive = std::move(alive), then = std::move(then)]() mutable {
        if (alive.expired()) {
          run([answer] { answer->reset(); }, [] {});
        } else {
          then(std::move(**answer));
        }
      });
}

}  // namespace ringfort::replica
