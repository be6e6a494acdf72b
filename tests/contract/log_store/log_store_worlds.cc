// The real log in a temporary directory, which a crash copies as it stands; and the simulator's.
#include "tests/contract/log_store/log_store_worlds.h"

#include <stdlib.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <future>
#include <utility>
#include <vector>

#include "base/check.h"
#include "tests/sim/log_store/memory_log_store.h"
#include "wal/wal.h"

namespace ringfort::storage {
namespace {

namespace fs = std::filesystem;

class WalOnDisk final : public LogStoreWorld {
 public:
  explicit WalOnDisk(bool relaxed) {
    std::string pattern = (fs::temp_directory_path() / "ringfort-log-XXXXXX").string();
    RF_CHECK(::mkdtemp(pattern.data()) != nullptr);
    root_ = pattern;
    options_.incarnation = {1, 2};
    options_.segment_bytes = 64 << 10;
    options_.durability = relaxed ? wal::Durability::kRelaxed : wal::Durability::kSynced;
    Open(/*expect_existing=*/false);
  }
  ~WalOnDisk() override {
    wal_.reset();
    fs::remove_all(root_);
  }

  LogStore& store() override { return *wal_; }

  void Settle() override {
    std::promise<void> done;
    wal_->Append({}, [&done](Status) { done.set_value(); });
    done.get_future().wait();
  }

  void Crash() override {
    const std::string before = Directory();
    ++life_;
    fs::create_directory(Directory());
    // Newest segment first: the helper thread may take old ones away meanwhile, oldest first.
    std::vector<fs::path> files;
    for (const fs::directory_entry& file : fs::directory_iterator(before)) {
      files.push_back(file.path());
    }
    std::sort(files.rbegin(), files.rend());
    for (const fs::path& file : files) {
      std::error_code vanished;
      fs::copy_file(file, fs::path(Directory()) / file.filename(), vanished);
    }
    wal_.reset();
    fs::remove_all(before);
    Open(/*expect_existing=*/true);
  }

 private:
  [[nodiscard]] std::string Directory() const {
    return (root_ / ("log-" + std::to_string(life_))).string();
  }
  void Open(bool expect_existing) {
    options_.dir = Directory();
    options_.expect_existing = expect_existing;
    Result<std::unique_ptr<wal::Wal>> wal = wal::Wal::Open(options_);
    RF_CHECK(wal.ok()) << wal.status().ToString();
    wal_ = std::move(*wal);
  }

  fs::path root_;
  wal::Options options_;
  int life_ = 0;
  std::unique_ptr<wal::Wal> wal_;
};

class LogInMemory final : public LogStoreWorld {
 public:
  explicit LogInMemory(bool relaxed)
      : log_({.relaxed = relaxed,
              .when_written = [this](env::Task task) { tasks_.push_back(std::move(task)); },
              .now = [] { return MonotonicTime{}; }}) {}

  LogStore& store() override { return log_; }
  void Settle() override {
    while (!tasks_.empty()) {
      const env::Task task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
  }
  void Crash() override { log_.ForgetUnsynced(sim::Unsynced::kLost); }

 private:
  std::deque<env::Task> tasks_;
  sim::MemoryLogStore log_;
};

}  // namespace

NamedLogWorld WalWorld(bool relaxed) {
  return {relaxed ? "WalRelaxed" : "Wal", relaxed,
          [relaxed] { return std::make_unique<WalOnDisk>(relaxed); }};
}

NamedLogWorld MemoryLogWorld(bool relaxed) {
  return {relaxed ? "MemoryRelaxed" : "Memory", relaxed,
          [relaxed] { return std::make_unique<LogInMemory>(relaxed); }};
}

}  // namespace ringfort::storage
