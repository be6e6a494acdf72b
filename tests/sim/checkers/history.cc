#include "tests/sim/checkers/history.h"

#include <algorithm>
#include <iterator>

namespace ringfort::sim {
namespace {

std::string Describe(const Operation& operation) {
  static constexpr const char* kNames[] = {"put", "put if absent", "put if version",      "delete",
                                           "get", "scan",          "get from any replica"};
  std::string line = std::string(kNames[static_cast<int>(operation.kind)]) + " of " +
                     operation.key + " by client " + std::to_string(operation.client) + " (steps " +
                     std::to_string(operation.invoked_at) + " to " +
                     (operation.ended_at ? std::to_string(*operation.ended_at) : "never") + ")";
  if (operation.writes()) line += " of " + operation.value;
  if (operation.ended(Code::kOk)) {
    line += ", answer " + operation.found.value_or("nothing") + " at version " +
            std::to_string(operation.version);
  } else {
    line += ", " + std::string(CodeName(operation.code));
  }
  return line;
}

/// The writes of a key that are known to have taken effect, by value and by version.
class Effects {
 public:
  Effects(const std::vector<Operation>& operations, std::vector<std::string>* wrong)
      : wrong_(wrong) {
    for (const Operation& operation : operations) {
      if (operation.kind == Operation::Kind::kDelete) {
        if (MayHaveHappened(operation)) deletes_.push_back(&operation);
      } else if (operation.writes()) {
        writes_.emplace(operation.value, &operation);
      }
    }
    for (const Operation& operation : operations) {
      if (!operation.ended(Code::kOk)) continue;
      if (operation.found) See(operation);
      if (operation.kind == Operation::Kind::kDelete) SeeVersion(operation, "");
    }
  }

  /// The version before this one among those that were seen; 0 none.
  [[nodiscard]] std::uint64_t Before(std::uint64_t version) const {
    const auto at = by_version_.lower_bound(version);
    return at == by_version_.begin() ? 0 : std::prev(at)->first;
  }

  /// Whether the entry can have been as this successful kPutIfVersion wanted it.
  [[nodiscard]] bool ConditionHeld(const Operation& write) const {
    const std::uint64_t before = Before(write.version);
    if (write.if_version != 0) return before <= write.if_version;
    return before == 0 || by_version_.at(before).empty() ||
           std::any_of(deletes_.begin(), deletes_.end(), [&write](const Operation* one) {
             return !one->ended(Code::kOk) && one->invoked_at < *write.ended_at;
           });
  }

  /// The least version that a read ending at `end` can have seen that found nothing, though the
  /// entry was there at `newest`; none when no delete explains it. `newest` where one explains it
  /// whose version is not known.
  [[nodiscard]] std::optional<std::uint64_t> AbsentSince(std::uint64_t newest,
                                                         std::uint64_t end) const {
    std::optional<std::uint64_t> since;
    for (const Operation* one : deletes_) {
      if (one->invoked_at > end) continue;
      if (!one->ended(Code::kOk)) return newest;
      if (one->version > newest) since = std::min(since.value_or(one->version), one->version);
    }
    return since;
  }

 private:
  static bool MayHaveHappened(const Operation& write) {
    return !write.ended_at || write.code == Code::kOk || write.effect != Effect::kNotApplied;
  }

  void See(const Operation& operation) {
    const auto write = writes_.find(*operation.found);
    if (write == writes_.end()) {
      wrong_->push_back("a value that nobody wrote: " + Describe(operation));
      return;
    }
    const Operation& source = *write->second;
    if (source.invoked_at > *operation.ended_at) {
      wrong_->push_back("a value of the future: " + Describe(operation));
    }
    if (!MayHaveHappened(source)) {
      wrong_->push_back("what was said not to happen did: " + Describe(source) + "; seen by " +
                        Describe(operation));
    }
    const auto version = versions_.emplace(*operation.found, operation.version).first;
    if (version->second != operation.version) {
      wrong_->push_back("applied twice, at versions " + std::to_string(version->second) + " and " +
                        std::to_string(operation.version) + ": " + Describe(source));
    }
    SeeVersion(operation, *operation.found);
  }

