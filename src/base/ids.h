// Strong numbers: a term cannot be passed where an index is wanted.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

namespace ringfort {

/// A number with a meaning. `Tag` only makes the types differ.
template <typename Tag, typename Rep>
class StrongNumber {
 public:
  using rep = Rep;

  constexpr StrongNumber() = default;
  constexpr explicit StrongNumber(Rep value) : value_(value) {}

  [[nodiscard]] constexpr Rep value() const { return value_; }
  constexpr auto operator<=>(const StrongNumber&) const = default;

  constexpr StrongNumber& operator++() {
    ++value_;
    return *this;
  }
  constexpr StrongNumber operator+(Rep n) const { return StrongNumber(value_ + n); }
  constexpr StrongNumber operator-(Rep n) const { return StrongNumber(value_ - n); }
  /// The distance between two numbers of a kind.
  constexpr Rep operator-(StrongNumber other) const { return value_ - other.value_; }

  friend std::ostream& operator<<(std::ostream& out, StrongNumber number) {
    return out << +number.value_;
  }

 private:
  Rep value_ = 0;
};

using ShardId = StrongNumber<struct ShardTag, std::uint32_t>;
/// 0 is no node: configured ids start at 1.
using NodeId = StrongNumber<struct NodeTag, std::uint32_t>;
/// One member of one shard's Raft group. Never used twice in a shard; 0 is none.
using ReplicaId = StrongNumber<struct ReplicaTag, std::uint32_t>;
using Term = StrongNumber<struct TermTag, std::uint64_t>;
/// 0 is before the first entry.
using LogIndex = StrongNumber<struct LogIndexTag, std::uint64_t>;
/// How often a node's process has started on its data directory. Grows at every start.
using BootNumber = StrongNumber<struct BootTag, std::uint64_t>;
/// The index of the log entry that opened the session. Good in that shard only; 0 is none.
using SessionId = StrongNumber<struct SessionTag, std::uint64_t>;
/// The number of a write within its session, from 1.
using Sequence = StrongNumber<struct SequenceTag, std::uint64_t>;
using MapVersion = StrongNumber<struct MapVersionTag, std::uint64_t>;
/// A set of formats and commands (src/features). Only grows.
using FeatureLevel = StrongNumber<struct FeatureLevelTag, std::uint32_t>;

/// 128 bits drawn at random: who a data directory (incarnation) or a cluster is.
template <typename Tag>
struct RandomId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  constexpr auto operator<=>(const RandomId&) const = default;
  /// Whether none was drawn yet.
  [[nodiscard]] constexpr bool empty() const { return high == 0 && low == 0; }
  /// 32 lower-case hexadecimal digits.
  [[nodiscard]] std::string ToString() const {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text(32, '0');
    for (int i = 0; i < 16; ++i) {
      text[15 - i] = kDigits[(high >> (4 * i)) & 15];
      text[31 - i] = kDigits[(low >> (4 * i)) & 15];
    }
    return text;
  }
  friend std::ostream& operator<<(std::ostream& out, const RandomId& id) {
    return out << id.ToString();
  }
};

using Incarnation = RandomId<struct IncarnationTag>;
using ClusterId = RandomId<struct ClusterTag>;

}  // namespace ringfort

template <typename Tag, typename Rep>
struct std::hash<ringfort::StrongNumber<Tag, Rep>> {
  std::size_t operator()(ringfort::StrongNumber<Tag, Rep> number) const noexcept {
    return std::hash<Rep>()(number.value());
  }
};
