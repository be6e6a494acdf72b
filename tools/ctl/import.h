// ringfortctl import: lines of a file into the cluster, many writes in flight, memory bounded.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "ringfort/client.h"
#include "tools/cli/command_line.h"
#include "tools/ctl/entry_format.h"
#include "tools/ctl/line_reader.h"
#include "tools/ctl/progress.h"
#include "tools/ctl/terminal.h"

namespace ringfort::ctl {

struct ImportCounts {
  std::uint64_t stored = 0;
  /// Lines that are no entry, or one over a limit.
  std::uint64_t bad = 0;
  /// Entries that the cluster did not take, or may not have taken.
  std::uint64_t failed = 0;
};

/// One import. Run is called once, by one thread; answers come in on the client's.
class Importer {
 public:
  Importer(Client& client, EntryFormat format, std::size_t in_flight_max, Terminal& terminal);

  /// Returns when every write has its answer. Where a key stands twice, the later line is what
  /// stays. A line that is bad or fails is reported (the first 20) and the import goes on; it ends
  /// early when the input cannot be read or the cluster takes nothing any more.
  Status Run(LineReader& lines);

  [[nodiscard]] const ImportCounts& counts() const { return counts_; }
  [[nodiscard]] std::chrono::milliseconds elapsed() const { return progress_.elapsed(); }

 private:
  struct Trouble {
    std::uint64_t line;
    bool bad;
    std::string message;
  };

  void Send(std::uint64_t line, const Entry& entry);
  void OnAnswer(std::uint64_t line, const Key& key, std::size_t bytes, const Status& status);
  /// Requires the lock.
  void Note(std::uint64_t line, bool bad, std::string message);
  /// Prints what went wrong since the last time, and how far it is.
  void Report(const LineReader& lines);
  void WaitForAll();

  Client& client_;
  const EntryFormat format_;
  const std::size_t in_flight_max_;
  Terminal& terminal_;
  Progress progress_;

  std::mutex mutex_;
  std::condition_variable answered_;
  // Guarded by mutex_ until Run has returned.
  ImportCounts counts_;
  std::vector<Trouble> troubles_;
  std::uint64_t troubles_seen_ = 0;
  std::uint64_t failures_in_a_row_ = 0;
  std::size_t in_flight_bytes_ = 0;
  /// Two writes of one key are never in flight together: the later line must win.
  std::set<Key> in_flight_;
};

int RunImport(const cli::CommandLine& line, Client& client, Terminal& terminal);

/// Of a command line with --format=tsv|jsonl and --columns.
EntryFormat FormatOf(const cli::CommandLine& line);

}  // namespace ringfort::ctl
