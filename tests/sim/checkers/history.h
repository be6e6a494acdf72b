// What the clients saw, and whether a store that keeps its promises could have shown it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ringfort/status.h"

namespace ringfort::sim {

/// One call of a client. Moments are steps of the one thread, so any two can be compared.
struct Operation {
  enum class Kind { kPut, kPutIfAbsent, kPutIfVersion, kDelete, kGet, kScan, kGetAny };
  Kind kind = Kind::kGet;
  std::uint32_t client = 0;
  std::string key;
  /// Written: never the same in two calls; empty for a delete.
  std::string value;
  /// kPutIfVersion: 0 is: only if absent.
  std::uint64_t if_version = 0;
  std::uint64_t invoked_at = 0;
  /// None: it never ended.
  std::optional<std::uint64_t> ended_at;
  Code code = Code::kOk;
  Effect effect = Effect::kNotApplied;
  /// Ok only: what was read (none: nothing there), or written, and its version.
  std::optional<std::string> found;
  std::uint64_t version = 0;

  [[nodiscard]] bool writes() const { return kind < Kind::kGet; }
  /// Whether it must see all that was done before it began.
  [[nodiscard]] bool linearizable() const { return kind != Kind::kGetAny; }
  /// It saw that there is nothing.
  [[nodiscard]] bool found_nothing() const {
    return !writes() && ended_at.has_value() && code == Code::kOk && !found.has_value();
  }
  [[nodiscard]] bool ended(Code with) const { return ended_at.has_value() && code == with; }
};

/// Checks all that concerns one key. What is wrong, a line each; none when the history is
/// linearizable and every write was applied at most once.
///
/// A version is the index of the write's log entry, so the versions of a key are the order in which
/// its writes took effect. That makes the check complete and cheap: every answer must fit into that
/// order, and the order into real time. (A delete that ended without an answer has no version: what
/// is read as absent because of it is taken to fit.)
std::vector<std::string> CheckKeyHistory(const std::vector<Operation>& operations);

/// The same for all keys.
std::vector<std::string> CheckHistory(const std::vector<Operation>& operations);

}  // namespace ringfort::sim
