#include "tools/ctl/nodes.h"

#include <string>

#include "ringfort/admin.h"
#include "tools/cli/errors.h"
#include "tools/cli/numbers.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/text_table.h"

namespace ringfort::ctl {
namespace {

/// "12", or "12 -> 20" while it changes.
std::string NowAndPlanned(std::uint32_t now, std::uint32_t planned) {
  const std::string text = std::to_string(now);
  return now == planned ? text : text + " -> " + std::to_string(planned);
}

/// What is to be said of a node beyond its row; empty when all is well.
std::string NoteOn(const NodeSummaryView& node) {
  if (node.node.state == NodeState::kGone) return "";
  if (!node.alive) {
    std::string note = "silent for " + cli::DurationText(node.silent);
    if (node.replicas_planned == 0) return note;
    return note + (node.repair_in.count() > 0
                       ? "; its replicas are rebuilt on others in " +
                             cli::DurationText(node.repair_in) + " unless it comes back"
                       : "; its replicas are being rebuilt on others");
  }
  if (node.leaving) return "it is being stopped";
  if (node.disk_room != DiskRoom::kEnough) {
    return "its disk is " + RoomName(node.disk_room) + " (free space on it)";
  }
  if (!node.ready) return "some of its replicas have not caught up";
  return "";
}

void PrintNodes(const ClusterStateView& state, std::ostream& out) {
  TextTable table({">node", "address", "zone", ">weight", "state", "alive", ">replicas",
                   ">primaries", ">data", ">free", ">load"});
  for (const NodeSummaryView& node : state.nodes) {
    table.Add({std::to_string(node.node.id), node.node.address, node.node.zone,
               std::to_string(node.node.weight), StateName(node.node.state),
               node.alive ? "yes" : "no", NowAndPlanned(node.replicas, node.replicas_planned),
               NowAndPlanned(node.primaries, node.primaries_planned),
               cli::BytesText(node.data_bytes), cli::BytesText(node.disk_free_bytes),
               LoadText(node.load)});
    if (const std::string note = NoteOn(node); !note.empty()) table.AddNote(note);
  }
  table.Print(out);
}

}  // namespace

int RunNodes(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const Result<ClusterStateView> state = client.ClusterState();
  if (!state.ok()) return cli::Fail(terminal.err, "nodes", state.status());
  if (line.Text("format") == "json") {
    Json json = {{"nodes", Json::array()}};
    for (const NodeSummaryView& node : state->nodes) json["nodes"].push_back(NodeSummaryJson(node));
    terminal.out << Dumped(json);
  } else {
    PrintNodes(*state, terminal.out);
  }
  return cli::kDone;
}

}  // namespace ringfort::ctl
