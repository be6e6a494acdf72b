// ringfortctl verify: whether all replicas of each shard hold the same data.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "ringfort/client.h"
#include "tools/cli/command_line.h"
#include "tools/ctl/progress.h"
#include "tools/ctl/terminal.h"
#include "tools/survey/survey.h"

namespace ringfort::ctl {

/// How one shard was found.
struct ShardVerdict {
  std::uint32_t shard = 0;
  /// As of which its replicas were compared; 0 when they could not be.
  std::uint64_t index = 0;
  std::uint64_t entries = 0;
  /// The nodes whose replicas hold equal data: those of most replicas.
  std::vector<std::uint32_t> equal = {};
  /// One line each: replicas that differ, are damaged or could not be asked, and what to do.
  std::vector<std::string> troubles = {};
};

/// Compares the sums of a shard's replicas, of the newest index that any of them has.
ShardVerdict Compare(const survey::ShardReport& shard, std::uint64_t index);

/// One run over some shards, a few at a time. One thread.
class Verifier {
 public:
  /// `wait`: how long the replicas of one shard may take for their sums.
  Verifier(Client& client, const survey::Survey& before, std::chrono::milliseconds timeout,
           std::chrono::milliseconds wait, Terminal& terminal);

  /// In the order in which they were done.
  std::vector<ShardVerdict> Run(std::deque<std::uint32_t> shards);

 private:
  using Clock = std::chrono::steady_clock;
  struct Round {
    std::uint32_t shard;
    std::uint64_t index;
    Clock::time_point begun;
    Clock::time_point deadline;
    /// How often a replica was not found: its node may be just busy, or starting.
    int misses = 0;
    /// Once one sum is there: when to ask for new ones.
    std::optional<Clock::time_point> again_at = std::nullopt;
    /// For how long at least the others are waited for then. Doubles, so that a slow one comes
    /// through.
    Clock::duration patience = std::chrono::seconds(1);
  };

  /// Begins rounds of shards that have a primary, and gives the others up once it is time.
  void BeginSome(const Result<survey::Survey>& survey, std::deque<std::uint32_t>* shards);
  /// False: it could not be, and has its verdict.
  bool Begin(std::uint32_t shard);
  /// Whether the round is over: then it has its verdict.
  bool Look(Round* round, const Result<survey::Survey>& survey);
  /// Once one sum is there. A copy that has been filled since the round began, by a snapshot of
  /// later data, has none of its index and never will: asks for new sums when one is long behind.
  void AskAgainInTime(Round* round);
  void Add(ShardVerdict verdict);
  void AddUnchecked(std::uint32_t shard, const std::string& why);

  Client& client_;
  /// On disk, by shard: what a shard counts for in the bar.
  std::vector<std::uint64_t> shard_bytes_;
  const std::chrono::milliseconds timeout_;
  const std::chrono::milliseconds wait_;
  /// Until when shards without a primary are waited for: all of them together.
  Clock::time_point patient_until_;
  Progress progress_;
  ProgressState state_;
  std::vector<Round> rounds_;
  std::vector<ShardVerdict> verdicts_;
};

int RunVerify(const cli::CommandLine& line, Client& client, Terminal& terminal);

}  // namespace ringfort::ctl
