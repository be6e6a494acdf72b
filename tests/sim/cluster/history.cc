#include "tests/sim/cluster/history.h"

#include <algorithm>
#include <iterator>

namespace ringfort::sim {
namespace {

std::string Describe(const Operation& operation) {
  static constexpr const char* kNames[] = {"put", "put if absent", "put if version", "get"};
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
      if (operation.writes()) writes_.emplace(operation.value, &operation);
    }
    for (const Operation& operation : operations) {
      if (operation.ended(Code::kOk) && operation.found) See(operation);
    }
  }

  /// The version before this one among those that were seen; 0 none.
  [[nodiscard]] std::uint64_t Before(std::uint64_t version) const {
    const auto at = by_version_.lower_bound(version);
    return at == by_version_.begin() ? 0 : std::prev(at)->first;
  }

 private:
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
    const bool refused =
        source.ended_at && source.code != Code::kOk && source.effect == Effect::kNotApplied;
    if (refused) {
      wrong_->push_back("what was said not to happen did: " + Describe(source) + "; seen by " +
                        Describe(operation));
    }
    const auto version = versions_.emplace(*operation.found, operation.version).first;
    if (version->second != operation.version) {
      wrong_->push_back("applied twice, at versions " + std::to_string(version->second) + " and " +
                        std::to_string(operation.version) + ": " + Describe(source));
    }
    const auto value = by_version_.emplace(operation.version, *operation.found).first;
    if (value->second != *operation.found) {
      wrong_->push_back("two values have one version: " + Describe(operation));
    }
  }

  std::vector<std::string>* const wrong_;
  std::map<std::string, const Operation*> writes_;
  std::map<std::string, std::uint64_t> versions_;
  std::map<std::uint64_t, std::string> by_version_;
};

}  // namespace

std::vector<std::string> CheckKeyHistory(const std::vector<Operation>& operations) {
  std::vector<std::string> wrong;
  const Effects effects(operations, &wrong);

  // Real time: nothing may be older than what was known before it began.
  std::vector<const Operation*> by_end;
  for (const Operation& operation : operations) {
    if (operation.ended(Code::kOk)) by_end.push_back(&operation);
  }
  std::vector<const Operation*> by_start = by_end;
  std::sort(by_end.begin(), by_end.end(),
            [](const auto* a, const auto* b) { return a->ended_at < b->ended_at; });
  std::sort(by_start.begin(), by_start.end(),
            [](const auto* a, const auto* b) { return a->invoked_at < b->invoked_at; });
  const Operation* newest = nullptr;
  auto ended = by_end.begin();
  for (const Operation* operation : by_start) {
    for (; ended != by_end.end() && *(*ended)->ended_at < operation->invoked_at; ++ended) {
      if (newest == nullptr || (*ended)->version > newest->version) newest = *ended;
    }
    if (newest == nullptr) continue;
    const bool old = operation->writes() ? operation->version <= newest->version
                                         : operation->version < newest->version;
    if (old) wrong.push_back("stale: " + Describe(*operation) + ", after " + Describe(*newest));
  }

  for (const Operation& operation : operations) {
    if (operation.kind == Operation::Kind::kPutIfVersion && operation.ended(Code::kOk) &&
        effects.Before(operation.version) > operation.if_version) {
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
