// What doctor finds wrong with replicas by what the nodes say: unsure, damaged, unequal, crowded.
#pragma once

#include <vector>

#include "tools/ctl/findings.h"
#include "tools/survey/survey.h"

namespace ringfort::ctl {

std::vector<Finding> ReplicaFindings(const survey::Survey& survey);

}  // namespace ringfort::ctl
