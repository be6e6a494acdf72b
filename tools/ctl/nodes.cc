#include "tools/ctl/nodes.h"

#include <string>

#include "ringfort/admin.h"
#include "tools/cli/errors.h"
#include "tools/cli/numbers.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/repair_text.h"
#include "tools/ctl/text_table.h"

namespace ringfort::ctl {
namespace {

/// "12", or "12 -> 20" while it changes.
std::string NowAndPlanned(std::uint32_t now, std::uint32_t planned) {
  const std::string text = std::to_string(now);
  return now == planned ? text : text + " -> " + std::to_string(planned);
}

/// What is to be said of a node beyond its row; empty when all is well.
std::string NoteOn(const ClusterStateView& state, const NodeSummaryView& node) {
  if (node.node.state == NodeState::kGone) return "";
  if (!node.alive) {
    const std::string repair = RepairText(state, node);
    return "silent for " + cli::DurationText(node.silent) + (repair.empty() ? "" : "; " + repair);
  }
  if (node.leaving) return "it is being stopped";
  if (node.disk_room != DiskRoom::kEnough) {
    return "its disk is " + RoomName(node.disk_room) + " (free space on it)";
  }
  if (!node.ready) return "some of its replicas have not caught up";
  return "";
}

void PrintNodes(const ClusterStateView& state, std::ostream& out) {
  TextTable table({">node", "address", "zone", ">weight", "state", "alive", "release", ">replicas",
                   ">primaries", ">data", ">free", ">load"});
  for (const NodeSummaryView& node : state.nodes) {
    table.Add(
        {std::to_string(node.node.id), node.node.address, node.node.zone,
         std::to_string(node.node.weight), StateName(node.node.state), node.alive ? "yes" : "no",
         node.release, NowAndPlanned(node.replicas, node.replicas_planned),
         NowAndPlanned(node.primaries, node.primaries_planned), cli::BytesText(node.data_bytes),
         cli::BytesText(node.disk_free_bytes), LoadText(node.load)});
    if (const std::string note = NoteOn(state, node); !note.empty()) table.AddNote(note);
  }
  table.Print(out);
  if (state.paused) out << "moves are paused: none begins (ringfortctl rebalance --resume)\n";
}

}  // namespace

int RunNodes(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const Result<ClusterStateView> state = client.ClusterState();
  if (!state.ok()) return cli::Fail(terminal.err, "nodes", state.status());
  if (line.Text("format") == "json") {
    Json json = {{"nodes", Json::array()},
                 {"paused", state->paused},
                 {"feature_level", state->features.level}};
    for (const NodeSummaryView& node : state->nodes) json["nodes"].push_back(NodeSummaryJson(node));
    terminal.out << Dumped(json);
  } else {
    PrintNodes(*state, terminal.out);
  }
  return cli::kDone;
}

}  // namespace ringfort::ctl
