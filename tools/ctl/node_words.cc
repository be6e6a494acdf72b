#include "tools/ctl/node_words.h"

#include <limits>
#include <optional>

#include "tools/cli/command_line.h"
#include "tools/cli/errors.h"

namespace ringfort::ctl {
namespace {

Result<std::uint32_t> FromOne(const std::string& what, const std::string& word) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  const std::optional<std::uint64_t> number = cli::ParseNumber(word);
  if (number && *number >= 1 && *number <= kMost) return static_cast<std::uint32_t>(*number);
  return Status(Code::kInvalidArgument,
                what + " '" + cli::Printable(word) + "' is no whole number from 1 to " +
                    std::to_string(kMost) + " (ringfortctl nodes shows which there are)");
}

}  // namespace

Result<std::uint32_t> NodeWord(const std::string& word) {
  return FromOne("node", word);
}

Result<std::uint32_t> WeightWord(const std::string& word) {
  return FromOne("weight", word);
}

Result<std::uint32_t> ShardWord(const std::string& word, std::uint32_t shard_count) {
  if (word == "meta") return shard_count;
  const std::optional<std::uint64_t> number = cli::ParseNumber(word);
  if (number && *number < shard_count) return static_cast<std::uint32_t>(*number);
  return Status(Code::kInvalidArgument,
                "there is no shard '" + cli::Printable(word) + "' (give 0 to " +
                    std::to_string(shard_count - (shard_count > 0 ? 1 : 0)) + ", or meta)");
}

}  // namespace ringfort::ctl
