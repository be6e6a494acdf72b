#include "tools/bench/ledger_writer.h"

#include <optional>
#include <thread>
#include <utility>

namespace ringfort::bench {
namespace {

constexpr std::size_t kCounters = 8;
constexpr std::uint64_t kReadPercent = 10;
/// Where a failure comes back at once, the account need not fill up with them.
constexpr std::chrono::milliseconds kPauseAfterFailure{10};

}  // namespace

LedgerWriter::LedgerWriter(Client client, std::string prefix, std::uint64_t seed)
    : prefix_(std::move(prefix)), random_(seed), client_(std::move(client)) {
  for (std::size_t i = 0; i < kCounters; ++i) counters_.push_back({NewAccount("counter"), 0});
}

std::size_t LedgerWriter::NewAccount(const char* kind) {
  LedgerKey account;
  account.key = prefix_ + kind + "/" + std::to_string(accounts_.size());
  accounts_.push_back(std::move(account));
  return accounts_.size() - 1;
}

void LedgerWriter::Run(std::chrono::steady_clock::time_point end) {
  while (std::chrono::steady_clock::now() < end) {
    Counter& counter = counters_[random_() % kCounters];
    const std::uint64_t dice = random_() % 100;
    if (dice < kReadPercent) {
      ReadCounter(counter);
    } else if (dice % 2 == 0) {
      WriteCounter(&counter);
    } else {
      Write(NewAccount("once"), 1);
    }
  }
}

void LedgerWriter::Write(std::size_t account, std::uint64_t number) {
  LedgerKey& key = accounts_[account];
  const Result<Version> answer = client_.Put(key.key, LedgerValue(key.key, number));
  Note(&key, number, answer);
  if (answer.ok()) {
    ++acked_;
    return;
  }
  Count(&errors_, answer.status());
  switch (answer.status().effect()) {
    case Effect::kApplied: ++acked_; break;
    case Effect::kUnknown: ++unknown_; break;
    case Effect::kNotApplied: ++refused_; break;
  }
  std::this_thread::sleep_for(kPauseAfterFailure);
}

void LedgerWriter::WriteCounter(Counter* counter) {
  Write(counter->account, ++counter->number);
  if (accounts_[counter->account].unknown != 0) *counter = {NewAccount("counter"), 0};
}

void LedgerWriter::ReadCounter(const Counter& counter) {
  const LedgerKey& key = accounts_[counter.account];
  Result<Found> answer = client_.Get(key.key);
  std::optional<Found> found;
  if (answer.ok()) {
    found = std::move(answer).value();
  } else if (answer.status().code() != Code::kNotFound) {
    Count(&errors_, answer.status());
    return;
  }
  const Finding finding = Judge(key, found);
  if (finding != Finding::kRight) {
    violations_.push_back(key.key + ": " + std::string(FindingName(finding)) + " while writing");
  }
}

}  // namespace ringfort::bench
