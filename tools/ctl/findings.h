// What is wrong with a cluster, why, and what to do: what ringfortctl doctor says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ringfort/admin.h"
#include "tools/survey/survey.h"

namespace ringfort::ctl {

enum class Severity : std::uint8_t {
  kCritical,  ///< Something is not served, or may be lost.
  kWarning,   ///< All is served, with less safety or room than there should be.
  kNote,      ///< Nothing is wrong.
};
/// "critical", "warning", "note"
std::string SeverityName(Severity severity);

struct Finding {
  Severity severity;
  std::string what;
  std::string why;
  std::string what_to_do;
};

struct Evidence {
  survey::Survey survey;
  /// Of the meta group's primary; without an answer: why there is none.
  Result<ClusterStateView> state;
  /// A version of the map that every node has had time to learn.
  std::uint64_t known_map_version = 0;
};

/// The worst first.
std::vector<Finding> Diagnose(const Evidence& evidence);

}  // namespace ringfort::ctl
