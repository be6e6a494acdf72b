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

/// A new map reaches every node that is well within this time.
constexpr std::chrono::milliseconds kMapSpreads{1000};

bool SomeoneLags(const ClusterStateView& state) {
  return std::any_of(state.nodes.begin(), state.nodes.end(), [&](const NodeSummaryView& node) {
    return node.alive && node.map_version != 0 && node.map_version < state.map_version;
  });
}

Result<Evidence> Gather(Client& client, std::chrono::milliseconds timeout) {
  Result<survey::Survey> survey = survey::Take(client, timeout);
  if (!survey.ok()) return survey.status();
  Result<ClusterStateView> state = client.ClusterState();
  const std::uint64_t known = state.ok() ? state->map_version : 0;
  if (state.ok() && SomeoneLags(*state)) {
    std::this_thread::sleep_for(kMapSpreads);
    state = client.ClusterState();
  }
  return Evidence{std::move(survey).value(), std::move(state), known};
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
