// What tests of commands begin with: a cluster in memory that is well, for them to spoil.
#pragma once

#include <gtest/gtest.h>

#include "tests/unit/ctl/memory_client.h"
#include "tests/unit/ctl/survey_samples.h"

namespace ringfort::ctl {

class SampleCluster : public ::testing::Test {
 protected:
  SampleCluster() {
    cluster_->map = survey::SampleMap();
    for (std::uint32_t node : {1, 2, 3}) cluster_->nodes[node] = survey::SampleStatus(node);
    cluster_->states = {survey::SampleState()};
  }
  ClusterStateView& State() { return cluster_->states.front(); }

  ringfort::testing::ScopedCluster cluster_;
};

}  // namespace ringfort::ctl
