// Who is let in, and what the others are told.
#include "net/handshake.h"

#include <gtest/gtest.h>

#include "tests/unit/net/loopback.h"

namespace ringfort::net {
namespace {

LocalIdentity NodeTwo() {
  return {"local", ClusterId{1, 1}, {NodeId(2), Incarnation{8, 8}, BootNumber(3)}, true};
}

TEST(HandshakeTest, AClientMayKnowNothing) {
  EXPECT_TRUE(CheckHello(MakeClientHello("", {}), NodeOne()).ok());
  EXPECT_TRUE(CheckHello(MakeClientHello("local", ClusterId{1, 1}), NodeOne()).ok());
}

TEST(HandshakeTest, AnotherClusterIsRefused) {
  EXPECT_EQ(CheckHello(MakeClientHello("other", {}), NodeOne()).code(), Code::kWrongCluster);
  EXPECT_EQ(CheckHello(MakeClientHello("local", ClusterId{1, 2}), NodeOne()).code(),
            Code::kWrongCluster);
}

TEST(HandshakeTest, APeerShowsWhoItIs) {
  const proto::Hello hello =
      MakePeerHello(NodeTwo(), NodeId(1), env::Lane::kBulk, env::DialNumber(3));
  ASSERT_TRUE(CheckHello(hello, NodeOne()).ok());
  EXPECT_EQ(DecodePeerHello(hello)->peer, NodeTwo().self);
  EXPECT_EQ(DecodePeerHello(hello)->lane, env::Lane::kBulk);
  EXPECT_EQ(DecodePeerHello(hello)->dial, env::DialNumber(3));
}

// The run in which it is needed: before the creation no node has a cluster id.
TEST(HandshakeTest, ANodeWithoutAClusterIdYetFits) {
  LocalIdentity fresh = NodeTwo();
  fresh.cluster_id = {};
  EXPECT_TRUE(CheckHello(MakePeerHello(fresh, NodeId(1), env::Lane::kLiveness, env::DialNumber(3)),
                         NodeOne())
                  .ok());
  EXPECT_TRUE(
      CheckHello(MakePeerHello(NodeTwo(), NodeId(1), env::Lane::kLiveness, env::DialNumber(3)),
                 [] {
                   LocalIdentity local = NodeOne();
                   local.cluster_id = {};
                   return local;
                 }())
          .ok());
}

// Design 9: a node that does not know the cluster's level is told which release it needs.
TEST(HandshakeTest, WhoDoesNotKnowTheClustersLevelIsRefused) {
  LocalIdentity raised = NodeOne();
  raised.self.knows = FeatureLevel(1);
  raised.cluster_level = FeatureLevel(1);
  raised.cluster_release = "0.2.0";
  LocalIdentity newer = NodeTwo();
  newer.self.knows = FeatureLevel(1);
  EXPECT_TRUE(
      CheckHello(MakePeerHello(newer, NodeId(1), env::Lane::kBulk, env::DialNumber(1)), raised)
          .ok());
  EXPECT_EQ(
      DecodePeerHello(MakePeerHello(newer, NodeId(1), env::Lane::kBulk, env::DialNumber(1)))->peer,
      newer.self);
  // 0.1.0 says nothing of levels.
  const LocalIdentity old = NodeTwo();
  proto::Hello hello = MakePeerHello(old, NodeId(1), env::Lane::kBulk, env::DialNumber(1));
  hello.clear_release();
  const Status refused = CheckHello(hello, raised);
  EXPECT_EQ(refused.code(), Code::kUnsupported);
  EXPECT_NE(refused.message().find("node 2 runs release 0.1.0"), std::string::npos);
  EXPECT_NE(refused.message().find("run release '0.2.0' or newer"), std::string::npos);
  EXPECT_TRUE(CheckHello(hello, NodeOne()).ok()) << "before the level was raised";
  // The other way round: this program is the older one.
  EXPECT_EQ(CheckHello(MakePeerHello(raised, NodeId(2), env::Lane::kBulk, env::DialNumber(1)), old)
                .code(),
            Code::kUnsupported);
  const auto remote = CheckHelloReply(MakeHelloReply(raised, proto::Hello::PEER), "local",
                                      ClusterId{1, 1}, NodeId(1));
  ASSERT_TRUE(remote.ok());
  EXPECT_TRUE(CheckLevels(*remote, newer).ok());
  EXPECT_EQ(CheckLevels(*remote, old).code(), Code::kUnsupported);
}

TEST(HandshakeTest, APeerThatIsWrongIsRefused) {
  const proto::Hello good =
      MakePeerHello(NodeTwo(), NodeId(1), env::Lane::kLiveness, env::DialNumber(3));
  const auto code = [&](const auto& damage) {
    proto::Hello bad = good;
    damage(&bad);
    return CheckHello(bad, NodeOne()).code();
  };
  using Hello = proto::Hello;
  EXPECT_EQ(code([](Hello* h) { h->set_expected_node(3); }), Code::kWrongCluster);
  EXPECT_EQ(code([](Hello* h) { h->set_node(1); }), Code::kWrongCluster);
  EXPECT_EQ(code([](Hello* h) { h->set_node(0); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Hello* h) { h->set_boot(0); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Hello* h) { h->set_lane(2); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Hello* h) { h->clear_incarnation(); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Hello* h) { h->set_incarnation("short"); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Hello* h) { h->clear_cluster_name(); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Hello* h) { h->set_role(static_cast<Hello::Role>(9)); }), Code::kUnsupported);
}

TEST(HandshakeTest, TheAnswerIsCheckedToo) {
  const proto::HelloReply reply = MakeHelloReply(NodeTwo(), proto::Hello::CLIENT);
  const Result<RemoteIdentity> remote = CheckHelloReply(reply, "local", ClusterId{1, 1}, NodeId(2));
  ASSERT_TRUE(remote.ok());
  EXPECT_EQ(remote->node, NodeTwo().self);
  EXPECT_TRUE(remote->has_record);
  EXPECT_TRUE(CheckHelloReply(reply, "", {}, NodeId(0)).ok());
  EXPECT_EQ(CheckHelloReply(reply, "other", {}, NodeId(0)).status().code(), Code::kWrongCluster);
  EXPECT_EQ(CheckHelloReply(reply, "", ClusterId{9, 9}, NodeId(0)).status().code(),
            Code::kWrongCluster);
  EXPECT_EQ(CheckHelloReply(reply, "", {}, NodeId(3)).status().code(), Code::kWrongCluster);
}

// By which the other side tells an old copy of a directory.
TEST(HandshakeTest, ANodeTellsOfItsStartsAndOnlyNodes) {
  LocalIdentity local = NodeTwo();
  const std::uint64_t boot = local.self.boot.value();
  local.lineage = {{BootNumber(boot - 1), 41}, {BootNumber(boot), 42}};
  const proto::HelloReply reply = MakeHelloReply(local, proto::Hello::PEER);
  const auto remote = CheckHelloReply(reply, "local", ClusterId{1, 1}, NodeId(2));
  ASSERT_TRUE(remote.ok());
  EXPECT_EQ(remote->lineage, local.lineage);
  EXPECT_EQ(remote->node.nonce, 42U);
  EXPECT_EQ(MakeHelloReply(local, proto::Hello::CLIENT).lives_size(), 0);

  const proto::Hello good =
      MakePeerHello(local, NodeId(1), env::Lane::kLiveness, env::DialNumber(1));
  const auto peer = DecodePeerHello(good);
  ASSERT_TRUE(peer.ok());
  EXPECT_EQ(peer->lineage, local.lineage);
  EXPECT_EQ(peer->peer.nonce, 42U);
  const auto code = [&](const auto& damage) {
    proto::Hello bad = good;
    damage(&bad);
    return CheckHello(bad, NodeOne()).code();
  };
  using Hello = proto::Hello;
  EXPECT_EQ(code([](Hello* h) { h->clear_lives(); }), Code::kOk) << "an older release";
  EXPECT_EQ(code([](Hello* h) { h->mutable_lives(1)->set_nonce(0); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Hello* h) { h->mutable_lives()->SwapElements(0, 1); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Hello* h) { h->set_boot(h->boot() + 1); }), Code::kInvalidArgument);
}

// A name from the wire goes into a message and a log line.
TEST(HandshakeTest, AStrangeNameIsShownHarmlessly) {
  const Status status = CheckHello(MakeClientHello("a\nb" + std::string(1000, 'x'), {}), NodeOne());
  EXPECT_NE(status.message().find("'a?b"), std::string::npos);
  EXPECT_LT(status.message().size(), 300U);
}

}  // namespace
}  // namespace ringfort::net