  void SeeVersion(const Operation& operation, const std::string& value) {
    const auto known = by_version_.emplace(operation.version, value).first;
    if (known->second == value) return;
    wrong_->push_back("two values have one version: " + Describe(operation));
  }

  std::vector<std::string>* const wrong_;
  std::map<std::string, const Operation*> writes_;
  std::map<std::string, std::uint64_t> versions_;
  /// Empty where the write was a delete.
  std::map<std::uint64_t, std::string> by_version_;
  /// Those that may have happened.
  std::vector<const Operation*> deletes_;
};

/// Real time: nothing may be older than what was known before it began.
void CheckRealTime(const std::vector<Operation>& operations, const Effects& effects,
                   std::vector<std::string>* wrong) {
  struct Seen {
    const Operation* operation;
    std::uint64_t version;
    bool absent;
  };
  std::vector<Seen> by_start;
  for (const Operation& operation : operations) {
    if (!operation.ended(Code::kOk) || !operation.linearizable()) continue;
    const bool absent = operation.found_nothing() || operation.kind == Operation::Kind::kDelete;
    by_start.push_back({&operation, operation.version, absent});
  }
  std::sort(by_start.begin(), by_start.end(), [](const Seen& a, const Seen& b) {
    return a.operation->invoked_at < b.operation->invoked_at;
  });
  std::vector<const Seen*> by_end;
  for (const Seen& seen : by_start) by_end.push_back(&seen);
  std::sort(by_end.begin(), by_end.end(), [](const Seen* a, const Seen* b) {
    return a->operation->ended_at < b->operation->ended_at;
  });
  const Seen* newest = nullptr;
  auto ended = by_end.begin();
  for (Seen& seen : by_start) {
    const Operation& operation = *seen.operation;
    // What ended before this began also began before it: its version is settled.
    for (; ended != by_end.end() && *(*ended)->operation->ended_at < operation.invoked_at;
         ++ended) {
      if (newest == nullptr || (*ended)->version > newest->version) newest = *ended;
    }
    if (newest == nullptr) continue;
    bool old =
        operation.writes() ? seen.version <= newest->version : seen.version < newest->version;
    if (operation.found_nothing()) {
      const auto since = newest->absent ? std::optional(newest->version)
                                        : effects.AbsentSince(newest->version, *operation.ended_at);
      old = !since.has_value();
      seen.version = since.value_or(0);
      seen.absent = seen.version != newest->version || newest->absent;
    }
    if (!old) continue;
    wrong->push_back("stale: " + Describe(operation) + ", after " + Describe(*newest->operation));
  }
}

}  // namespace

std::vector<std::string> CheckKeyHistory(const std::vector<Operation>& operations) {
  std::vector<std::string> wrong;
  const Effects effects(operations, &wrong);

  CheckRealTime(operations, effects, &wrong);
  for (const Operation& operation : operations) {
    if (operation.kind == Operation::Kind::kPutIfVersion && operation.ended(Code::kOk) &&
        !effects.ConditionHeld(operation)) {
      wrong.push_back("wrote over version " + std::to_string(effects.Before(operation.version)) +
                      " though its condition was " + std::to_string(operation.if_version) + ": " +
                      Describe(operation));
    }
    // The only writer of its key: just its own first attempt can have been in its way.
    if (operation.kind == Operation::Kind::kPutIfAbsent &&
        operation.ended(Code::kConditionFailed)) {
      wrong.push_back("a repeated write did not get its first outcome: " + Describe(operation));
    }
  }
  return wrong;
}

std::vector<std::string> CheckHistory(const std::vector<Operation>& operations) {
  std::map<std::string, std::vector<Operation>> by_key;
  for (const Operation& operation : operations) by_key[operation.key].push_back(operation);
  std::vector<std::string> wrong;
  for (const auto& [key, own] : by_key) {
    const std::vector<std::string> here = CheckKeyHistory(own);
    wrong.insert(wrong.end(), here.begin(), here.end());
  }
  return wrong;
}

}  // namespace ringfort::sim
