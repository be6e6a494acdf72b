#include "tools/ctl/debug_log.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <system_error>

#include "tools/cli/errors.h"
#include "tools/cli/numbers.h"
#include "tools/ctl/json_bytes.h"
#include "wal/log_reader.h"

namespace ringfort::ctl {
namespace {

struct Counts {
  std::uint64_t records = 0;
  std::uint64_t payload_bytes = 0;
  std::map<std::string, std::uint64_t> by_type;
};

Json JsonOf(const wal::LogLine& line) {
  Json json = {{"segment", line.segment},     {"offset", line.offset},
               {"batch", line.batch},         {"type", wal::RecordTypeName(line.type)},
               {"shard", line.shard.value()}, {"term", line.term.value()},
               {"index", line.index.value()}, {"payload_bytes", line.payload_bytes}};
  return json;
}

/// Where the log of `dir` is: the folder itself, or a node's data directory around it.
std::string LogFolder(const std::string& dir) {
  std::error_code ignored;
  const std::filesystem::path inside = std::filesystem::path(dir) / "log";
  return std::filesystem::is_directory(inside, ignored) ? inside.string() : dir;
}

/// Prints the records that the flags ask for, and counts all of their shard.
class Listing {
 public:
  Listing(const cli::CommandLine& line, Terminal& terminal)
      : terminal_(terminal), json_(line.Text("format") == "json") {
    if (line.Has("shard")) shard_ = ShardId(static_cast<std::uint32_t>(line.Number("shard")));
    if (line.Has("limit")) left_ = line.Number("limit");
    if (line.Switch("summary")) left_ = 0;
    if (json_) terminal_.out << "{\"records\": [";
  }

  void Add(const wal::LogLine& line) {
    if (shard_ && line.shard != *shard_) return;
    ++counts_.records;
    counts_.payload_bytes += line.payload_bytes;
    ++counts_.by_type[std::string(wal::RecordTypeName(line.type))];
    if (left_ == 0) return;
    --left_;
    if (json_) {
      terminal_.out << (counts_.records > 1 ? ",\n" : "") << JsonText(JsonOf(line));
    } else {
      terminal_.out << line.ToString() << "\n";
    }
  }

  void End(const wal::ScanResult& result) {
    if (json_) {
      Json rest = {{"verdict", wal::VerdictName(result.verdict)},
                   {"end", {{"file", result.path}, {"offset", result.offset}}},
                   {"what", result.what},
                   {"segments", result.segments.size()},
                   {"next_batch", result.next_batch},
                   {"count", counts_.records},
                   {"payload_bytes", counts_.payload_bytes},
                   {"by_type", counts_.by_type}};
      // The list stands open: the rest of the object goes behind it.
      terminal_.out << "], " << JsonText(rest).substr(1) << "\n";
      return;
    }
    terminal_.out << cli::CountText(counts_.records) << " records in "
                  << cli::CountText(result.segments.size()) << " segments, "
                  << cli::BytesText(counts_.payload_bytes) << " of payload";
    for (const auto& [type, count] : counts_.by_type) {
      terminal_.out << "; " << type << " " << cli::CountText(count);
    }
    terminal_.out << "\n" << wal::DescribeEnd(result) << "\n";
  }

  /// The answer stays JSON when the files cannot be looked at.
  void Abandon() {
    if (json_) terminal_.out << "]}\n";
  }

 private:
  Terminal& terminal_;
  const bool json_;
  std::optional<ShardId> shard_;
  std::uint64_t left_ = UINT64_MAX;
  Counts counts_;
};

}  // namespace

int RunDebugLog(const cli::CommandLine& line, Terminal& terminal) {
  const std::string& dir = line.words()[0];
  Listing listing(line, terminal);
  const Result<wal::ScanResult> result =
      wal::ReadLog(LogFolder(dir), [&listing](const wal::LogLine& record) { listing.Add(record); });
  if (!result.ok()) {
    listing.Abandon();
    return cli::Fail(terminal.err, "debug log " + cli::Printable(dir), result.status());
  }
  listing.End(*result);
  if (result->verdict != wal::Verdict::kDamaged) return cli::kDone;
  return cli::Fail(terminal.err, "debug log " + cli::Printable(dir), result->DamageStatus());
}

}  // namespace ringfort::ctl
