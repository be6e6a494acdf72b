#include "tools/ctl/node_words.h"

#include <limits>
#include <optional>
#include <string_view>

#include "tools/cli/command_line.h"
#include "tools/cli/errors.h"

namespace ringfort::ctl {
namespace {

Result<std::uint32_t> FromOne(const std::string& what, const std::string& word, std::uint32_t most,
                              const std::string& what_to_do) {
  const std::optional<std::uint64_t> number = cli::ParseNumber(word);
  if (number && *number >= 1 && *number <= most) return static_cast<std::uint32_t>(*number);
  return Status(Code::kInvalidArgument, what + " '" + cli::Printable(word) +
                                            "' is no whole number from 1 to " +
                                            std::to_string(most) + " (" + what_to_do + ")");
}

}  // namespace

Result<std::uint32_t> NodeWord(const std::string& word) {
  return FromOne("node", word, std::numeric_limits<std::uint32_t>::max(),
                 "ringfortctl nodes shows which there are");
}

Result<std::uint32_t> WeightWord(const std::string& word) {
  return FromOne("weight", word, kWeightMax, "a node of weight 2 holds twice what one of 1 holds");
}

Status CheckZone(const std::string& zone) {
  constexpr std::size_t kZoneMax = 64;
  constexpr std::string_view kOfZones =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  if (!zone.empty() && zone.size() <= kZoneMax &&
      zone.find_first_not_of(kOfZones) == std::string::npos) {
    return {};
  }
  return {Code::kInvalidArgument, "zone '" + cli::Printable(zone) +
                                      "' is no name of a zone (give 1 to 64 of letters, digits, "
                                      "- _ and .)"};
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
