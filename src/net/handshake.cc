// Both sides compare the same things, so a wrong wiring is found whoever dials.
#include "net/handshake.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "features/features.h"
#include "ringfort/limits.h"
#include "ringfort/version.h"
#include "wire/id_codec.h"

namespace ringfort::net {
namespace {

Status Wrong(std::string what) {
  return {Code::kWrongCluster, std::move(what) + "; check the addresses and the data directories"};
}

/// A name that came over the wire, fit for a message: printable, and not long.
std::string Shown(std::string_view name) {
  constexpr std::size_t kShownMax = 64;
  std::string shown(name.substr(0, kShownMax));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return "'" + shown + "'";
}

Status CompareClusters(const std::string& their_name, const ClusterId& their_id,
                       const std::string& our_name, const ClusterId& our_id) {
  if (!their_name.empty() && !our_name.empty() && their_name != our_name) {
    return Wrong("this is cluster " + Shown(our_name) + ", the other side is of cluster " +
                 Shown(their_name));
  }
  if (!their_id.empty() && !our_id.empty() && their_id != our_id) {
    return Wrong("this is the cluster with id " + our_id.ToString() + ", the other side is of " +
                 their_id.ToString());
  }
  return Status::Ok();
}

/// Of one whose hello says nothing of it: the first release.
std::string ReleaseName(const std::string& release) {
  return release.empty() ? features::ReleaseOf(FeatureLevel()) : Shown(release);
}

/// Whether a node that knows `knows` can be talked to in a cluster of that level.
Status CompareLevels(NodeId node, const std::string& release, FeatureLevel knows,
                     FeatureLevel cluster_level, const std::string& cluster_release) {
  if (knows >= cluster_level) return Status::Ok();
  return {Code::kUnsupported,
          "node " + std::to_string(node.value()) + " runs release " + ReleaseName(release) +
              ", which does not know the cluster's feature level " +
              std::to_string(cluster_level.value()) + "; run release " + Shown(cluster_release) +
              " or newer on it, its data stay as they are"};
}

using Lives = google::protobuf::RepeatedPtrField<proto::Life>;

/// More than any release sends makes no sense.
constexpr int kLivesMax = 1024;

void EncodeLineage(const env::Lineage& lineage, Lives* lives) {
  for (const env::Life& life : lineage) {
    proto::Life* one = lives->Add();
    one->set_boot(life.boot.value());
    one->set_nonce(life.nonce);
  }
}

/// The boots must rise, the last be the process's own, and each have its nonce.
Status DecodeLineage(const Lives& lives, env::PeerIdentity* peer, env::Lineage* lineage) {
  bool good = lives.size() <= kLivesMax;
  for (const proto::Life& one : lives) {
    const env::Life life{BootNumber(one.boot()), one.nonce()};
    good = good && life.nonce != 0 && (lineage->empty() || lineage->back().boot < life.boot);
    lineage->push_back(life);
  }
  if (good && !lineage->empty()) {
    good = lineage->back().boot == peer->boot;
    peer->nonce = lineage->back().nonce;
  }
  if (good) return Status::Ok();
  return {Code::kInvalidArgument,
          "a node's hello tells of starts that make no sense; use programs of one release"};
}

std::string Name(NodeId node) {
  return "node " + std::to_string(node.value());
}

}  // namespace

proto::Hello MakeClientHello(const std::string& cluster_name, const ClusterId& cluster_id) {
  proto::Hello hello;
  hello.set_role(proto::Hello::CLIENT);
  hello.set_cluster_name(cluster_name);
  hello.set_cluster_id(wire::EncodeId(cluster_id));
  return hello;
}

proto::Hello MakePeerHello(const LocalIdentity& local, NodeId expected, env::Lane lane,
                           env::DialNumber dial) {
  proto::Hello hello;
  hello.set_role(proto::Hello::PEER);
  hello.set_cluster_name(local.cluster_name);
  hello.set_cluster_id(wire::EncodeId(local.cluster_id));
  hello.set_node(local.self.node.value());
  hello.set_incarnation(wire::EncodeId(local.self.incarnation));
  hello.set_boot(local.self.boot.value());
  hello.set_expected_node(expected.value());
  hello.set_lane(static_cast<std::uint32_t>(lane));
  hello.set_has_record(local.has_record);
  hello.set_dial(dial.value());
  hello.set_release(kVersion);
  hello.set_knows_level(local.self.knows.value());
  hello.set_cluster_level(local.cluster_level.value());
  hello.set_cluster_release(local.cluster_release);
  EncodeLineage(local.lineage, hello.mutable_lives());
  return hello;
}

proto::HelloReply MakeHelloReply(const LocalIdentity& local, proto::Hello::Role to) {
  proto::HelloReply reply;
  reply.set_cluster_name(local.cluster_name);
  reply.set_cluster_id(wire::EncodeId(local.cluster_id));
  reply.set_node(local.self.node.value());
  reply.set_incarnation(wire::EncodeId(local.self.incarnation));
  reply.set_boot(local.self.boot.value());
  reply.set_has_record(local.has_record);
  reply.set_frame_bytes_max(static_cast<std::uint32_t>(limits::kFrameMax));
  reply.set_release(kVersion);
  reply.set_knows_level(local.self.knows.value());
  reply.set_cluster_level(local.cluster_level.value());
  reply.set_cluster_release(local.cluster_release);
  if (to == proto::Hello::PEER) EncodeLineage(local.lineage, reply.mutable_lives());
  return reply;
}

Status CheckHello(const proto::Hello& hello, const LocalIdentity& local) {
  Result<ClusterId> cluster_id = wire::DecodeId<ClusterId>(hello.cluster_id(), "a cluster id");
  if (!cluster_id.ok()) return cluster_id.status();
  if (Status status =
          CompareClusters(hello.cluster_name(), *cluster_id, local.cluster_name, local.cluster_id);
      !status.ok()) {
    return status;
  }
  if (hello.expected_node() != 0 && hello.expected_node() != local.self.node.value()) {
    return Wrong("this is " + Name(local.self.node) + ", dialed as " +
                 Name(NodeId(hello.expected_node())));
  }
  switch (hello.role()) {
    case proto::Hello::CLIENT: return Status::Ok();
    case proto::Hello::PEER: break;
    default:
      return {Code::kUnsupported,
              "a hello has a role that is not known here; use programs of one "
              "release"};
  }
  if (hello.cluster_name().empty()) {
    return {Code::kInvalidArgument, "a node's hello names no cluster; use programs of one release"};
  }
  if (hello.node() == local.self.node.value()) {
    return Wrong("the node that dials says that it is " + Name(local.self.node) +
                 " as this one is");
  }
  if (Status status =
          CompareLevels(NodeId(hello.node()), hello.release(), FeatureLevel(hello.knows_level()),
                        local.cluster_level, local.cluster_release);
      !status.ok()) {
    return status;
  }
  if (Status status = CompareLevels(local.self.node, kVersion, local.self.knows,
                                    FeatureLevel(hello.cluster_level()), hello.cluster_release());
      !status.ok()) {
    return status;
  }
  return DecodePeerHello(hello).status();
}

Result<PeerHello> DecodePeerHello(const proto::Hello& hello) {
  Result<Incarnation> incarnation =
      wire::DecodeId<Incarnation>(hello.incarnation(), "an incarnation");
  if (!incarnation.ok()) return incarnation.status();
  if (hello.node() == 0 || hello.boot() == 0 || incarnation->empty() ||
      hello.lane() > static_cast<std::uint32_t>(env::Lane::kBulk)) {
    return Status(Code::kInvalidArgument,
                  "a node's hello lacks its node id, incarnation, boot number "
                  "or lane; use programs of one release");
  }
  PeerHello peer{{NodeId(hello.node()), *incarnation, BootNumber(hello.boot()),
                  FeatureLevel(hello.knows_level())},
                 static_cast<env::Lane>(hello.lane()),
                 env::DialNumber(hello.dial())};
  if (Status status = DecodeLineage(hello.lives(), &peer.peer, &peer.lineage); !status.ok()) {
    return status;
  }
  return peer;
}

Result<RemoteIdentity> CheckHelloReply(const proto::HelloReply& reply,
                                       const std::string& cluster_name, const ClusterId& cluster_id,
                                       NodeId expected) {
  RemoteIdentity remote;
  Result<ClusterId> id = wire::DecodeId<ClusterId>(reply.cluster_id(), "a cluster id");
  if (!id.ok()) return id.status();
  Result<Incarnation> incarnation =
      wire::DecodeId<Incarnation>(reply.incarnation(), "an incarnation");
  if (!incarnation.ok()) return incarnation.status();
  if (Status status = CompareClusters(reply.cluster_name(), *id, cluster_name, cluster_id);
      !status.ok()) {
    return status;
  }
  if (expected != NodeId(0) && reply.node() != expected.value()) {
    return Wrong("dialed " + Name(expected) + " and reached " + Name(NodeId(reply.node())));
  }
  remote.cluster_name = reply.cluster_name();
  remote.cluster_id = *id;
  remote.node = {NodeId(reply.node()), *incarnation, BootNumber(reply.boot()),
                 FeatureLevel(reply.knows_level())};
  remote.release = reply.release();
  remote.cluster_level = FeatureLevel(reply.cluster_level());
  remote.cluster_release = reply.cluster_release();
  remote.has_record = reply.has_record();
  if (Status status = DecodeLineage(reply.lives(), &remote.node, &remote.lineage); !status.ok()) {
    return status;
  }
  return remote;
}

Status CheckLevels(const RemoteIdentity& remote, const LocalIdentity& local) {
  if (Status status = CompareLevels(remote.node.node, remote.release, remote.node.knows,
                                    local.cluster_level, local.cluster_release);
      !status.ok()) {
    return status;
  }
  return CompareLevels(local.self.node, kVersion, local.self.knows, remote.cluster_level,
                       remote.cluster_release);
}

}  // namespace ringfort::net
