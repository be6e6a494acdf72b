// Who is on the other side: hellos are made and judged here. Pure.
#pragma once

#include <string>

#include "base/ids.h"
#include "env/transport.h"
#include "ringfort/client.pb.h"
#include "ringfort/status.h"

namespace ringfort::net {

/// What this node says of itself at the moment: the id and the record come with the cluster's
/// creation.
struct LocalIdentity {
  std::string cluster_name;
  /// Empty until the cluster was created.
  ClusterId cluster_id;
  env::PeerIdentity self;
  bool has_record = false;
  /// What the cluster has agreed on, and the first release that knows it.
  FeatureLevel cluster_level = {};
  std::string cluster_release = {};
  /// This start, and those before it.
  env::Lineage lineage = {};
};

struct PeerHello {
  env::PeerIdentity peer;
  env::Lane lane = env::Lane::kLiveness;
  /// 0: the dialer's release has none.
  env::DialNumber dial;
  env::Lineage lineage = {};
};

/// What the answer to our hello said.
struct RemoteIdentity {
  std::string cluster_name;
  ClusterId cluster_id;
  env::PeerIdentity node;
  bool has_record = false;
  std::string release;
  FeatureLevel cluster_level = {};
  std::string cluster_release = {};
  env::Lineage lineage = {};
};

/// The code of a Goodbye to a node whose directory is an old copy; no other has it.
inline constexpr Code kOldCopy = Code::kConditionFailed;

/// The name and id as far as the client knows them; either may be empty.
proto::Hello MakeClientHello(const std::string& cluster_name, const ClusterId& cluster_id);
proto::Hello MakePeerHello(const LocalIdentity& local, NodeId expected, env::Lane lane,
                           env::DialNumber dial);
/// `to`: who is answered. A client is not told what only nodes need.
proto::HelloReply MakeHelloReply(const LocalIdentity& local, proto::Hello::Role to);

/// kWrongCluster unless the cluster and the expected node are ours, kInvalidArgument where the
/// hello makes no sense, kUnsupported for a node that does not know the cluster's feature level.
Status CheckHello(const proto::Hello& hello, const LocalIdentity& local);
/// The rest of a hello of role PEER that CheckHello took.
Result<PeerHello> DecodePeerHello(const proto::Hello& hello);

/// kWrongCluster unless the reply is of the cluster named (an empty name or id fits all) and, where
/// `expected` is not 0, of that node.
Result<RemoteIdentity> CheckHelloReply(const proto::HelloReply& reply,
                                       const std::string& cluster_name, const ClusterId& cluster_id,
                                       NodeId expected);

/// kUnsupported where one of the two does not know the feature level of the other's cluster.
/// Between nodes; a client knows none.
Status CheckLevels(const RemoteIdentity& remote, const LocalIdentity& local);

}  // namespace ringfort::net
