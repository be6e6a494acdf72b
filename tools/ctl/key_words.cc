#include "tools/ctl/key_words.h"

#include <optional>
#include <utility>

#include "tools/cli/errors.h"
#include "tools/ctl/bytes_text.h"

namespace ringfort::ctl {

Result<std::string> BytesOf(const cli::CommandLine& line, const std::string& what,
                            const std::string& text) {
  if (!line.Switch("hex")) return text;
  std::optional<std::string> bytes = FromHex(text);
  if (!bytes) {
    return Status(Code::kInvalidArgument,
                  what + " is not hexadecimal (with --hex, write two digits for each byte)");
  }
  return *std::move(bytes);
}

Result<Key> KeyOf(const cli::CommandLine& line) {
  Result<std::string> shard_key = BytesOf(line, "the key", line.words()[0]);
  if (!shard_key.ok()) return shard_key.status();
  Result<std::string> sort_key = BytesOf(line, "--sort-key", line.Text("sort-key"));
  if (!sort_key.ok()) return sort_key.status();
  return Key(std::move(shard_key).value(), std::move(sort_key).value());
}

std::string WhatOf(const cli::CommandLine& line) {
  return line.command() + " " + cli::Printable(line.words()[0]);
}

}  // namespace ringfort::ctl
