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
  void OnLinked(const env::PeerIdentity& peer, env::Lane lane, env::DialNumber dial) override {
    EXPECT_TRUE(loop_->on_thread());
    linked.Put({peer.node, lane, dial});
  }
  void OnMessage(const env::PeerIdentity& from, env::Lane lane, std::string_view message) override {
    Put("message " + Name(from.node) + (lane == env::Lane::kBulk ? " bulk " : " liveness ") +
        std::string(message.substr(0, 20)));
  }
  void OnGone(const env::PeerIdentity& gone) override {
    Put("gone " + Name(gone.node) + " boot " + std::to_string(gone.boot.value()));
  }
  void OnOldCopy(NodeId by, const std::string& why) override {
    Put("old copy by " + Name(by) + ": " + why);
  }
  struct Linked {
    NodeId node;
    env::Lane lane;
    env::DialNumber dial;
  };
  Mailbox<std::string> seen;
  Mailbox<Linked> linked;

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
           const std::string& cluster = "local", env::Lineage lineage = {},
           const std::vector<env::PeerIdentity>& seen = {})
      : identity_{cluster, {}, {NodeId(id), Incarnation{id, 1}, BootNumber(boot)}, id == 1} {
    identity_.lineage = std::move(lineage);
    if (!identity_.lineage.empty()) identity_.self.nonce = identity_.lineage.back().nonce;
    const auto identity = [this] { return identity_; };
    const auto on_event = [this](const std::string& line) { lines.Put(line); };
    links_ =
        std::make_unique<PeerLinks>(&control_, PeerLinks::Hooks{identity, &events, on_event}, id);
    for (const env::PeerIdentity& peer : seen) links_->Remember(peer);
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
  bool SendOn(std::uint32_t to, env::Lane lane, env::DialNumber dial, std::string message) {
    return links_->SendOn(NodeId(to), lane, dial, std::move(message));
  }
  void Redial(std::uint32_t to, env::Lane lane) {
    RunOn(&control_, [&] { links_->Redial(NodeId(to), lane); });
  }
  std::uint64_t Counter(const std::string& name) {
    for (const auto& [counter, value] : links_->Counters()) {
      if (counter == name) return value;
    }
    return UINT64_MAX;
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
  /// Accepts, and has the first connection and every second one after it.
  EventLoop* other() { return &other_; }

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
  EXPECT_GE(one.Counter("peer_2_dials"), 2U);
  EXPECT_LT(one.Counter("peer_2_liveness_heard_ms_ago"), 20'000U);
  EXPECT_LT(two.Counter("peer_1_bulk_heard_ms_ago"), 20'000U);
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
  /// Takes one connection and reads its hello.
  proto::Hello TakeHello() {
    sockets.push_back(std::make_unique<RawSocket>(&acceptor_));
    wire::FrameType type{};
    std::uint64_t id = 0;
    proto::Hello hello;
    EXPECT_TRUE(sockets.back()->ReadFrame(&type, &id, &hello));
    EXPECT_EQ(hello.expected_node(), 2U);
    return hello;
  }
  /// Answers the hello that came last.
  void Answer(std::uint64_t boot, std::uint32_t node = 2) {
    sockets.back()->WriteFrame(
        wire::FrameType::kHelloReply, 0,
        MakeHelloReply({"local", {}, {NodeId(node), Incarnation{2, 1}, BootNumber(boot)}, false},
                       proto::Hello::PEER));
  }
  /// Both; which lane it is, is returned.
  env::Lane Accept(std::uint64_t boot, std::uint32_t node = 2) {
    const proto::Hello hello = TakeHello();
    Answer(boot, node);
    return static_cast<env::Lane>(hello.lane());
  }
  /// Takes the two lanes of a node; the bulk lane's socket is the last.
  void AcceptBoth(std::uint64_t boot) {
    if (Accept(boot) != env::Lane::kBulk) {
      EXPECT_EQ(Accept(boot), env::Lane::kBulk);
    } else {
      EXPECT_EQ(Accept(boot), env::Lane::kLiveness);
      std::swap(sockets[sockets.size() - 2], sockets.back());
    }
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
                      NodeId(1), env::Lane::kLiveness, env::DialNumber(1)));
    return socket;
  };
  const auto first = dial(5);
  std::string frame;
  wire::AppendFrame(&frame, wire::FrameType::kPeer, 0, std::string_view("of five"));
  first->Write(frame);
  EXPECT_EQ(NextMessage(&one), "message 2 liveness of five");
  const auto second = dial(6);
  EXPECT_EQ(NextNews(&one), "gone 2 boot 5");
  EXPECT_EQ(dial(5)->ReadGoodbye(), kOldCopy);
  EXPECT_EQ(one.listener()->counters().closed_old_boot, 1U);
}

// --- Links that are dialed anew -----------------------------------------------------------------

/// A connection of node 2 to the node, past its hello but for the answer.
std::unique_ptr<RawSocket> DialAsTwo(TestNode* node, std::uint64_t dial, std::uint64_t boot = 5) {
  auto socket = std::make_unique<RawSocket>(node->port());
  socket->WriteFrame(
      wire::FrameType::kHello, 0,
      MakePeerHello({"local", {}, {NodeId(2), Incarnation{2, 1}, BootNumber(boot)}, false},
                    NodeId(1), env::Lane::kBulk, env::DialNumber(dial)));
  return socket;
}

void Say(RawSocket* socket, std::string_view message) {
  std::string frame;
  wire::AppendFrame(&frame, wire::FrameType::kPeer, 0, message);
  socket->Write(frame);
}

bool ReadsReply(RawSocket* socket) {
  wire::FrameType type{};
  std::uint64_t id = 0;
  proto::HelloReply reply;
  return socket->ReadFrame(&type, &id, &reply) && type == wire::FrameType::kHelloReply;
}

// The messages were read, and wait for the control loop, when it lets the newer connection in.
TEST(PeerLinksTest, WhatWasReadFromAReplacedConnectionIsNotDelivered) {
  TestNode one(1, 1);
  const auto older = DialAsTwo(&one, 1);  // On the other loop, as is every second one.
  ASSERT_TRUE(ReadsReply(older.get()));
  Say(older.get(), "first");
  EXPECT_EQ(NextMessage(&one), "message 2 bulk first");
  const RawSocket filler(one.port());

  std::promise<void> release;
  one.control()->Post([&] { release.get_future().wait(); });
  const auto bytes_in = [&] { return one.listener()->counters().traffic.bytes_in.load(); };
  const auto until_read = [&](std::uint64_t before) {
    ASSERT_TRUE(Eventually([&] { return bytes_in() > before; }));
    RunOn(one.other(), [] {});  // What it read is with the control loop.
  };
  std::uint64_t before = bytes_in();
  const auto newer = DialAsTwo(&one, 2);
  until_read(before);
  before = bytes_in();
  Say(older.get(), "late");
  until_read(before);
  Say(newer.get(), "second");
  release.set_value();
  EXPECT_EQ(NextMessage(&one), "message 2 bulk second");
  EXPECT_EQ(older->ReadGoodbye(), Code::kOk) << "closed";
}

TEST(PeerLinksTest, ALowerDialIsRefused) {
  TestNode one(1, 1);
  const auto newer = DialAsTwo(&one, 7);
  ASSERT_TRUE(ReadsReply(newer.get()));
  EXPECT_EQ(DialAsTwo(&one, 6)->ReadGoodbye(), Code::kCancelled);
  Say(newer.get(), "still here");
  EXPECT_EQ(NextMessage(&one), "message 2 bulk still here");
  EXPECT_EQ(one.listener()->counters().closed_old_boot, 0U);
}

TEST(PeerLinksTest, OfAReleaseWithoutDialNumbersTheNewestCounts) {
  TestNode one(1, 1);
  const auto first = DialAsTwo(&one, 0);
  ASSERT_TRUE(ReadsReply(first.get()));
  const auto second = DialAsTwo(&one, 0);
  ASSERT_TRUE(ReadsReply(second.get()));
  Say(second.get(), "again");
  EXPECT_EQ(NextMessage(&one), "message 2 bulk again");
}

std::chrono::steady_clock::time_point Clock() {
  return std::chrono::steady_clock::now();
}

TEST(PeerLinksTest, ADoubtedLinkCarriesOnUntilAFreshOneIsAnswered) {
  using std::chrono::milliseconds;
  TestNode one(1, 1);
  FakePeer peer;
  one.Know(2, peer.port());
  peer.AcceptBoth(7);
  ASSERT_TRUE(one.IsLinkedTo(2));
  RawSocket* const before = peer.sockets.back().get();
  const auto first = one.events.linked.Next();
  const auto second = one.events.linked.Next();
  const env::DialNumber dial = first->lane == env::Lane::kBulk ? first->dial : second->dial;
  // Not within its first second, whoever asks.
  const auto up_at = Clock();
  std::thread doubt([&] {
    while (Clock() - up_at < milliseconds(1200)) one.Redial(2, env::Lane::kBulk);
  });
  const proto::Hello hello = peer.TakeHello();
  EXPECT_GE(Clock() - up_at, milliseconds(800));
  doubt.join();
  EXPECT_EQ(hello.lane(), static_cast<std::uint32_t>(env::Lane::kBulk));
  EXPECT_GT(hello.dial(), dial.value());
  EXPECT_TRUE(one.SendOn(2, env::Lane::kBulk, dial, "on the old one"));
  EXPECT_TRUE(one.events.linked.empty());
  peer.Answer(7);
  const auto renewed = one.events.linked.Next();
  EXPECT_EQ(renewed->dial, env::DialNumber(hello.dial()));
  EXPECT_FALSE(one.SendOn(2, env::Lane::kBulk, dial, "by who does not know of the new one"));
  EXPECT_TRUE(one.SendOn(2, env::Lane::kBulk, renewed->dial, "on the new one"));
  wire::FrameType type{};
  std::uint64_t id = 0;
  proto::PeerMessage any;
  while (before->ReadFrame(&type, &id, &any)) continue;  // Until it is closed.
  // Nothing of what went to the old one is sent again.
  EXPECT_EQ(peer.sockets.back()->ReadPayload(), "on the new one");
}

// A port whose queue of connections is full does not answer a SYN; the kernel would send the next
// one after a second.
TEST(PeerLinksTest, ASynThatIsNotAnsweredIsGivenUpAndAFreshSocketUsed) {
  asio::io_context context;
  Tcp::acceptor acceptor(context);
  acceptor.open(Tcp::v4());
  acceptor.bind(Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  acceptor.listen(0);
  const std::uint16_t port = acceptor.local_endpoint().port();
  const RawSocket filler(port);
  TestNode one(1, 1);
  const auto began_at = Clock();
  one.Know(2, port);
  EXPECT_NE(one.lines.Next()->find("cannot connect"), std::string::npos);
  EXPECT_LT(Clock() - began_at, std::chrono::milliseconds(900));
  const RawSocket taken(&acceptor);
  RawSocket socket(&acceptor);
  wire::FrameType type{};
  std::uint64_t id = 0;
  proto::Hello hello;
  EXPECT_TRUE(socket.ReadFrame(&type, &id, &hello));
  EXPECT_GT(hello.dial(), 2U) << "both lanes have dialed before";
}

// A process that is frozen: its machine answers, and nobody reads.
TEST(PeerLinksTest, AConnectionThatGetsNoHelloIsKeptWithOneMoreASecond) {
  TestNode one(1, 1);
  FakePeer peer;
  one.Know(2, peer.port());
  if (peer.Accept(7) == env::Lane::kBulk) peer.Accept(7);
  // One lane is up, the other's hellos stay without an answer.
  const auto first_at = Clock();
  if (peer.sockets.size() == 1) peer.TakeHello();
  RawSocket* const first = peer.sockets.back().get();
  for (int more = 1; more <= 2; ++more) {
    peer.TakeHello();
    EXPECT_GE(Clock() - first_at, more * std::chrono::milliseconds(950));
  }
  EXPECT_TRUE(first->IsOpen());
  peer.Answer(7);
  ASSERT_TRUE(one.IsLinkedTo(2));
  EXPECT_EQ(first->ReadGoodbye(), Code::kOk) << "closed once another carries the lane";
}

// What refuses stands on the way: the peer itself is heard.
TEST(PeerLinksTest, ARefusalBesideALinkThatIsHeardIsNotGone) {
  TestNode one(1, 1);
  FakePeer peer;
  one.Know(2, peer.port());
  peer.Accept(7);
  peer.Accept(7);
  EXPECT_EQ(NextNews(&one), "connected 2 boot 7");
  const auto heard = DialAsTwo(&one, 1, 7);
  ASSERT_TRUE(ReadsReply(heard.get()));
  Say(heard.get(), "alive");
  EXPECT_EQ(NextMessage(&one), "message 2 bulk alive");
  peer.StopListening();
  peer.BreakAll();
  EXPECT_NE(one.lines.Next()->find("refused"), std::string::npos);
  for (const auto end = Clock() + std::chrono::milliseconds(600); Clock() < end;) {
    Say(heard.get(), "alive");
    ASSERT_EQ(*one.events.seen.Next(), "message 2 bulk alive");
  }
  heard->Reset();
  EXPECT_EQ(NextNews(&one), "gone 2 boot 7");
}

// --- Links to who is not there ------------------------------------------------------------------

env::PeerIdentity Seen(std::uint32_t node, std::uint64_t boot, std::uint64_t nonce) {
  return {NodeId(node), Incarnation{node, 1}, BootNumber(boot), {}, nonce};
}

// The run: a directory is put back from a copy that is one start older, and started: it shows the
// boot number that its peers know already. Node 1 has seen the later start in an earlier life of
// its own.
TEST(PeerLinksTest, AnOldCopyIsRefusedAndToldByAPeerThatRemembers) {
  TestNode one(1, 9, 0, "local", {}, {Seen(2, 5, 77)});
  TestNode two(2, 5, 0, "local", {{BootNumber(4), 40}, {BootNumber(5), 50}});
  two.Know(1, one.port());
  const std::string news = NextNews(&two);
  EXPECT_EQ(news.find("old copy by 1: node 2 shows boot 5, which does not come after boot 5"), 0U)
      << news;
  EXPECT_EQ(news.find("delete"), std::string::npos) << "it may be the last copy";
  EXPECT_FALSE(two.Send(1, env::Lane::kBulk, "nothing"));
  EXPECT_GE(one.listener()->counters().closed_old_boot, 1U);
  // Whoever dials it refuses it, too.
  one.Know(2, two.port());
  EXPECT_NE(one.lines.Next()->find("old copy"), std::string::npos);
  EXPECT_FALSE(one.Send(2, env::Lane::kBulk, "nothing"));
}

TEST(PeerLinksTest, TheNextStartOfTheSeenOneIsTaken) {
  TestNode one(1, 9, 0, "local", {}, {Seen(2, 5, 77)});
  TestNode two(2, 6, 0, "local", {{BootNumber(5), 77}, {BootNumber(6), 60}});
  two.Know(1, one.port());
  EXPECT_EQ(NextNews(&two), "connected 1 boot 9 record");
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
