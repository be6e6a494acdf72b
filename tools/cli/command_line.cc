#include "tools/cli/command_line.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "tools/cli/errors.h"
#include "tools/cli/help.h"

namespace ringfort::cli {
namespace {

constexpr std::chrono::milliseconds kDurationMax = std::chrono::hours(24);

Status Wrong(std::string message) {
  return {Code::kInvalidArgument, std::move(message)};
}

std::string Normalized(std::string_view name) {
  std::string result(name);
  std::replace(result.begin(), result.end(), '_', '-');
  return result;
}

const Flag* FindFlag(const std::vector<Flag>& flags, std::string_view name) {
  const std::string wanted = Normalized(name);
  for (const Flag& flag : flags) {
    if (Normalized(flag.name) == wanted) return &flag;
  }
  return nullptr;
}

/// With two letters that changed places as one error (optimal string alignment).
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> table(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) table[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) table[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      table[i][j] = std::min({table[i - 1][j] + 1, table[i][j - 1] + 1,
                              table[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        table[i][j] = std::min(table[i][j], table[i - 2][j - 2] + 1);
      }
    }
  }
  return table[a.size()][b.size()];
}

std::string_view WithoutBlanks(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t comma = text.find(',');
    parts.emplace_back(WithoutBlanks(text.substr(0, comma)));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

/// Ok, or what the flag wants instead.
Status CheckValue(const Flag& flag, const std::string& value) {
  // The value itself is not repeated: it may be a user's data.
  const auto wants = [&flag](const std::string& what) {
    return Wrong("--" + flag.name + ": is not " + what + " (write --" + flag.name + "=" +
                 Placeholder(flag) + ")");
  };
  switch (flag.kind) {
    case FlagKind::kText: return Status::Ok();
    case FlagKind::kSwitch:
      return value == "true" || value == "false" ? Status::Ok() : wants("true or false");
    case FlagKind::kNumber: {
      const std::optional<std::uint64_t> number = ParseNumber(value);
      if (number && *number >= flag.min && *number <= flag.max) return Status::Ok();
      std::string range = "a whole number from " + std::to_string(flag.min);
      if (flag.max != UINT64_MAX) range += " to " + std::to_string(flag.max);
      return wants(flag.max == UINT64_MAX ? range + " on" : range);
    }
    case FlagKind::kDuration:
      return ParseDuration(value) ? Status::Ok()
                                  : wants("a duration from 1ms to 24h, such as 250ms, 5s or 2m");
    case FlagKind::kChoice: {
      if (std::count(flag.choices.begin(), flag.choices.end(), value) > 0) return Status::Ok();
      return wants("one of its choices");
    }
    case FlagKind::kList: {
      const std::vector<std::string> parts = SplitList(value);
      const bool empty = std::any_of(parts.begin(), parts.end(), [](auto& p) { return p.empty(); });
      return empty ? wants("a list without gaps") : Status::Ok();
    }
  }
  std::abort();
}

}  // namespace

/// One run over one command line.
class Parser {
 public:
  Parser(const Program& program, const std::vector<std::string>& args)
      : program_(program), args_(args) {}

  Result<Parsed> Run(std::string_view version);

 private:
  /// Splits the arguments into flags and words, by the flags of the command that the words name: a
  /// flag of another command may have the same name and take a value where this one takes none.
  Status Split();
  /// As if `command` were meant; null: none is known.
  Status SplitFor(const Command* command);
  /// The words, after a help before them, begin with the command's name.
  [[nodiscard]] bool WordsName(const Command& command) const;
  /// Of the command if it has such a flag, then of the program, then of any command.
  [[nodiscard]] const Flag* FindAnywhere(std::string_view name, const Command* command) const;
  /// Finds the command in the first words and takes them away.
  const Command* TakeCommand();
  void AskForHelp();
  /// Wrong when help or the version is asked for behind words of a command.
  [[nodiscard]] Status CheckQuestion() const;
  [[nodiscard]] Status UnknownCommand() const;
  [[nodiscard]] Status UnknownFlag(std::string_view name, const Command* command) const;
  Result<CommandLine> Check(const Command& command);

  struct Given {
    std::string name;
    std::optional<std::string> value;
  };

