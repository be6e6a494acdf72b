#include "tools/cli/help.h"

#include <algorithm>
#include <sstream>

namespace ringfort::cli {
namespace {

constexpr std::size_t kWidth = 100;

/// `text` in lines that fit behind a margin; the first continues the current line.
void Wrap(std::ostream& out, const std::string& text, std::size_t margin) {
  std::istringstream words(text);
  std::string word;
  std::size_t column = margin;
  while (words >> word) {
    if (column > margin && column + 1 + word.size() > kWidth) {
      out << "\n" << std::string(margin, ' ');
      column = margin;
    } else if (column > margin) {
      out << ' ';
      ++column;
    }
    out << word;
    column += word.size();
  }
  out << "\n";
}

using Row = std::pair<std::string, std::string>;

void Print(std::ostream& out, const std::vector<Row>& rows) {
  std::size_t widest = 0;
  for (const Row& row : rows) widest = std::max(widest, row.first.size());
  widest = std::min<std::size_t>(widest, 40);
  for (const auto& [name, help] : rows) {
    out << "  " << name;
    if (name.size() > widest) {
      out << "\n" << std::string(widest + 4, ' ');
    } else {
      out << std::string(widest - name.size() + 2, ' ');
    }
    Wrap(out, help, widest + 4);
  }
}

std::vector<Row> FlagRows(const std::vector<Flag>& flags, const std::vector<Flag>& replaced_by) {
  std::vector<Row> rows;
  for (const Flag& flag : flags) {
    const bool replaced =
        std::any_of(replaced_by.begin(), replaced_by.end(),
                    [&flag](const Flag& other) { return other.name == flag.name; });
    if (replaced) continue;
    std::string name = "--" + flag.name;
    if (flag.kind != FlagKind::kSwitch) name += "=" + Placeholder(flag);
    std::string help = flag.help;
    if (!flag.default_value.empty() && flag.kind != FlagKind::kSwitch) {
      help += " (default " + flag.default_value + ")";
    }
    rows.emplace_back(name, help);
  }
  return rows;
}

}  // namespace

std::string Placeholder(const Flag& flag) {
  if (!flag.placeholder.empty()) return flag.placeholder;
  switch (flag.kind) {
    case FlagKind::kSwitch: return "true|false";
    case FlagKind::kText: return "TEXT";
    case FlagKind::kNumber: return "N";
    case FlagKind::kDuration: return "DURATION";
    case FlagKind::kList: return "A,B,...";
    case FlagKind::kChoice: break;
  }
  std::string choices;
  for (const std::string& choice : flag.choices) choices += (choices.empty() ? "" : "|") + choice;
  return choices;
}

std::string ProgramHelp(const Program& program) {
  std::ostringstream out;
  out << program.summary << "\n\nusage: " << program.name << " [FLAGS] COMMAND ...\n\ncommands:\n";
  std::vector<Row> rows;
  for (const Command& command : program.commands) {
    rows.emplace_back(command.words.empty() ? command.name : command.name + " " + command.words,
                      command.summary);
  }
  Print(out, rows);
  out << "\nflags of all commands:\n";
  Print(out, FlagRows(program.flags, {}));
  out << "\n"
      << program.name << " COMMAND --help tells more of one command. Exit codes: 0 done, 1 the"
      << " cluster refused or failed, 2 wrong words.\n";
  return out.str();
}

std::string CommandHelp(const Program& program, const Command& command) {
  std::ostringstream out;
  out << command.summary << "\n\nusage: " << program.name << " [FLAGS] " << command.name
      << (command.words.empty() ? "" : " " + command.words) << "\n";
  if (!command.details.empty()) {
    out << "\n";
    std::istringstream paragraphs(command.details);
    for (std::string paragraph; std::getline(paragraphs, paragraph);) Wrap(out, paragraph, 0);
  }
  if (!command.flags.empty()) {
    out << "\nflags:\n";
    Print(out, FlagRows(command.flags, {}));
  }
  out << "\nflags of all commands:\n";
  Print(out, FlagRows(program.flags, command.flags));
  return out.str();
}

}  // namespace ringfort::cli
