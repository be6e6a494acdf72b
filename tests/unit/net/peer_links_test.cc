// Two real nodes' transports on loopback: links, lanes, and what "gone" means (protocols 3).
#include "net/peer_links.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "tests/unit/net/loopback.h"

namespace ringfort::net {
namespace {

class RecordedEvents final : public env::TransportEvents {
 public:
  explicit RecordedEvents(EventLoop* loop) : loop_(loop) {}
  void OnConnected(const env::PeerIdentity& peer, bool has_record) override {
    Put("connected " + Name(peer.node) + " boot " + std::to_string(peer.boot.value()) +
        (has_record ? " record" : ""));
  }
  void OnMessage(const env::PeerIdentity& from, env::Lane lane, std::string_view message) override {
    Put("message " + Name(from.node) + (lane == env::Lane::kBulk ? " bulk " : " liveness ") +
        std::string(message.substr(0, 20)));
  }
  void OnGone(const env::PeerIdentity& gone) override {
    Put("gone " + Name(gone.node) + " boot " + std::to_string(gone.boot.value()));
  }
  Mailbox<std::string> seen;

 private:
  static std::string Name(NodeId node) { return std::to_string(node.value()); }
  void Put(std::string text) {
    EXPECT_TRUE(loop_->on_thread());
    seen.Put(std::move(text));
  }
  EventLoop* const loop_;
};

/// A node's loops, transport and port, without anything above.
class TestNode {
 public:
  TestNode(std::uint32_t id, std::uint64_t boot, std::uint16_t port = 0,
           const std::string& cluster = "local")
      : identity_{cluster, {}, {NodeId(id), Incarnation{id, 1}, BootNumber(boot)}, id == 1} {
    const auto identity = [this] { return identity_; };
    const auto on_event = [this](const std::string& line) { lines.Put(line); };
    links_ =
        std::make_unique<PeerLinks>(&control_, PeerLinks::Hooks{identity, &events, on_event}, id);
    ListenerHooks hooks;
    hooks.identity = identity;
    hooks.peers = links_.get();
    hooks.on_event = on_event;
    // Peers' connections land on both loops.
    auto listener =
        Listener::Open("127.0.0.1:" + std::to_string(port), {&other_, &control_}, hooks);
    EXPECT_TRUE(listener.ok()) << listener.status().ToString();
    listener_ = *std::move(listener);
  }
  ~TestNode() {
    listener_.reset();
    links_.reset();
  }

  void Know(std::uint32_t node, std::uint16_t port) {
    RunOn(&control_, [&] {
      links_->SetPeers({{NodeId(node), "127.0.0.1:" + std::to_string(port)},
                        {identity_.self.node, "127.0.0.1:1"}});
    });
  }
  void KnowNobody() {
    RunOn(&control_, [&] { links_->SetPeers({}); });
  }
  bool Send(std::uint32_t to, env::Lane lane, std::string message) {
    return links_->Send(NodeId(to), lane, std::move(message));
  }
  /// Both lanes are up.
  bool IsLinkedTo(std::uint32_t node) {
    return Eventually([&] {
      return Send(node, env::Lane::kLiveness, "probe") && Send(node, env::Lane::kBulk, "probe");
    });
  }
  [[nodiscard]] std::uint16_t port() const { return listener_->port(); }
  Listener* listener() { return listener_.get(); }
  EventLoop* control() { return &control_; }

 private:
  EventLoop control_;
  EventLoop other_;

 public:
  RecordedEvents events{&control_};
  Mailbox<std::string> lines;

 private:
  LocalIdentity identity_;
  std::unique_ptr<PeerLinks> links_;
  std::unique_ptr<Listener> listener_;
};

/// The next event that is no message.
std::string NextNews(TestNode* node) {
  while (true) {
    const std::optional<std::string> event = node->events.seen.Next();
    if (!event || !event->starts_with("message")) return event.value_or("");
  }
}

std::string NextMessage(TestNode* node) {
  while (true) {
    const std::optional<std::string> event = node->events.seen.Next();
    if (!event || (event->starts_with("message") && !event->ends_with("probe"))) {
      return event.value_or("");
    }
  }
}

TEST(PeerLinksTest, MessagesGoBothWaysOnTwoLanesInOrder) {
  TestNode one(1, 5);
  TestNode two(2, 6);
  EXPECT_FALSE(one.Send(2, env::Lane::kBulk, "nobody there yet"));
  one.Know(2, two.port());
  two.Know(1, one.port());
  EXPECT_EQ(NextNews(&one), "connected 2 boot 6");
  EXPECT_EQ(NextNews(&two), "connected 1 boot 5 record");
  ASSERT_TRUE(one.IsLinkedTo(2));
  ASSERT_TRUE(two.IsLinkedTo(1));
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(one.Send(2, env::Lane::kBulk, std::to_string(i)));
  }
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(NextMessage(&two), "message 1 bulk " + std::to_string(i));
  }
  ASSERT_TRUE(two.Send(1, env::Lane::kLiveness, "alive"));
  EXPECT_EQ(NextMessage(&one), "message 2 liveness alive");
}

