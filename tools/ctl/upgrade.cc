#include "tools/ctl/upgrade.h"

#include <string>

#include "ringfort/admin.h"
#include "tools/cli/errors.h"
#include "tools/ctl/cluster_text.h"

namespace ringfort::ctl {
namespace {

std::string LevelText(std::uint32_t level, const std::string& release) {
  return "feature level " + std::to_string(level) + " (release " + release + ")";
}

}  // namespace

int RunUpgradeFinalize(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const bool dry_run = line.Switch("dry-run");
  const Result<ClusterStateView> before = client.ClusterState();
  if (!before.ok()) return cli::Fail(terminal.err, "upgrade finalize", before.status());
  const Result<FeatureView> after = client.FinalizeUpgrade(dry_run);
  if (!after.ok()) return cli::Fail(terminal.err, "upgrade finalize", after.status());
  const bool raises = after->level != before->features.level;
  if (line.Text("format") == "json") {
    terminal.out << Dumped({{"level", after->level},
                            {"release", after->release},
                            {"level_before", before->features.level},
                            {"dry_run", dry_run}});
    return cli::kDone;
  }
  const std::string level = LevelText(after->level, after->release);
  if (!raises) {
    terminal.out << "the cluster is at " << level << ", the newest that its primary knows\n";
  } else if (dry_run) {
    terminal.out << "would raise the cluster to " << level
                 << ": after that no node can run an older release\n";
  } else {
    terminal.out << "the cluster is at " << level << " now\n";
  }
  return cli::kDone;
}

}  // namespace ringfort::ctl