  const Program& program_;
  const std::vector<std::string>& args_;
  std::vector<Given> given_;
  std::vector<std::string> words_;
  bool help_ = false;
  bool version_ = false;
  /// How many words stand before the last question for help or for the version.
  std::size_t words_before_asking_ = 0;
};

void Parser::AskForHelp() {
  help_ = true;
  words_before_asking_ = std::max(words_before_asking_, words_.size());
}

// `put KEY -h` may be a script's put of the value "-h": it is not to end well, with nothing stored.
Status Parser::CheckQuestion() const {
  for (const Command& command : program_.commands) {
    const auto length =
        static_cast<std::size_t>(1 + std::count(command.name.begin(), command.name.end(), ' '));
    if (!WordsName(command) || words_before_asking_ <= length) continue;
    return Wrong(command.name +
                 ": -h, --help or --version behind its words (write -- before words that begin "
                 "with dashes; " +
                 program_.name + " " + command.name + " --help shows the help)");
  }
  return Status::Ok();
}

const Flag* Parser::FindAnywhere(std::string_view name, const Command* command) const {
  if (command != nullptr) {
    if (const Flag* flag = FindFlag(command->flags, name)) return flag;
  }
  if (const Flag* flag = FindFlag(program_.flags, name)) return flag;
  for (const Command& other : program_.commands) {
    if (const Flag* flag = FindFlag(other.flags, name)) return flag;
  }
  return nullptr;
}

bool Parser::WordsName(const Command& command) const {
  std::string said;
  const std::size_t first = !words_.empty() && words_[0] == "help" ? 1 : 0;
  for (std::size_t i = first; i < words_.size() && said.size() < command.name.size(); ++i) {
    said += (said.empty() ? "" : " ") + words_[i];
  }
  return said == command.name;
}

Status Parser::Split() {
  const Command* named = nullptr;
  for (const Command& command : program_.commands) {
    // What is wrong is said below, of the command that is meant.
    SplitFor(&command).IgnoreError();
    if (WordsName(command)) named = &command;
  }
  return SplitFor(named);
}

Status Parser::SplitFor(const Command* command) {
  given_.clear();
  words_.clear();
  help_ = version_ = false;
  words_before_asking_ = 0;
  bool only_words = false;
  for (std::size_t i = 0; i < args_.size(); ++i) {
    const std::string& arg = args_[i];
    if (only_words || !arg.starts_with("--")) {
      if (!only_words && arg == "-h") {
        AskForHelp();
      } else {
        words_.push_back(arg);
      }
      continue;
    }
    if (arg == "--") {
      only_words = true;
      continue;
    }
    const std::size_t equals = arg.find('=');
    Given given{arg.substr(2, equals == std::string::npos ? equals : equals - 2), std::nullopt};
    if (equals != std::string::npos) given.value = arg.substr(equals + 1);
    if (given.name == "help") {
      AskForHelp();
      continue;
    }
    if (given.name == "version") {
      version_ = true;
      words_before_asking_ = std::max(words_before_asking_, words_.size());
      continue;
    }
    const Flag* flag = FindAnywhere(given.name, command);
    // An unknown flag is kept for an error that knows the command.
    if (flag != nullptr && !given.value) {
      if (flag->kind == FlagKind::kSwitch) {
        given.value = "true";
      } else if (i + 1 < args_.size()) {
        given.value = args_[++i];
      } else {
        return Wrong("--" + flag->name + ": has no value (write --" + flag->name + "=" +
                     Placeholder(*flag) + ")");
      }
    }
    given_.push_back(std::move(given));
  }
  return Status::Ok();
}

const Command* Parser::TakeCommand() {
  for (std::size_t length : {2, 1}) {
    if (words_.size() < length) continue;
    const std::string name = length == 1 ? words_[0] : words_[0] + " " + words_[1];
    for (const Command& command : program_.commands) {
      if (command.name != name) continue;
      words_.erase(words_.begin(), words_.begin() + static_cast<std::ptrdiff_t>(length));
      return &command;
    }
  }
  return nullptr;
}

Status Parser::UnknownCommand() const {
  const std::string all = program_.name + " help lists them";
  if (words_.empty()) return Wrong(program_.name + ": no command given (" + all + ")");
  std::vector<std::string> names = {"help"};
  for (const Command& command : program_.commands) {
    names.push_back(command.name);
    if (command.name.starts_with(words_[0] + " ")) {
      return Wrong(words_[0] + ": is half a command (did you mean '" + command.name + "'? " + all +
                   ")");
    }
  }
  const std::optional<std::string> nearest = Nearest(words_[0], names);
  return Wrong(Printable(words_[0]) + ": there is no such command (" +
               (nearest ? "did you mean '" + *nearest + "'? " : std::string()) + all + ")");
}

Status Parser::UnknownFlag(std::string_view name, const Command* command) const {
  std::vector<std::string> names;
  for (const Flag& flag : program_.flags) names.push_back(flag.name);
  std::string where = program_.name;
  if (command != nullptr) {
    for (const Flag& flag : command->flags) names.push_back(flag.name);
    where = command->name;
  }
  const std::optional<std::string> nearest = Nearest(Normalized(name), names);
  return Wrong("--" + Printable(name) + ": " + where + " has no such flag (" +
               (nearest ? "did you mean --" + *nearest + "? " : std::string()) + program_.name +
               " " + (command != nullptr ? command->name + " --help" : std::string("--help")) +
               " lists them)");
}

Result<CommandLine> Parser::Check(const Command& command) {
  CommandLine line;
  line.command_ = command.name;
  for (const std::vector<Flag>* flags : {&program_.flags, &command.flags}) {
    for (const Flag& flag : *flags) {
      CommandLine::Value& value = line.values_[flag.name];
      value = {flag.kind, std::nullopt};
      if (!flag.default_value.empty()) value.text = flag.default_value;
    }
  }
  for (const Given& given : given_) {
    const Flag* flag = FindFlag(command.flags, given.name);
    if (flag == nullptr) flag = FindFlag(program_.flags, given.name);
    if (flag == nullptr) return UnknownFlag(given.name, &command);
    line.values_[flag->name].text = given.value;
  }
  // Defaults may come from the environment, so they are checked like what was given.
  for (const std::vector<Flag>* flags : {&command.flags, &program_.flags}) {
    for (const Flag& flag : *flags) {
      if (flags == &program_.flags && FindFlag(command.flags, flag.name) != nullptr) continue;
      const std::optional<std::string>& text = line.values_[flag.name].text;
      if (!text) continue;
      if (Status status = CheckValue(flag, *text); !status.ok()) return status;
    }
  }
  if (words_.size() < command.words_min || words_.size() > command.words_max) {
    const bool few = words_.size() < command.words_min;
    return Wrong(command.name + ": too " + (few ? "few" : "many") + " words (write " +
                 program_.name + " " + command.name +
                 (command.words.empty() ? "" : " " + command.words) + ")");
  }
  line.words_ = words_;
  return line;
}

Result<Parsed> Parser::Run(std::string_view version) {
  if (Status status = Split(); !status.ok()) return status;
  if (Status status = CheckQuestion(); !status.ok()) return status;
  if (version_) return Parsed{program_.name + " " + std::string(version) + "\n", {}};
  if (!words_.empty() && words_[0] == "help") {
    help_ = true;
    words_.erase(words_.begin());
  }
  if (words_.empty() && help_) return Parsed{ProgramHelp(program_), {}};
  if (words_.empty() && !given_.empty()) {
    for (const Given& given : given_) {
      if (FindAnywhere(given.name, nullptr) == nullptr) return UnknownFlag(given.name, nullptr);
    }
  }
  const Command* command = TakeCommand();
  if (command == nullptr) return UnknownCommand();
  if (help_) return Parsed{CommandHelp(program_, *command), {}};
  Result<CommandLine> line = Check(*command);
  if (!line.ok()) return line.status();
  return Parsed{{}, std::move(line).value()};
}

Result<Parsed> Parse(const Program& program, std::string_view version,
                     const std::vector<std::string>& args) {
  return Parser(program, args).Run(version);
}

const CommandLine::Value& CommandLine::Find(const std::string& flag, FlagKind kind) const {
  const auto found = values_.find(flag);
  if (found == values_.end() || found->second.kind != kind) std::abort();
  return found->second;
}

bool CommandLine::Has(const std::string& flag) const {
  const auto found = values_.find(flag);
  if (found == values_.end()) std::abort();
  return found->second.text.has_value();
}

bool CommandLine::Switch(const std::string& flag) const {
  return Find(flag, FlagKind::kSwitch).text == "true";
}

const std::string& CommandLine::Text(const std::string& flag) const {
  static const std::string kNone;
  const auto found = values_.find(flag);
  if (found == values_.end()) std::abort();
  const FlagKind kind = found->second.kind;
  if (kind != FlagKind::kText && kind != FlagKind::kChoice) std::abort();
  return found->second.text ? *found->second.text : kNone;
}

std::uint64_t CommandLine::Number(const std::string& flag) const {
  return ParseNumber(Find(flag, FlagKind::kNumber).text.value()).value();
}

std::chrono::milliseconds CommandLine::Duration(const std::string& flag) const {
  return ParseDuration(Find(flag, FlagKind::kDuration).text.value()).value();
}

std::vector<std::string> CommandLine::List(const std::string& flag) const {
  const Value& value = Find(flag, FlagKind::kList);
  return value.text ? SplitList(*value.text) : std::vector<std::string>();
}

std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<std::uint64_t> number = ParseNumber(text.substr(0, digits));
  const std::string_view unit = text.substr(digits);
  std::uint64_t unit_ms = 0;
  if (unit == "ms") unit_ms = 1;
  if (unit == "s" || unit.empty()) unit_ms = 1000;
  if (unit == "m") unit_ms = 60 * 1000;
  if (unit == "h") unit_ms = 60 * 60 * 1000;
  const auto max_ms = static_cast<std::uint64_t>(kDurationMax.count());
  if (!number || unit_ms == 0 || *number == 0 || *number > max_ms / unit_ms) return std::nullopt;
  return std::chrono::milliseconds(*number * unit_ms);
}

std::optional<std::string> Nearest(std::string_view word,
                                   const std::vector<std::string>& candidates) {
  std::optional<std::string> nearest;
  constexpr std::size_t kWordMax = 64;
  if (word.size() > kWordMax) return nearest;
  // Further away than half of the word it is a guess, not a typing error.
  std::size_t best = std::max<std::size_t>(word.size() / 2, 1) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = EditDistance(word, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace ringfort::cli
