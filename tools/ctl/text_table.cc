#include "tools/ctl/text_table.h"

#include <algorithm>
#include <utility>

namespace ringfort::ctl {

std::size_t WidthOf(const std::string& text) {
  // What begins a UTF-8 character counts.
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string BlockBar(std::uint64_t part, std::uint64_t most, std::size_t width) {
  static const std::vector<std::string> kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const double share =
      most == 0 ? 0 : static_cast<double>(std::min(part, most)) / static_cast<double>(most);
  const auto eighths = static_cast<std::size_t>(share * static_cast<double>(width * 8));
  std::string bar;
  for (std::size_t i = 0; i < eighths / 8; ++i) bar += "█";
  return bar + kEighths[eighths % 8];
}

std::string CutTo(const std::string& text, std::size_t width) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] & 0xc0) != 0x80 && characters++ == width) return text.substr(0, i);
  }
  return text;
}

TextTable::TextTable(std::vector<std::string> headings) : widths_(headings.size(), 0) {
  for (std::string& heading : headings) {
    flush_right_.push_back(heading.starts_with('>'));
    if (flush_right_.back()) heading.erase(0, 1);
  }
  Add(std::move(headings));
}

void TextTable::Add(std::vector<std::string> cells) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    widths_.at(i) = std::max(widths_.at(i), WidthOf(cells[i]));
  }
  rows_.push_back({std::move(cells), {}});
}

void TextTable::AddNote(const std::string& note) {
  rows_.push_back({{}, note});
}

void TextTable::Print(std::ostream& out) const {
  for (const Row& row : rows_) {
    if (row.cells.empty()) {
      out << "    " << row.note << "\n";
      continue;
    }
    std::string text;
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      const std::string padding(widths_[i] - WidthOf(row.cells[i]), ' ');
      if (i > 0) text += "  ";
      text += flush_right_[i] ? padding + row.cells[i] : row.cells[i] + padding;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out << text << "\n";
  }
}

}  // namespace ringfort::ctl