const std::size_t kLargeBytes = 12'000'000;

TEST(PeerLinksTest, ALargeMessageDoesNotHoldUpTheOtherLane) {
  TestNode one(1, 1);
  TestNode two(2, 1);
  one.Know(2, two.port());
  ASSERT_TRUE(one.IsLinkedTo(2));
  ASSERT_TRUE(one.Send(2, env::Lane::kBulk, std::string(kLargeBytes, 'x')));
  ASSERT_TRUE(one.Send(2, env::Lane::kLiveness, "first"));
  EXPECT_EQ(NextMessage(&two), "message 1 liveness first");
  EXPECT_EQ(NextMessage(&two), "message 1 bulk xxxxxxxxxxxxxxxxxxxx");
}

TEST(PeerLinksTest, APeerThatStoppedIsGoneOnce) {
  TestNode one(1, 1);
  auto two = std::make_unique<TestNode>(2, 3);
  const std::uint16_t port = two->port();
  one.Know(2, port);
  EXPECT_EQ(NextNews(&one), "connected 2 boot 3");
  two.reset();
  EXPECT_EQ(NextNews(&one), "gone 2 boot 3");
  // Its next process is news, not a second end of the first.
  two = std::make_unique<TestNode>(2, 4, port);
  EXPECT_EQ(NextNews(&one), "connected 2 boot 4");
}

