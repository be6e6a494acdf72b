// Columns under headings, each as wide as it must be; and bars to stand in them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace ringfort::ctl {

/// `part` of `most` as a bar of blocks, in eighths of a character; `most` fills `width`.
std::string BlockBar(std::uint64_t part, std::uint64_t most, std::size_t width);
/// How many characters, not bytes.
std::size_t WidthOf(const std::string& text);
/// The text's first characters, at most `width`.
std::string CutTo(const std::string& text, std::size_t width);

class TextTable {
 public:
  /// Headings that begin with '>' are of columns that are flush right.
  explicit TextTable(std::vector<std::string> headings);

  /// As many cells as headings.
  void Add(std::vector<std::string> cells);
  /// A line under the row before, indented, outside the columns.
  void AddNote(const std::string& note);
  void Print(std::ostream& out) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    std::string note;
  };
  std::vector<bool> flush_right_;
  std::vector<std::size_t> widths_;
  std::vector<Row> rows_;
};

}  // namespace ringfort::ctl
