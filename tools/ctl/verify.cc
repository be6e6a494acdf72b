#include "tools/ctl/verify.h"

#include <algorithm>
#include <map>
#include <thread>
#include <tuple>
#include <utility>

#include "tools/cli/errors.h"
#include "tools/cli/numbers.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/json_bytes.h"

namespace ringfort::ctl {
namespace {

/// Each holds the data of one moment from being thrown away while it is summed up.
constexpr std::size_t kShardsAtOnce = 4;
constexpr std::chrono::milliseconds kPollInterval{50};
/// A node that is frozen must not hold up each look at the others.
constexpr std::chrono::milliseconds kPollTimeout{1000};
constexpr int kMissesMax = 3;

std::string NodesText(const std::vector<std::uint32_t>& nodes) {
  std::string text = nodes.size() == 1 ? "node " : "nodes ";
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const bool last = i + 1 == nodes.size();
    text += (i == 0 ? "" : last ? " and " : ", ") + std::to_string(nodes[i]);
  }
  return text;
}

std::string Rebuild(std::uint32_t node) {
  const std::string name = "node " + std::to_string(node);
  return " (stop " + name + " and no other, move its data directory away and start it again 10 s" +
         " later: it is filled from the others)";
}

bool HasSum(const survey::ShardReplica& replica, std::uint64_t index) {
  return replica.view && replica.view->sum && replica.view->sum->index >= index;
}

/// The newest index of the shard's sums, `index` or later: somebody else may verify it too.
std::uint64_t NewestIndex(const survey::ShardReport& shard, std::uint64_t index) {
  for (const survey::ShardReplica& replica : shard.replicas) {
    if (HasSum(replica, index)) index = replica.view->sum->index;
  }
  return index;
}

std::string Prefix(std::uint32_t shard) {
  return "shard " + std::to_string(shard) + ": ";
}

Json VerdictsJson(const std::vector<ShardVerdict>& verdicts) {
  Json json = {{"shards", Json::array()}};
  for (const ShardVerdict& verdict : verdicts) {
    json["shards"].push_back({{"id", verdict.shard},
                              {"index", verdict.index},
                              {"entries", verdict.entries},
                              {"equal", verdict.equal},
                              {"troubles", verdict.troubles}});
  }
  return json;
}

}  // namespace

ShardVerdict Compare(const survey::ShardReport& shard, std::uint64_t index) {
  ShardVerdict verdict{.shard = shard.id, .index = NewestIndex(shard, index)};
  using Sum = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>;
  std::map<Sum, std::vector<std::uint32_t>> nodes_by_sum;
  const auto add = [&verdict](std::string trouble) {
    verdict.troubles.push_back(Prefix(verdict.shard) + std::move(trouble));
  };
  for (const survey::ShardReplica& replica : shard.replicas) {
    const std::string name = "node " + std::to_string(replica.node);
    if (!replica.view) {
      add("not checked on " + name + ", which is down or has no copy (look at ringfortctl status)");
    } else if (!HasSum(replica, verdict.index)) {
      add("not checked on " + name + ", whose sum did not come in time (give it a longer --wait)");
    } else if (const SumView& sum = *replica.view->sum; !sum.error.empty()) {
      add("the copy on " + name + " is damaged: " + sum.error +
          " (it is repaired from the shard's primary by itself: ringfortctl doctor says how far)");
    } else {
      nodes_by_sum[{sum.checksum, sum.entries, sum.bytes}].push_back(replica.node);
    }
  }
  for (const auto& [sum, nodes] : nodes_by_sum) {
    if (nodes.size() <= verdict.equal.size()) continue;
    verdict.equal = nodes;
    verdict.entries = std::get<1>(sum);
  }
  const bool majority = 2 * verdict.equal.size() > shard.replicas.size();
  for (const auto& [sum, nodes] : nodes_by_sum) {
    if (nodes == verdict.equal) continue;
    for (const std::uint32_t node : nodes) {
      add("node " + std::to_string(node) + " holds other data than " + NodesText(verdict.equal) +
          " at index " + std::to_string(verdict.index) +
          (majority ? Rebuild(node)
                    : " (no majority agrees: keep the data directories of all, and report it)"));
    }
  }
  return verdict;
}

Verifier::Verifier(Client& client, const survey::Survey& before, std::chrono::milliseconds timeout,
                   std::chrono::milliseconds wait, Terminal& terminal)
    : client_(client), timeout_(timeout), wait_(wait), progress_(terminal) {
  for (const survey::ShardReport& shard : before.shards) {
    std::uint64_t bytes = 0;
    for (const survey::ShardReplica& replica : shard.replicas) {
      if (replica.view) bytes = std::max(bytes, replica.view->data_bytes);
    }
    shard_bytes_.push_back(bytes);
  }
}

std::vector<ShardVerdict> Verifier::Run(std::deque<std::uint32_t> shards) {
  state_.total_bytes = 0;
  for (const std::uint32_t shard : shards) *state_.total_bytes += shard_bytes_.at(shard);
  patient_until_ = Clock::now() + timeout_;
  while (!shards.empty() || !rounds_.empty()) {
    const Result<survey::Survey> survey = survey::Take(client_, std::min(timeout_, kPollTimeout));
    std::erase_if(rounds_, [&](Round& round) { return Look(&round, survey); });
    BeginSome(survey, &shards);
    progress_.Show(state_);
    if (!rounds_.empty() || !shards.empty()) std::this_thread::sleep_for(kPollInterval);
  }
  progress_.Clear();
  return std::move(verdicts_);
}

