// What makes a parsed cluster config a good one, and the defaults of what it leaves out.
#pragma once

#include <google/protobuf/text_format.h>

#include <string>

#include "ring/cluster_config.h"
#include "ringfort/config.pb.h"
#include "ringfort/status.h"

namespace ringfort::server {

/// `parsed` with its defaults, or InvalidArgument with the first mistake as
/// `FILE:LINE: FIELD: what is wrong (what to do)`. `locations` says where each field stood.
Result<ring::ClusterConfig> CheckClusterConfig(
    const std::string& file, const proto::ClusterConfig& parsed,
    const google::protobuf::TextFormat::ParseInfoTree& locations);

}  // namespace ringfort::server
