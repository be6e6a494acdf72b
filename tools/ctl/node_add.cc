#include "tools/ctl/node_add.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include "ringfort/admin.h"
#include "tools/cli/errors.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/node_words.h"
#include "tools/ctl/ordered_change.h"

namespace ringfort::ctl {
namespace {

/// Enough for the new node to find the cluster though some are down.
constexpr std::size_t kSeeds = 5;

Status CheckAddress(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  const std::optional<std::uint64_t> port =
      colon == std::string::npos ? std::nullopt : cli::ParseNumber(address.substr(colon + 1));
  if (colon != 0 && port && *port >= 1 && *port <= 65535) return {};
  return {Code::kInvalidArgument, "--listen '" + cli::Printable(address) +
                                      "' is no HOST:PORT with a port from 1 to 65535 (give the "
                                      "address at which the others reach the node)"};
}

bool IsKnown(std::uint32_t id, const ClusterView& map) {
  return std::any_of(map.nodes.begin(), map.nodes.end(),
                     [id](const NodeView& node) { return node.id == id; });
}

/// The id that was given, or one above all: an id that was never used is no node that was gone.
Result<std::uint32_t> IdOf(const cli::CommandLine& line, const ClusterView& map) {
  if (!line.words().empty()) return NodeWord(line.words()[0]);
  std::uint32_t highest = 0;
  for (const NodeView& node : map.nodes) highest = std::max(highest, node.id);
  if (highest < std::numeric_limits<std::uint32_t>::max()) return highest + 1;
  std::uint32_t free = 1;
  while (IsKnown(free, map)) ++free;
  return free;
}

/// Neither the id nor the address is another node's. To ask again for the same node is fine.
Status CheckFree(std::uint32_t id, const std::string& address, const ClusterView& map) {
  for (const NodeView& node : map.nodes) {
    if (node.state == NodeState::kGone) continue;
    if (node.id == id && node.address != address) {
      return {Code::kConditionFailed, "node " + std::to_string(id) + " is a member already, at " +
                                          node.address + " (give another id)"};
    }
    if (node.id != id && node.address == address) {
      return {Code::kConditionFailed, "node " + std::to_string(node.id) + " is at " + address +
                                          " already (give another --listen)"};
    }
  }
  return {};
}

std::vector<std::string> StartWords(const cli::CommandLine& line, std::uint32_t id,
                                    const ClusterView& map) {
  std::string seeds;
  std::size_t count = 0;
  for (const NodeView& node : map.nodes) {
    if (node.state == NodeState::kGone || node.id == id) continue;
    if (count++ == kSeeds) break;
    seeds += (seeds.empty() ? "" : ",") + node.address;
  }
  std::vector<std::string> words = {"ringfortd", "--join=" + seeds, "--node=" + std::to_string(id),
                                    "--listen=" + line.Text("listen"),
                                    "--data_dir=" + line.Text("data_dir")};
  if (line.Has("zone")) words.push_back("--zone=" + line.Text("zone"));
  if (line.Has("weight")) words.push_back("--weight=" + std::to_string(line.Number("weight")));
  return words;
}

}  // namespace

std::string ShellLine(const std::vector<std::string>& words) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=,.:/@%+[]";
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    if (word.find_first_not_of(kPlain) == std::string::npos) {
      text += word;
      continue;
    }
    text += '\'';
    for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    text += '\'';
  }
  return text;
}

int RunNodeAdd(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const std::string& address = line.Text("listen");
  if (!line.Has("listen") || !line.Has("data_dir")) {
    return cli::Fail(terminal.err, "node add",
                     {Code::kInvalidArgument,
                      "the node needs an address and a directory (give --listen=HOST:PORT and "
                      "--data_dir=DIR)"});
  }
  if (Status wrong = CheckAddress(address); !wrong.ok()) {
    return cli::Fail(terminal.err, "node add", wrong);
  }
  if (line.Has("zone")) {
    if (Status wrong = CheckZone(line.Text("zone")); !wrong.ok()) {
      return cli::Fail(terminal.err, "node add", wrong);
    }
  }
  const Result<ClusterView> map = client.Map();
  if (!map.ok()) return cli::Fail(terminal.err, "node add", map.status());
  const Result<std::uint32_t> id = IdOf(line, *map);
  if (!id.ok()) return cli::Fail(terminal.err, "node add", id.status());
  if (Status taken = CheckFree(*id, address, *map); !taken.ok()) {
    return cli::Fail(terminal.err, "node add", taken);
  }
  const std::string start = ShellLine(StartWords(line, *id, *map));
  const bool as_json = line.Text("format") == "json";
  // A script that waits sees it too, and before the wait: the node must be started meanwhile.
  if (!as_json || line.Switch("wait")) {
    (as_json ? terminal.err : terminal.out)
        << "start the node so, on its machine and with an empty directory:\n\n  " << start << "\n"
        << std::endl;
  }
  if (line.Switch("wait")) {
    const Result<std::string> waited =
        WaitForMoves(client, Settled(*id), {}, WaitLimit(line), terminal);
    if (!waited.ok()) return cli::Fail(terminal.err, "node add", waited.status());
    if (!as_json) {
      terminal.out << "node " << *id << " has joined and holds its share: " << *waited << "\n";
    }
  }
  if (as_json) {
    terminal.out << Dumped(
        {{"node", *id}, {"address", address}, {"command", start}, {"waited", line.Switch("wait")}});
  }
  return cli::kDone;
}

}  // namespace ringfort::ctl
