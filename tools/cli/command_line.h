// The command lines of Ringfort's tools: one table of commands and flags gives parsing, checking
// and help.
//
// Flags are written --flag=value or --flag value, anywhere after the program's name; `-` and `_` in
// their names are the same. What follows `--` is words. Every value is checked while parsing, so
// that a command only ever sees words that make sense. (gflags exits with 1 and in its own words.)
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ringfort/status.h"

namespace ringfort::cli {

enum class FlagKind : std::uint8_t {
  kSwitch,    ///< --flag, --flag=true, --flag=false
  kText,      ///< any bytes
  kNumber,    ///< a whole number from `min` to `max`
  kDuration,  ///< 250ms, 5s, 2m, 1h; a bare number is seconds. 1 ms to one day.
  kChoice,    ///< one of `choices`
  kList,      ///< words separated by commas, at least one
};

struct Flag {
  std::string name;
  FlagKind kind = FlagKind::kText;
  /// As it would be written on the command line; empty: the flag has no value unless given.
  std::string default_value = {};
  std::string help = {};
  std::vector<std::string> choices = {};
  std::uint64_t min = 0;
  std::uint64_t max = UINT64_MAX;
  /// How help writes its value: "N", "FILE".
  std::string placeholder = {};
};

struct Command {
  /// One word or two: "put", "debug log".
  std::string name;
  /// For help: "KEY [VALUE]".
  std::string words = {};
  std::size_t words_min = 0;
  std::size_t words_max = 0;
  std::string summary = {};
  /// More for its own help; may be empty.
  std::string details = {};
  /// A flag of the same name as one of the program's replaces that for this command.
  std::vector<Flag> flags = {};
};

struct Program {
  std::string name;
  std::string summary;
  std::vector<Flag> flags;
  std::vector<Command> commands;
};

/// What was asked. Getters abort on a flag that the command does not have or that has another kind:
/// that is a mistake in the program, not in the words.
class CommandLine {
 public:
  [[nodiscard]] const std::string& command() const { return command_; }
  [[nodiscard]] const std::vector<std::string>& words() const { return words_; }

  /// Given, or with a default.
  [[nodiscard]] bool Has(const std::string& flag) const;
  [[nodiscard]] bool Switch(const std::string& flag) const;
  /// Of kText and kChoice. Empty when there is no value.
  [[nodiscard]] const std::string& Text(const std::string& flag) const;
  /// Requires Has(flag).
  [[nodiscard]] std::uint64_t Number(const std::string& flag) const;
  /// Requires Has(flag).
  [[nodiscard]] std::chrono::milliseconds Duration(const std::string& flag) const;
  [[nodiscard]] std::vector<std::string> List(const std::string& flag) const;

 private:
  friend class Parser;
  struct Value {
    FlagKind kind;
    std::optional<std::string> text;
  };
  [[nodiscard]] const Value& Find(const std::string& flag, FlagKind kind) const;

  std::string command_;
  std::vector<std::string> words_;
  std::map<std::string, Value> values_;
};

/// What to do about a command line.
struct Parsed {
  /// Not empty: print it to standard output and exit 0 (help and --version).
  std::string print;
  CommandLine line;
};

/// `args` without the program's name. Understands help, COMMAND --help and --version by itself. An
/// error is kInvalidArgument; its message is WHAT: WHY (what to do).
Result<Parsed> Parse(const Program& program, std::string_view version,
                     const std::vector<std::string>& args);

/// 250ms, 5s, 2m, 1h; a bare number is seconds.
std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text);
/// Decimal digits only.
std::optional<std::uint64_t> ParseNumber(std::string_view text);
/// The one of `candidates` that is nearest to `word` by edit distance, if it is near at all.
std::optional<std::string> Nearest(std::string_view word,
                                   const std::vector<std::string>& candidates);

}  // namespace ringfort::cli
