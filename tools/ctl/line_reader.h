// Lines of a file or of standard input, with bounded memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ringfort/status.h"

namespace ringfort::ctl {

class LineReader {
 public:
  struct Line {
    /// From 1.
    std::uint64_t number = 0;
    /// Without its line feed, without the byte order mark that the first may begin with, and, where
    /// the first ends with a carriage return, without that; good until the next call.
    std::string_view text;
    /// It was longer than allowed and has been skipped; `text` is empty.
    bool too_long = false;
  };

  /// "-" is standard input. kIoError names the file.
  static Result<LineReader> Open(const std::string& path, std::size_t line_bytes_max);

  LineReader(LineReader&& other) noexcept;
  LineReader& operator=(LineReader&&) = delete;
  ~LineReader();

  /// None at the end. A last line without a line feed is a line.
  Result<std::optional<Line>> Next();

  /// Of a regular file; none for pipes and terminals.
  [[nodiscard]] std::optional<std::uint64_t> total_bytes() const { return total_bytes_; }
  /// Handed out or skipped so far.
  [[nodiscard]] std::uint64_t consumed_bytes() const { return consumed_bytes_; }

 private:
  LineReader(int file, std::string path, std::size_t line_bytes_max)
      : file_(file), path_(std::move(path)), line_bytes_max_(line_bytes_max) {}

  Line LineOf(std::string_view text, bool too_long);
  /// Reads more behind what is there; false at the end of the file.
  Result<bool> Fill();

  int file_;
  std::string path_;
  std::size_t line_bytes_max_;
  std::optional<std::uint64_t> total_bytes_;
  std::uint64_t consumed_bytes_ = 0;
  std::uint64_t line_number_ = 0;
  /// Lines end with a carriage return and a line feed, as the first did.
  bool returns_ = false;
  std::string buffer_;
  /// Where the next line begins in the buffer.
  std::size_t begin_ = 0;
};

/// All of a file, or of standard input for "-". kTooLarge when it has more than `bytes_max`.
Result<std::string> ReadWhole(const std::string& path, std::size_t bytes_max);

}  // namespace ringfort::ctl
