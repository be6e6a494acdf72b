#include "tools/ctl/import.h"

#include <utility>

#include "tools/cli/errors.h"
#include "tools/cli/numbers.h"

namespace ringfort::ctl {
namespace {

constexpr std::uint64_t kTroublesShown = 20;
/// Values on their way; keeps memory small where they are large.
constexpr std::size_t kInFlightBytesMax = std::size_t{64} << 20;
/// After so many in a row the cluster is gone, not troubled.
constexpr std::uint64_t kFailuresInARowMax = 256;

bool IsAboutTheLine(Code code) {
  return code == Code::kTooLarge || code == Code::kInvalidArgument;
}

}  // namespace

Importer::Importer(Client& client, EntryFormat format, std::size_t in_flight_max,
                   Terminal& terminal)
    : client_(client),
      format_(format),
      in_flight_max_(in_flight_max),
      terminal_(terminal),
      progress_(terminal) {}

Status Importer::Run(LineReader& lines) {
  Status result;
  while (true) {
    Result<std::optional<LineReader::Line>> next = lines.Next();
    if (!next.ok()) {
      result = next.status();
      break;
    }
    if (!next->has_value()) break;
    const LineReader::Line& line = **next;
    if (line.too_long) {
      const std::lock_guard lock(mutex_);
      Note(line.number, true, "is longer than any entry can be (is this the right --format?)");
    } else if (!line.text.empty()) {
      Result<Entry> entry = ParseLine(format_, line.text);
      if (entry.ok()) {
        Send(line.number, *entry);
      } else {
        const std::lock_guard lock(mutex_);
        Note(line.number, true, entry.status().message());
      }
    }
    Report(lines);
    const std::lock_guard lock(mutex_);
    if (failures_in_a_row_ >= kFailuresInARowMax) {
      result = Status(
          Code::kUnavailable,
          "the last " + std::to_string(failures_in_a_row_) + " writes failed; gave up at line " +
              std::to_string(line.number) + " (look at ringfortctl status, then import again:" +
              " entries that are there already are written once more, which does no harm)");
      break;
    }
  }
  WaitForAll();
  Report(lines);
  progress_.Clear();
  return result;
}

void Importer::Send(std::uint64_t line, const Entry& entry) {
  const std::size_t bytes =
      entry.key.shard_key.size() + entry.key.sort_key.size() + entry.value.size();
  {
    std::unique_lock lock(mutex_);
    answered_.wait(lock, [&] {
      if (in_flight_.empty()) return true;
      return in_flight_.size() < in_flight_max_ && in_flight_bytes_ + bytes <= kInFlightBytesMax &&
             !in_flight_.contains(entry.key);
    });
    in_flight_.insert(entry.key);
    in_flight_bytes_ += bytes;
  }
  client_.AsyncPut(entry.key, entry.value, {},
                   [this, line, key = entry.key, bytes](const Result<Version>& answer) {
                     OnAnswer(line, key, bytes, answer.status());
                   });
}

void Importer::OnAnswer(std::uint64_t line, const Key& key, std::size_t bytes,
                        const Status& status) {
  const std::lock_guard lock(mutex_);
  in_flight_.erase(key);
  in_flight_bytes_ -= bytes;
  if (status.ok()) {
    ++counts_.stored;
    failures_in_a_row_ = 0;
  } else if (IsAboutTheLine(status.code())) {
    Note(line, true, status.message());
  } else {
    Note(line, false, status.message());
    ++failures_in_a_row_;
  }
  // Under the lock: once Run has seen the last answer, `this` may go.
  answered_.notify_all();
}

void Importer::Note(std::uint64_t line, bool bad, std::string message) {
  ++(bad ? counts_.bad : counts_.failed);
  if (++troubles_seen_ <= kTroublesShown) troubles_.push_back({line, bad, std::move(message)});
}

void Importer::Report(const LineReader& lines) {
  std::vector<Trouble> troubles;
  ProgressState state{.bytes = lines.consumed_bytes(), .total_bytes = lines.total_bytes()};
  bool last_shown = false;
  {
    const std::lock_guard lock(mutex_);
    troubles.swap(troubles_);
    state.entries = counts_.stored;
    last_shown = !troubles.empty() && troubles_seen_ >= kTroublesShown;
  }
  if (!troubles.empty()) progress_.Clear();
  for (const Trouble& trouble : troubles) {
    terminal_.err << "line " << trouble.line << ": " << (trouble.bad ? "" : "not stored: ")
                  << trouble.message << "\n";
  }
  if (last_shown) terminal_.err << "further lines with errors are counted, not shown\n";
  progress_.Show(state);
}

void Importer::WaitForAll() {
  std::unique_lock lock(mutex_);
  answered_.wait(lock, [this] { return in_flight_.empty(); });
}

EntryFormat FormatOf(const cli::CommandLine& line) {
  if (line.Text("format") == "jsonl") return EntryFormat::kJsonLines;
  const std::string& columns = line.Text("columns");
  if (columns == "key,value") return EntryFormat::kTsvKeyValue;
  return columns == "auto" ? EntryFormat::kTsv : EntryFormat::kTsvKeySortKeyValue;
}

int RunImport(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const std::string& path = line.words()[0];
  const std::string what = "import " + cli::Printable(path);
  Result<LineReader> lines = LineReader::Open(path, kLineBytesMax);
  if (!lines.ok()) return cli::Fail(terminal.err, "import", lines.status());
  Importer importer(client, FormatOf(line), line.Number("in_flight"), terminal);
  const Status status = importer.Run(*lines);
  const ImportCounts& counts = importer.counts();
  terminal.err << "imported "
               << SummaryLine({.entries = counts.stored,
                               .bytes = lines->consumed_bytes(),
                               .total_bytes = {},
                               .elapsed = importer.elapsed()})
               << "; " << cli::CountText(counts.bad) << " lines were bad, "
               << cli::CountText(counts.failed) << " were not stored\n";
  if (!status.ok()) return cli::Fail(terminal.err, what, status);
  if (counts.bad + counts.failed == 0) return cli::kDone;
  return cli::Fail(
      terminal.err, what,
      {Code::kConditionFailed, cli::CountText(counts.bad + counts.failed) +
                                   " lines are not in the cluster (mend what is named above"
                                   " and import those lines again)"});
}

}  // namespace ringfort::ctl