void Verifier::BeginSome(const Result<survey::Survey>& survey, std::deque<std::uint32_t>* shards) {
  for (std::size_t left = shards->size(); left > 0 && rounds_.size() < kShardsAtOnce; --left) {
    const std::uint32_t shard = shards->front();
    shards->pop_front();
    if (survey.ok() && survey->shards.at(shard).primary != 0) {
      if (!Begin(shard)) return;  // The survey may be old by now.
      patient_until_ = Clock::now() + timeout_;
    } else if (Clock::now() < patient_until_) {
      shards->push_back(shard);
    } else {
      AddUnchecked(shard, survey.ok() ? "it has no primary (ringfortctl doctor says why)"
                                      : survey.status().message());
    }
  }
  if (rounds_.size() == kShardsAtOnce) patient_until_ = Clock::now() + timeout_;
}

bool Verifier::Begin(std::uint32_t shard) {
  const Result<std::uint64_t> index = client_.StartVerify(shard, {.timeout = timeout_});
  if (!index.ok()) {
    AddUnchecked(shard, index.status().message());
    return false;
  }
  const Clock::time_point now = Clock::now();
  rounds_.push_back({.shard = shard, .index = *index, .begun = now, .deadline = now + wait_});
  return true;
}

bool Verifier::Look(Round* round, const Result<survey::Survey>& survey) {
  const bool late = Clock::now() >= round->deadline;
  if (!survey.ok()) {
    if (late) AddUnchecked(round->shard, survey.status().message());
    return late;
  }
  const survey::ShardReport& shard = survey->shards.at(round->shard);
  const std::uint64_t newest = NewestIndex(shard, round->index);
  bool misses = false;
  bool waits = false;
  bool one_is_there = false;
  for (const survey::ShardReplica& replica : shard.replicas) {
    misses = misses || !replica.view;
    waits = waits || (replica.view && !HasSum(replica, newest));
    one_is_there = one_is_there || HasSum(replica, newest);
  }
  if (misses) ++round->misses;
  if (!late && (waits || (misses && round->misses < kMissesMax))) {
    if (one_is_there) AskAgainInTime(round);
    return false;
  }
  Add(Compare(shard, round->index));
  return true;
}

void Verifier::AskAgainInTime(Round* round) {
  const Clock::time_point now = Clock::now();
  if (!round->again_at) round->again_at = now + std::max(now - round->begun, round->patience);
  if (now < *round->again_at) return;
  // Where it fails, the sums of the index so far may still come.
  const Result<std::uint64_t> index = client_.StartVerify(round->shard, {.timeout = timeout_});
  if (index.ok()) round->index = *index;
  round->begun = now;
  round->again_at.reset();
  round->patience *= 2;
}

void Verifier::AddUnchecked(std::uint32_t shard, const std::string& why) {
  Add({.shard = shard, .troubles = {Prefix(shard) + "not checked: " + why}});
}

void Verifier::Add(ShardVerdict verdict) {
  state_.entries += verdict.entries;
  state_.bytes += shard_bytes_.at(verdict.shard);
  verdicts_.push_back(std::move(verdict));
}

int RunVerify(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const Result<survey::Survey> before = survey::Take(client, line.Duration("timeout"));
  if (!before.ok()) return cli::Fail(terminal.err, "verify", before.status());
  std::deque<std::uint32_t> shards;
  for (const survey::ShardReport& shard : before->shards) shards.push_back(shard.id);
  if (line.Has("shard")) {
    const std::uint64_t shard = line.Number("shard");
    if (shard >= shards.size()) {
      return cli::Fail(terminal.err, "verify",
                       {Code::kInvalidArgument,
                        "there is no shard " + std::to_string(shard) + ", the cluster has " +
                            std::to_string(shards.size()) + " (they count from 0)"});
    }
    shards = {static_cast<std::uint32_t>(shard)};
  }
  Verifier verifier(client, *before, line.Duration("timeout"), line.Duration("wait"), terminal);
  const std::vector<ShardVerdict> verdicts = verifier.Run(std::move(shards));
  std::uint64_t entries = 0;
  std::size_t troubled = 0;
  for (const ShardVerdict& verdict : verdicts) {
    entries += verdict.entries;
    if (!verdict.troubles.empty()) ++troubled;
  }
  const std::string count = cli::CountText(verdicts.size()) + " shards";
  if (line.Text("format") == "json") {
    terminal.out << Dumped(VerdictsJson(verdicts));
  } else {
    for (const ShardVerdict& verdict : verdicts) {
      for (const std::string& trouble : verdict.troubles) terminal.out << trouble << "\n";
    }
    if (troubled == 0) {
      terminal.out << count << ", " << cli::CountText(entries)
                   << " entries: equal on all replicas\n";
    }
  }
  if (troubled == 0) return cli::kDone;
  return cli::Fail(terminal.err, "verify",
                   {Code::kConditionFailed, cli::CountText(troubled) + " of " + count +
                                                " are not equal on all replicas, or not checked on"
                                                " all (do what is said of each)"});
}

}  // namespace ringfort::ctl
