// Between the public types and the messages to and from the meta group.
#pragma once

#include <cstdint>
#include <vector>

#include "ringfort/admin.h"
#include "ringfort/client.pb.h"
#include "ringfort/meta.pb.h"
#include "ringfort/status.h"

namespace ringfort::client {

NodeState ToNodeState(proto::NodeState state);
MoveCause ToMoveCause(proto::MoveCause cause);

void FillNodeChange(const NodeChange& change, proto::ChangeNode* out);
proto::Rebalance::Kind ToProto(RebalanceAction action);

// The answers. What a correct node never sends becomes kInternal.
Result<ClusterStateView> ToClusterState(const proto::Response& response);
Result<FeatureView> ToFinalized(const proto::Response& response);
Result<PlanView> ToPlan(const proto::Response& response);
/// Whether a transfer was ordered.
Status ToOrdered(const proto::Response& response);
Result<std::vector<EventView>> ToEvents(const proto::Response& response);

}  // namespace ringfort::client
