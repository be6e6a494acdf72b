// Columns under headings, each as wide as it must be.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace ringfort::ctl {

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
