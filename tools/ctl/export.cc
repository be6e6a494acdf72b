#include "tools/ctl/export.h"

#include <future>
#include <memory>
#include <utility>

#include "tools/cli/errors.h"
#include "tools/ctl/entry_format.h"
#include "tools/ctl/import.h"
#include "tools/ctl/output_file.h"
#include "tools/ctl/progress.h"

namespace ringfort::ctl {
namespace {

/// A page ends near 1 MiB anyway: this many small entries fill it.
constexpr std::uint32_t kPageEntries = 10'000;

std::future<Result<ScanAllPage>> Fetch(Client& client, const std::string& resume) {
  auto promise = std::make_shared<std::promise<Result<ScanAllPage>>>();
  std::future<Result<ScanAllPage>> page = promise->get_future();
  client.AsyncScanAll(resume, {.limit = kPageEntries}, [promise](Result<ScanAllPage> answer) {
    promise->set_value(std::move(answer));
  });
  return page;
}

/// Writes all pages; `state` counts along.
Status WriteAll(Client& client, EntryFormat format, OutputFile& output, Progress& progress,
                ProgressState* state) {
  std::future<Result<ScanAllPage>> next = Fetch(client, "");
  bool more = true;
  while (more) {
    Result<ScanAllPage> page = next.get();
    if (!page.ok()) return page.status();
    more = page->more;
    // The next page travels while this one is written.
    if (more) next = Fetch(client, page->resume);
    std::string lines;
    for (ScanEntry& entry : page->entries) {
      Status status =
          AppendLine(format, Entry{std::move(entry.key), std::move(entry.value)}, &lines);
      if (!status.ok()) return status;
    }
    if (Status status = output.Write(lines); !status.ok()) return status;
    state->entries += page->entries.size();
    state->bytes += lines.size();
    progress.Show(*state);
  }
  return output.Finish();
}

}  // namespace

int RunExport(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const std::string path = line.words().empty() ? "-" : line.words()[0];
  Result<OutputFile> output = OutputFile::Open(path);
  if (!output.ok()) return cli::Fail(terminal.err, "export", output.status());
  Progress progress(terminal);
  ProgressState state;
  const Status status = WriteAll(client, FormatOf(line), *output, progress, &state);
  progress.Clear();
  if (!status.ok()) return cli::Fail(terminal.err, "export", status);
  state.elapsed = progress.elapsed();
  terminal.err << "exported " << SummaryLine(state) << "\n";
  return cli::kDone;
}

}  // namespace ringfort::ctl
