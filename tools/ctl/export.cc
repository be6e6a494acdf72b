#include "tools/ctl/export.h"

#include <algorithm>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/cli/errors.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/numbers.h"
#include "tools/ctl/cluster_text.h"
#include "tools/ctl/entry_format.h"
#include "tools/ctl/import.h"
#include "tools/ctl/output_file.h"
#include "tools/ctl/progress.h"
#include "tools/survey/survey.h"

namespace ringfort::ctl {
namespace {

/// A page ends near 1 MiB anyway: this many small entries fill it.
constexpr std::uint32_t kPageEntries = 10'000;

/// `node`: only that node's copies, as old as they may be; 0: every write that was acknowledged.
std::future<Result<ScanAllPage>> Fetch(Client& client, const std::string& resume,
                                       std::uint32_t node = 0) {
  auto promise = std::make_shared<std::promise<Result<ScanAllPage>>>();
  std::future<Result<ScanAllPage>> page = promise->get_future();
  ScanOptions options;
  options.limit = kPageEntries;
  options.node = node;
  if (node != 0) options.consistency = Consistency::kAnyReplica;
  client.AsyncScanAll(resume, options, [promise](Result<ScanAllPage> answer) {
    promise->set_value(std::move(answer));
  });
  return page;
}

/// Where the lines go, and who counts them.
struct Sink {
  EntryFormat format;
  OutputFile* output;
  Progress* progress;
  ProgressState* state;
  const cli::Interrupt* interrupt;

  Status Write(ScanAllPage* page) const {
    if (!interrupt->Wait(std::chrono::nanoseconds(0))) {
      return {Code::kCancelled, "it was interrupted after " + cli::CountText(state->entries) +
                                    " entries (a file keeps what it had before; begin again)"};
    }
    std::string lines;
    for (ScanEntry& entry : page->entries) {
      Status status =
          AppendLine(format, Entry{std::move(entry.key), std::move(entry.value)}, &lines);
      if (!status.ok()) return status;
    }
    if (Status status = output->Write(lines); !status.ok()) return status;
    state->entries += page->entries.size();
    state->bytes += lines.size();
    progress->Show(*state);
    return {};
  }
};

/// Writes all pages.
Status WriteAll(Client& client, const Sink& sink) {
  std::future<Result<ScanAllPage>> next = Fetch(client, "");
  bool more = true;
  while (more) {
    Result<ScanAllPage> page = next.get();
    if (!page.ok()) return page.status();
    more = page->more;
    // The next page travels while this one is written.
    if (more) next = Fetch(client, page->resume);
    if (Status status = sink.Write(&*page); !status.ok()) return status;
  }
  return sink.output->Finish();
}

/// The copies of a shard that answer, the one that has applied the most first.
std::vector<std::uint32_t> CopiesOf(const survey::Survey& survey, std::uint32_t shard) {
  std::vector<std::pair<std::uint64_t, std::uint32_t>> copies;
  for (const survey::NodeReport& report : survey.nodes) {
    if (!report.status) continue;
    for (const ReplicaView& replica : report.status->replicas) {
      if (replica.shard == shard) copies.emplace_back(replica.applied, report.node.id);
    }
  }
  std::stable_sort(copies.begin(), copies.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::uint32_t> nodes;
  for (const auto& [applied, node] : copies) nodes.push_back(node);
  return nodes;
}

/// Which node each shard was read from, and why the others were not.
struct Sources {
  std::map<std::uint32_t, std::vector<std::string>> shards_of;
  std::string missing;

  void Miss(std::uint32_t shard, const std::string& why) {
    missing += (missing.empty() ? "shard " : "; shard ") + std::to_string(shard) + ": " + why;
  }
};

/// One shard from one copy. Once a line of it is written another copy is no help.
Status WriteShard(Client& client, std::uint32_t shard, std::uint32_t shards,
                  const std::vector<std::uint32_t>& nodes, const Sink& sink, Sources* sources) {
  Status why(Code::kUnavailable, "no node that answers has a copy");
  const std::string end = ScanAllPosition(shard + 1, shards);
  for (const std::uint32_t node : nodes) {
    Result<ScanAllPage> page = Fetch(client, ScanAllPosition(shard, shards), node).get();
    if (!page.ok()) {
      why = page.status();
      continue;
    }
    while (true) {
      if (Status status = sink.Write(&*page); !status.ok()) return status;
      if (!page->more || page->resume == end) break;
      page = Fetch(client, page->resume, node).get();
      if (!page.ok()) {
        return {page.status().code(), "shard " + std::to_string(shard) + " of node " +
                                          std::to_string(node) +
                                          " was read in part: " + page.status().message()};
      }
    }
    sources->shards_of[node].push_back(std::to_string(shard));
    return {};
  }
  sources->Miss(shard, why.message());
  return {};
}

/// Each shard from the copy that is left, or the newest of those.
Status WriteCopies(Client& client, std::chrono::milliseconds timeout, const Sink& sink,
                   Sources* sources) {
  const Result<survey::Survey> survey = survey::Take(client, timeout);
  if (!survey.ok()) return survey.status();
  const auto shards = static_cast<std::uint32_t>(survey->map.shards.size());
  for (std::uint32_t shard = 0; shard < shards; ++shard) {
    Status status = WriteShard(client, shard, shards, CopiesOf(*survey, shard), sink, sources);
    if (!status.ok()) return status;
  }
  return sink.output->Finish();
}

std::string Joined(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

/// What the file is worth.
void SaySources(const Sources& sources, std::ostream& err) {
  for (const auto& [node, shards] : sources.shards_of) {
    err << "read from node " << node
        << ", as its copy is, perhaps old: " << (shards.size() == 1 ? "shard " : "shards ")
        << Joined(shards) << "\n";
  }
}

}  // namespace

int RunExport(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const std::string path = line.words().empty() ? "-" : line.words()[0];
  Result<OutputFile> output = OutputFile::Open(path);
  if (!output.ok()) return cli::Fail(terminal.err, "export", output.status());
  Progress progress(terminal);
  ProgressState state;
  const cli::Interrupt interrupt;
  const Sink sink{FormatOf(line), &*output, &progress, &state, &interrupt};
  const bool any_replica = line.Text("consistency") == "any-replica";
  Sources sources;
  const Status status = any_replica ? WriteCopies(client, line.Duration("timeout"), sink, &sources)
                                    : WriteAll(client, sink);
  progress.Clear();
  SaySources(sources, terminal.err);
  if (!status.ok()) return cli::Fail(terminal.err, "export", status);
  state.elapsed = progress.elapsed();
  terminal.err << "exported " << SummaryLine(state) << "\n";
  if (sources.missing.empty()) return cli::kDone;
  return cli::Fail(terminal.err, "export",
                   {Code::kUnavailable, "not all shards are in the file: " + sources.missing +
                                            " (start more nodes, and export again)"});
}

}  // namespace ringfort::ctl
