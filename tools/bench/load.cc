#include "tools/bench/load.h"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <random>
#include <utility>
#include <vector>

#include "tools/cli/interrupt.h"

namespace ringfort::bench {
namespace {

using Clock = std::chrono::steady_clock;

std::string KeyName(std::uint64_t number) {
  return "bench/" + std::to_string(number);
}

/// Bytes that do not compress, so that the disk sees the load that is asked for.
std::string RandomValue(std::size_t bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string value(bytes, '\0');
  std::generate(value.begin(), value.end(), [&random] { return static_cast<char>(random()); });
  return value;
}

/// One connection with its share of the outstanding requests. Each answer sends the next request
/// from the client's thread.
class Lane {
 public:
  Lane(Client client, const LoadOptions& options, std::size_t outstanding, std::uint64_t seed)
      : options_(options),
        outstanding_(outstanding),
        value_(RandomValue(options.value_bytes, seed)),
        random_(seed),
        client_(std::move(client)) {}

  void Start(Clock::time_point counted_from) {
    counted_from_ = counted_from;
    in_flight_ = outstanding_;
    for (std::size_t i = 0; i < outstanding_; ++i) {
      const Choice choice = Choose();
      Send(choice);
    }
  }

  /// Adds what was answered since the last call.
  void TakeInto(LoadResult* result) {
    const std::lock_guard lock(mutex_);
    result->Add(std::exchange(answered_, {}));
  }

  void Stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }

  void AwaitAnswers() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return in_flight_ == 0; });
  }

 private:
  struct Choice {
    bool get = false;
    std::uint64_t key = 0;
  };

  Choice Choose() {
    const std::lock_guard lock(mutex_);
    return {random_() % 100 < options_.get_percent, random_() % options_.keys};
  }

  void Send(Choice choice) {
    const Clock::time_point begin = Clock::now();
    if (choice.get) {
      client_.AsyncGet(KeyName(choice.key), {}, [this, begin](const Result<Found>& found) {
        OnAnswer(begin, found.status());
      });
    } else {
      client_.AsyncPut(
          KeyName(choice.key), value_, {},
          [this, begin](const Result<Version>& version) { OnAnswer(begin, version.status()); });
    }
  }

  void OnAnswer(Clock::time_point begin, const Status& status) {
    const Clock::time_point now = Clock::now();
    {
      const std::lock_guard lock(mutex_);
      if (begin >= counted_from_) {
        if (status.ok()) {
          answered_.latencies.Record(now - begin);
        } else {
          Count(&answered_.errors, status);
        }
      }
      if (stopped_) {
        if (--in_flight_ == 0) ended_.notify_all();
        return;
      }
    }
    Send(Choose());
  }

  const LoadOptions options_;
  const std::size_t outstanding_;
  const std::string value_;
  Clock::time_point counted_from_;

  std::mutex mutex_;
  std::condition_variable ended_;
  // Guarded by mutex_.
  std::mt19937_64 random_;
  LoadResult answered_;
  std::size_t in_flight_ = 0;
  bool stopped_ = false;

  /// Last: its end waits for callbacks, which use what is above.
  Client client_;
};

}  // namespace

void LoadResult::Add(const LoadResult& other) {
  latencies.Add(other.latencies);
  for (const auto& [kind, count] : other.errors) errors[kind] += count;
  seconds += other.seconds;
}

Status LoadKeys(Client& client, const LoadOptions& options) {
  const std::string value = RandomValue(options.value_bytes, options.seed);
  const std::uint64_t outstanding = LoadOutstanding(options.value_bytes);
  std::mutex mutex;
  std::condition_variable answered;
  std::uint64_t in_flight = 0;
  Status first_error;
  for (std::uint64_t key = 0; key < options.keys; ++key) {
    {
      std::unique_lock lock(mutex);
      answered.wait(lock, [&] { return in_flight < outstanding; });
      if (!first_error.ok()) break;
      ++in_flight;
    }
    client.AsyncPut(KeyName(key), value, {}, [&](const Result<Version>& version) {
      const std::lock_guard lock(mutex);
      --in_flight;
      if (!version.ok() && first_error.ok()) first_error = version.status();
      answered.notify_all();
    });
  }
  std::unique_lock lock(mutex);
  answered.wait(lock, [&] { return in_flight == 0; });
  return first_error;
}

Result<LoadResult> RunLoad(const ClientOptions& client_options, const LoadOptions& options,
                           const std::function<void(const LoadResult&)>& on_interval) {
  std::vector<std::unique_ptr<Lane>> lanes;
  const std::size_t count = std::min(options.clients, options.outstanding);
  for (std::size_t i = 0; i < count; ++i) {
    Result<Client> client = Client::Connect(client_options);
    if (!client.ok()) return client.status();
    const std::size_t share =
        options.outstanding / count + (i < options.outstanding % count ? 1 : 0);
    lanes.push_back(
        std::make_unique<Lane>(std::move(client).value(), options, share, options.seed + i));
  }
  const cli::Interrupt interrupt;
  const Clock::time_point counted_from = Clock::now() + options.warmup;
  const Clock::time_point end = counted_from + options.duration;
  const Clock::duration interval =
      options.interval > options.interval.zero() ? options.interval : options.duration;
  for (const std::unique_ptr<Lane>& lane : lanes) lane->Start(counted_from);

  LoadResult total;
  Clock::time_point from = counted_from;
  for (bool last = false; !last;) {
    const Clock::time_point until = std::min(from + interval, end);
    last = !interrupt.Wait(until - Clock::now()) || until == end;
    if (last) {
      for (const std::unique_ptr<Lane>& lane : lanes) lane->Stop();
      for (const std::unique_ptr<Lane>& lane : lanes) lane->AwaitAnswers();
    }
    LoadResult part;
    for (const std::unique_ptr<Lane>& lane : lanes) lane->TakeInto(&part);
    const Clock::time_point now = std::max(from, Clock::now());
    part.seconds = std::chrono::duration<double>(now - std::exchange(from, now)).count();
    total.Add(part);
    on_interval(part);
  }
  return total;
}

}  // namespace ringfort::bench
