#include "server/config.h"

#include <fcntl.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

#include "ringfort/config.pb.h"
#include "server/config_checks.h"

namespace ringfort::server {
namespace {

using google::protobuf::TextFormat;

Status Unreadable(const std::string& path, int error) {
  if (error == ENOENT || error == ENOTDIR) {
    return {Code::kIoError, path +
                                ": no such file (give the path of a cluster config, such as "
                                "cluster-configs/local-3.textproto)"};
  }
  if (error == EISDIR) {
    return {Code::kIoError, path + ": is a directory (give the path of a cluster config in it)"};
  }
  return {Code::kIoError, path + ": cannot be read: " + std::strerror(error) +
                              " (make it readable for the user that runs the node)"};
}

Result<std::string> ReadFile(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return Unreadable(path, errno);
  std::string text;
  std::array<char, 1 << 14> buffer;
  while (text.size() <= kConfigBytesMax) {
    const ssize_t bytes = ::read(file, buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) {
      const int error = errno;
      ::close(file);
      return Unreadable(path, error);
    }
    if (bytes == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(bytes));
  }
  ::close(file);
  return text;
}

bool IsNamePart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The first mistake that the parser found. It tells where, but not in which field: that is the one
// that the message names, or else the last one begun before that place.
class FirstMistake final : public google::protobuf::io::ErrorCollector {
 public:
  FirstMistake(const std::string& file, std::string_view text) : file_(file), text_(text) {}

  void AddError(int line, int column, const std::string& message) override {
    if (status_.has_value()) return;
    std::string field = Quoted(message);
    const bool named = !field.empty();
    if (!named) field = FieldBefore(OffsetOf(line, column));
    const std::string what = named && message.find("has no field") != std::string::npos
                                 ? "there is no such field here"
                                 : Lowered(message);
    status_ = Status(Code::kInvalidArgument,
                     file_ + ":" + std::to_string(line + 1) + ": " + field + ": " + what +
                         " (see proto/ringfort/config.proto for the fields and their values)");
  }

  [[nodiscard]] const std::optional<Status>& status() const { return status_; }

 private:
  // The name behind `field` in: ... has no field named "X". Non-repeated field "X" is ...
  static std::string Quoted(const std::string& message) {
    for (const std::string_view before : {"field named \"", "field \""}) {
      const std::size_t found = message.find(before);
      if (found == std::string::npos) continue;
      const std::size_t begin = found + before.size();
      return message.substr(begin, message.find('"', begin) - begin);
    }
    return "";
  }

  // As the middle of a line: small first letter, no full stop, no line break.
  static std::string Lowered(std::string message) {
    if (!message.empty() && message.back() == '.') message.pop_back();
    if (!message.empty() && message[0] >= 'A' && message[0] <= 'Z') message[0] += 'a' - 'A';
    std::ranges::replace_if(
        message, [](char c) { return c >= 0 && c < ' '; }, ' ');
    return message;
  }

  // The parser counts a tab as going on to the next multiple of eight.
  [[nodiscard]] std::size_t OffsetOf(int line, int column) const {
    std::size_t offset = 0;
    for (; line > 0 && offset < text_.size(); ++offset) line -= text_[offset] == '\n' ? 1 : 0;
    for (int at = 0; at < column && offset < text_.size(); ++offset) {
      at += text_[offset] == '\t' ? 8 - at % 8 : 1;
    }
    return offset;
  }

  // The last name before `offset` that is followed by what begins a value; comments and strings are
  // left out. "config" where there is none.
  [[nodiscard]] std::string FieldBefore(std::size_t offset) const {
    std::string field = "config";
    std::string name;
    for (std::size_t i = 0; i < std::min(offset, text_.size()); ++i) {
      const char c = text_[i];
      if (c == '#') {
        while (i + 1 < offset && text_[i + 1] != '\n') ++i;
      } else if (c == '"' || c == '\'') {
        for (++i; i < offset && text_[i] != c && text_[i] != '\n'; ++i) i += text_[i] == '\\';
        name.clear();
      } else if (IsNamePart(c)) {
        if (i == 0 || !IsNamePart(text_[i - 1])) name.clear();
        name += c;
      } else if ((c == ':' || c == '{' || c == '<') && !name.empty()) {
        field = name;
        name.clear();
      } else if (c == '}' || c == '>') {
        name.clear();
      }
    }
    return field;
  }

  const std::string& file_;
  std::string_view text_;
  std::optional<Status> status_;
};

}  // namespace

Result<ring::ClusterConfig> LoadClusterConfig(const std::string& path) {
  const Result<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  if (text->size() > kConfigBytesMax) {
    return Status(Code::kInvalidArgument,
                  path + ": is larger than 1 MiB (give the path of a cluster config)");
  }
  if (text->find_first_not_of(" \t\r\n") == std::string::npos) {
    return Status(Code::kInvalidArgument, path +
                                              ": is empty (describe the cluster in it as in "
                                              "cluster-configs/local-3.textproto)");
  }

  FirstMistake mistake(path, *text);
  TextFormat::ParseInfoTree locations;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&mistake);
  parser.WriteLocationsTo(&locations);
  proto::ClusterConfig parsed;
  if (!parser.ParseFromString(*text, &parsed)) {
    return mistake.status().value_or(
        Status(Code::kInvalidArgument, path + ": is no protobuf text (compare it with "
                                              "cluster-configs/local-3.textproto)"));
  }
  return CheckClusterConfig(path, parsed, locations);
}

}  // namespace ringfort::server