/// A peer made of raw sockets, which lets a link break without the process ending.
class FakePeer {
 public:
  FakePeer() : acceptor_(context_, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {}
  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  /// Takes one connection and answers its hello; which lane it is, is returned.
  env::Lane Accept(std::uint64_t boot, std::uint32_t node = 2) {
    sockets.push_back(std::make_unique<RawSocket>(&acceptor_));
    wire::FrameType type{};
    std::uint64_t id = 0;
    proto::Hello hello;
    EXPECT_TRUE(sockets.back()->ReadFrame(&type, &id, &hello));
    EXPECT_EQ(hello.expected_node(), 2U);
    sockets.back()->WriteFrame(
        wire::FrameType::kHelloReply, 0,
        MakeHelloReply({"local", {}, {NodeId(node), Incarnation{2, 1}, BootNumber(boot)}, false}));
    return static_cast<env::Lane>(hello.lane());
  }
  void BreakAll() {
    for (auto& socket : sockets) socket->Reset();
    sockets.clear();
  }
  void StopListening() { acceptor_.close(); }
  std::vector<std::unique_ptr<RawSocket>> sockets;

 private:
  asio::io_context context_;
  Tcp::acceptor acceptor_;
};

TEST(PeerLinksTest, AResetAloneIsNotGone) {
  TestNode one(1, 1);
  FakePeer peer;
  one.Know(2, peer.port());
  EXPECT_NE(peer.Accept(7), peer.Accept(7)) << "two lanes";
  EXPECT_EQ(NextNews(&one), "connected 2 boot 7");
  ASSERT_TRUE(one.IsLinkedTo(2));
  peer.BreakAll();
  peer.Accept(7);
  peer.Accept(7);
  EXPECT_EQ(NextNews(&one), "connected 2 boot 7");
  // Now nobody listens any more.
  peer.StopListening();
  peer.BreakAll();
  EXPECT_EQ(NextNews(&one), "gone 2 boot 7");
}

TEST(PeerLinksTest, AnotherBootInTheAnswerMeansGone) {
  TestNode one(1, 1);
  FakePeer peer;
  one.Know(2, peer.port());
  peer.Accept(7);
  peer.Accept(7);
  EXPECT_EQ(NextNews(&one), "connected 2 boot 7");
  peer.BreakAll();
  peer.Accept(8);
  peer.Accept(8);
  EXPECT_EQ(NextNews(&one), "gone 2 boot 7");
  EXPECT_EQ(NextNews(&one), "connected 2 boot 8");
}

TEST(PeerLinksTest, AHigherBootThatDialsUsMeansGoneAndALowerIsRefused) {
  TestNode one(1, 1);
  const auto dial = [&](std::uint64_t boot) {
    auto socket = std::make_unique<RawSocket>(one.port());
    socket->WriteFrame(
        wire::FrameType::kHello, 0,
        MakePeerHello({"local", {}, {NodeId(2), Incarnation{2, 1}, BootNumber(boot)}, false},
                      NodeId(1), env::Lane::kLiveness));
    return socket;
  };
  const auto first = dial(5);
  std::string frame;
  wire::AppendFrame(&frame, wire::FrameType::kPeer, 0, std::string_view("of five"));
  first->Write(frame);
  EXPECT_EQ(NextMessage(&one), "message 2 liveness of five");
  const auto second = dial(6);
  EXPECT_EQ(NextNews(&one), "gone 2 boot 5");
  EXPECT_EQ(dial(5)->ReadGoodbye(), Code::kWrongCluster);
  EXPECT_EQ(one.listener()->counters().closed_old_boot, 1U);
}

TEST(PeerLinksTest, AnotherNodeInItsPlaceIsReportedAndNeverLinked) {
  TestNode one(1, 1);
  TestNode three(3, 1);
  one.Know(2, three.port());
  EXPECT_NE(one.lines.Next()->find("this is node 3, dialed as node 2"), std::string::npos);
  EXPECT_GE(three.listener()->counters().closed_wrong_cluster, 1U);
  EXPECT_FALSE(one.Send(2, env::Lane::kLiveness, "x"));

  FakePeer liar;
  one.Know(2, liar.port());
  liar.Accept(1, 9);
  while (one.lines.Next()
             .value_or("dialed node 2 and reached node 9")
             .find("dialed node 2 and reached node 9") == std::string::npos) {
  }
  EXPECT_FALSE(one.Send(2, env::Lane::kLiveness, "x"));
}

TEST(PeerLinksTest, AnotherClusterIsReportedOnBothSides) {
  TestNode one(1, 1);
  TestNode two(2, 1, 0, "other");
  one.Know(2, two.port());
  EXPECT_NE(one.lines.Next()->find("cluster"), std::string::npos);
  EXPECT_NE(two.lines.Next()->find("cluster"), std::string::npos);
}

// Node 2 starts late: node 1 may be in the longest pause, and dials when node 2 dials it.
TEST(PeerLinksTest, APeerThatDialsUsIsDialedAtOnce) {
  TestNode one(1, 1);
  FakePeer late;
  const std::uint16_t port = late.port();
  late.StopListening();
  one.Know(2, port);
  EXPECT_NE(one.lines.Next()->find("refused"), std::string::npos);
  TestNode two(2, 1, port);
  two.Know(1, one.port());
  EXPECT_EQ(NextNews(&one), "connected 2 boot 1");
}

TEST(PeerLinksTest, WhatWaitsForAPeerThatDoesNotReadIsBounded) {
  TestNode one(1, 1);
  FakePeer peer;
  one.Know(2, peer.port());
  peer.Accept(1);
  peer.Accept(1);
  ASSERT_TRUE(one.IsLinkedTo(2));
  std::size_t taken = 0;
  while (one.Send(2, env::Lane::kLiveness, std::string(100'000, 'x'))) {
    ASSERT_LT(++taken, 1000U) << "over 100 MB";
  }
  EXPECT_GE(taken, 40U) << "4 MiB";
  EXPECT_TRUE(one.Send(2, env::Lane::kBulk, "the other lane has its own bound"));
}

TEST(PeerLinksTest, APeerThatIsNoMoreKnownIsLeftAlone) {
  TestNode one(1, 1);
  TestNode two(2, 1);
  one.Know(2, two.port());
  ASSERT_TRUE(one.IsLinkedTo(2));
  one.KnowNobody();
  EXPECT_FALSE(one.Send(2, env::Lane::kBulk, "x"));
  EXPECT_TRUE(Eventually([&] { return two.listener()->counters().open_connections == 0; }));
}

TEST(PeerLinksTest, EndsWithWorkInFlight) {
  for (int round = 0; round < 5; ++round) {
    auto one = std::make_unique<TestNode>(1, 1);
    auto two = std::make_unique<TestNode>(2, 1);
    one->Know(2, two->port());
    two->Know(1, one->port());
    ASSERT_TRUE(one->IsLinkedTo(2));
    std::atomic<bool> stop{false};
    std::thread sender([&] {
      while (!stop) one->Send(2, env::Lane::kBulk, std::string(50'000, 'x'));
    });
    two.reset();
    stop = true;
    sender.join();
    one.reset();
  }
}

}  // namespace
}  // namespace ringfort::net
