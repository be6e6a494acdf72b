#include "tools/ctl/doctor.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

#include "ringfort/admin.h"
#include "tools/cli/errors.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/findings.h"
#include "tools/survey/survey.h"

namespace ringfort::ctl {
namespace {

using Clock = std::chrono::steady_clock;

/// What a start, a move or a new map leaves behind on nodes that are well passes within this time.
constexpr std::chrono::milliseconds kPasses{3000};
constexpr std::chrono::milliseconds kPollInterval{200};

bool SomeoneLags(const ClusterStateView& state) {
  return std::any_of(state.nodes.begin(), state.nodes.end(), [&](const NodeSummaryView& node) {
    return node.alive && node.map_version != 0 && node.map_version < state.map_version;
  });
}

/// By the reports of their primaries, which come behind what happens.
bool SomeVotersAreIll(const ClusterStateView& state) {
  return std::any_of(state.shards.begin(), state.shards.end(), [](const ShardSummaryView& shard) {
    return shard.healthy_voters.size() < shard.voters.size();
  });
}

/// Every node answers, and yet not all is well.
bool MayPass(const survey::Survey& survey, const ClusterStateView& state) {
  const bool all_up =
      std::all_of(survey.nodes.begin(), survey.nodes.end(), [](const survey::NodeReport& report) {
        return report.status.has_value() || report.node.state == NodeState::kGone;
      });
  return all_up && (!survey.has_primaries() || SomeVotersAreIll(state));
}

Result<Evidence> Gather(Client& client, std::chrono::milliseconds timeout) {
  const Clock::time_point end = Clock::now() + kPasses;
  std::uint64_t known_map_version = 0;
  while (true) {
    Result<survey::Survey> survey = survey::Take(client, timeout);
    if (!survey.ok()) return survey.status();
    Result<ClusterStateView> state = client.ClusterState();
    // A map that came since the first look may still be on its way.
    if (state.ok() && known_map_version == 0) known_map_version = state->map_version;
    const bool wait = state.ok() && (SomeoneLags(*state) || MayPass(*survey, *state));
    if (!wait || Clock::now() >= end) {
      return Evidence{std::move(survey).value(), std::move(state), known_map_version};
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

}  // namespace

int RunDoctor(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const Result<Evidence> evidence = Gather(client, line.Duration("timeout"));
  if (!evidence.ok()) return cli::Fail(terminal.err, "doctor", evidence.status());
  const std::vector<Finding> findings = Diagnose(*evidence);
  const bool well = std::all_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.severity == Severity::kNote;
  });
  if (line.Text("format") == "json") {
    Json json = {{"well", well}, {"findings", Json::array()}};
    for (const Finding& finding : findings) {
      json["findings"].push_back({{"severity", SeverityName(finding.severity)},
                                  {"what", finding.what},
                                  {"why", finding.why},
                                  {"what_to_do", finding.what_to_do}});
    }
    terminal.out << Dumped(json);
  } else {
    for (const Finding& finding : findings) {
      terminal.out << SeverityName(finding.severity) << ": " << finding.what << ": " << finding.why
                   << " (" << finding.what_to_do << ")\n";
    }
    if (well) {
      terminal.out << "all is well: " << Plural(evidence->survey.nodes.size(), "node") << ", "
                   << Plural(evidence->survey.shards.size(), "shard") << "\n";
    }
  }
  return well ? cli::kDone : cli::kFailed;
}

}  // namespace ringfort::ctl
