// The port of a node: hellos, requests in any order, and rubbish of many kinds.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <vector>

#include "base/random.h"
#include "net/server.h"
#include "tests/unit/net/loopback.h"
#include "wire/id_codec.h"

namespace ringfort::net {
namespace {

using wire::FrameType;

class HeldRequests final : public RequestHandler {
 public:
  void OnRequests(std::span<IncomingRequest> batch) override {
    for (IncomingRequest& request : batch) held.Put(std::move(request));
  }
  Mailbox<IncomingRequest> held;
};

class OpenGate final : public PeerGate {
 public:
  explicit OpenGate(EventLoop* loop) : loop_(loop) {}
  Result<Admission> Admit(const PeerHello& hello,
                          const std::shared_ptr<Connection>& /*connection*/) override {
    EXPECT_TRUE(loop_->on_thread());
    if (hello.peer.boot == BootNumber(1)) return Status(kOldCopy, "old copy");
    return hello.peer.node.value() * Admission{10};
  }
  [[nodiscard]] EventLoop* control_loop() const override { return loop_; }
  void OnPeerMessage(const PeerHello& from, Admission admission,
                     std::string_view message) override {
    EXPECT_TRUE(loop_->on_thread());
    EXPECT_EQ(admission, from.peer.node.value() * Admission{10});
    messages.Put(std::to_string(from.peer.node.value()) + ":" + std::string(message));
  }
  void OnPeerClosed(const PeerHello& from, Admission /*admission*/) override {
    EXPECT_TRUE(loop_->on_thread());
    closed.Put(from.peer.node.value());
  }
  Mailbox<std::string> messages;
  Mailbox<std::uint32_t> closed;

 private:
  EventLoop* const loop_;
};

class ListenerTest : public testing::Test {
 protected:
  void Open(const ListenerOptions& options = {}) {
    ListenerHooks hooks;
    hooks.identity = NodeOne;
    hooks.requests = &requests_;
    hooks.peers = &gate_;
    hooks.on_event = [this](const std::string& line) { events_.Put(line); };
    auto listener = Listener::Open("127.0.0.1:0", {&first_, &second_}, std::move(hooks), options);
    ASSERT_TRUE(listener.ok()) << listener.status().ToString();
    listener_ = *std::move(listener);
  }

  /// A client past its handshake.
  std::unique_ptr<RawSocket> Client() {
    auto socket = std::make_unique<RawSocket>(listener_->port());
    socket->WriteFrame(FrameType::kHello, 0, MakeClientHello("local", {}));
    FrameType type{};
    std::uint64_t id = 0;
    proto::HelloReply reply;
    EXPECT_TRUE(socket->ReadFrame(&type, &id, &reply));
    EXPECT_EQ(type, FrameType::kHelloReply);
    EXPECT_EQ(reply.node(), 1U);
    return socket;
  }

  static proto::Request RequestOfShard(std::uint32_t shard) {
    proto::Request request;
    request.set_shard(shard);
    request.mutable_get_map();
    return request;
  }

  [[nodiscard]] bool Reaches(const std::atomic<std::uint64_t>& counter, std::uint64_t value) const {
    return Eventually([&] { return counter.load() == value; });
  }

  EventLoop first_;
  EventLoop second_;
  HeldRequests requests_;
  OpenGate gate_{&first_};
  Mailbox<std::string> events_;
  std::unique_ptr<Listener> listener_;
};

TEST_F(ListenerTest, AnswersComeBackInTheOrderInWhichTheyAreGiven) {
  Open();
  const auto client = Client();
  std::string frames;
  for (std::uint32_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(wire::AppendFrame(&frames, FrameType::kRequest, 1000 + i, RequestOfShard(i)));
  }
  client->Write(frames);
  std::vector<IncomingRequest> held;
  for (std::uint32_t i = 0; i < 100; ++i) {
    held.push_back(*requests_.held.Next());
    EXPECT_EQ(held.back().request.shard(), i);
  }
  for (auto one = held.rbegin(); one != held.rend(); ++one) {
    proto::Response response;
    response.mutable_written()->set_version(one->request.shard());
    one->responder->Send(one->request_id, response);
    one->responder->Send(one->request_id, response);  // A second answer is none.
  }
  for (std::uint32_t i = 100; i-- > 0;) {
    FrameType type{};
    std::uint64_t id = 0;
    proto::Response response;
    ASSERT_TRUE(client->ReadFrame(&type, &id, &response));
    EXPECT_EQ(type, FrameType::kResponse);
    EXPECT_EQ(id, 1000 + i);
    EXPECT_EQ(response.written().version(), i);
  }
  EXPECT_EQ(listener_->counters().requests, 100U);
  EXPECT_GT(listener_->counters().traffic.bytes_in, frames.size());
}

TEST_F(ListenerTest, AHelloMayBeFollowedByRequestsAtOnceAndByLargeOnes) {
  Open();
  RawSocket socket(listener_->port());
  proto::Request large = RequestOfShard(1);
  large.mutable_scan()->set_shard_key(std::string(3'000'000, 'k'));
  std::string bytes;
  ASSERT_TRUE(wire::AppendFrame(&bytes, FrameType::kHello, 0, MakeClientHello("", {})));
  ASSERT_TRUE(wire::AppendFrame(&bytes, FrameType::kRequest, 1, large));
  ASSERT_TRUE(wire::AppendFrame(&bytes, FrameType::kRequest, 2, RequestOfShard(2)));
  socket.Write(bytes);
  EXPECT_EQ(requests_.held.Next()->request.scan().shard_key().size(), 3'000'000U);
  EXPECT_EQ(requests_.held.Next()->request.shard(), 2U);
}

TEST_F(ListenerTest, AnotherClusterIsToldSo) {
  Open();
  RawSocket socket(listener_->port());
  socket.WriteFrame(FrameType::kHello, 0, MakeClientHello("other", {}));
  EXPECT_EQ(socket.ReadGoodbye(), Code::kWrongCluster);
  EXPECT_EQ(listener_->counters().closed_wrong_cluster, 1U);
  EXPECT_NE(events_.Next()->find("cluster 'other'"), std::string::npos);
}

TEST_F(ListenerTest, RubbishIsAnsweredCountedAndSurvived) {
  Open();
  std::string cut;
  wire::AppendFrame(&cut, FrameType::kHello, 0, "not a hello");
  std::string early;
  wire::AppendFrame(&early, FrameType::kRequest, 0, "");
  std::string flipped;
  ASSERT_TRUE(wire::AppendFrame(&flipped, FrameType::kHello, 0, MakeClientHello("local", {})));
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  const std::vector<std::pair<std::string, Code>> rubbish = {
      {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", Code::kInvalidArgument},
      {std::string(1'000'000, 'x'), Code::kInvalidArgument},
      {cut, Code::kInvalidArgument},
      {early, Code::kInvalidArgument},
      {flipped, Code::kCorruption},
      {std::string("RGFT\x02"), Code::kUnsupported},
  };
  std::uint64_t count = 0;
  for (const auto& [bytes, code] : rubbish) {
    RawSocket socket(listener_->port());
    socket.Write(bytes);
    EXPECT_EQ(socket.ReadGoodbye(), code) << bytes.substr(0, 20);
    EXPECT_TRUE(Reaches(listener_->counters().closed_rubbish, ++count));
  }
  const std::uint64_t seed = 3;
  Random random(seed);
  for (int i = 0; i < 50; ++i) {
    RawSocket socket(listener_->port());
    std::string bytes(1 + random.Below(5000), '\0');
    for (char& c : bytes) c = static_cast<char>(random.Next());
    socket.Write(bytes);
    EXPECT_EQ(socket.ReadGoodbye(), Code::kInvalidArgument) << "seed " << seed;
  }
  Client();
}

TEST_F(ListenerTest, OversizedFramesAreRefusedFromTheirHeaders) {
  Open();
  std::string header;
  wire::AppendFrame(&header, FrameType::kHello, 0,
                    std::string(limits::kFrameBeforeHandshakeMax, 'x'));
  header.resize(wire::kFrameHeaderBytes);
  RawSocket stranger(listener_->port());
  stranger.Write(header);
  EXPECT_EQ(stranger.ReadGoodbye(), Code::kTooLarge);

  const auto client = Client();
  std::string huge("RGFT\x01\x04\0\0\xff\xff\xff\xff\0\0\0\0", 16);
  client->Write(huge);
  EXPECT_EQ(client->ReadGoodbye(), Code::kTooLarge);
  EXPECT_TRUE(Reaches(listener_->counters().closed_oversized, 2));
}

TEST_F(ListenerTest, ARequestThatCannotBeReadCostsOnlyItself) {
  Open();
  const auto client = Client();
  std::string bytes;
  wire::AppendFrame(&bytes, FrameType::kRequest, 5, "\xff\xff\xff");
  client->Write(bytes);
  FrameType type{};
  std::uint64_t id = 0;
  proto::Response response;
  ASSERT_TRUE(client->ReadFrame(&type, &id, &response));
  EXPECT_EQ(id, 5U);
  EXPECT_EQ(response.error().code(), static_cast<std::uint32_t>(Code::kInvalidArgument));
  client->WriteFrame(FrameType::kRequest, 6, RequestOfShard(1));
  EXPECT_TRUE(requests_.held.Next().has_value());
}

TEST_F(ListenerTest, ASilentStrangerIsClosed) {
  ListenerOptions options;
  options.handshake_timeout = std::chrono::milliseconds(20);
  Open(options);
  RawSocket silent(listener_->port());
  EXPECT_EQ(silent.ReadGoodbye(), Code::kOk) << "closed without a word";
  EXPECT_TRUE(Reaches(listener_->counters().handshake_timeouts, 1));
  // One that is past its handshake may be silent for as long as it likes.
  const auto client = Client();
  RawSocket another(listener_->port());
  EXPECT_EQ(another.ReadGoodbye(), Code::kOk);
  client->WriteFrame(FrameType::kRequest, 6, RequestOfShard(1));
  EXPECT_TRUE(requests_.held.Next().has_value());
}

TEST_F(ListenerTest, OneClientTooManyIsToldSo) {
  ListenerOptions options;
  options.client_connections_max = 2;
  Open(options);
  const auto first = Client();
  const auto second = Client();
  {
    RawSocket third(listener_->port());
    EXPECT_EQ(third.ReadGoodbye(), Code::kOverloaded);
  }
  second->Close();
  ASSERT_TRUE(Reaches(listener_->counters().client_connections, 1));
  Client();
}

TEST_F(ListenerTest, RequestsInFlightAreBoundedInNumberAndBytes) {
  ListenerOptions options;
  options.in_flight_max = 2;
  options.in_flight_bytes_max = 1000;
  Open(options);
  const auto client = Client();
  for (std::uint32_t i = 0; i < 3; ++i) {
    client->WriteFrame(FrameType::kRequest, i, RequestOfShard(i));
  }
  FrameType type{};
  std::uint64_t id = 0;
  proto::Response response;
  ASSERT_TRUE(client->ReadFrame(&type, &id, &response));
  EXPECT_EQ(id, 2U);
  EXPECT_EQ(response.error().code(), static_cast<std::uint32_t>(Code::kOverloaded));
  EXPECT_GT(response.error().retry_after_ms(), 0U);
  // An answer makes room again.
  for (int i = 0; i < 2; ++i) {
    const IncomingRequest held = *requests_.held.Next();
    held.responder->Send(held.request_id, proto::Response());
    ASSERT_TRUE(client->ReadFrame(&type, &id, &response));
    EXPECT_FALSE(response.has_error());
  }
  proto::Request large = RequestOfShard(7);
  large.mutable_scan()->set_shard_key(std::string(1000, 'k'));
  client->WriteFrame(FrameType::kRequest, 7, large);
  client->WriteFrame(FrameType::kRequest, 8, RequestOfShard(8));
  ASSERT_TRUE(client->ReadFrame(&type, &id, &response));
  EXPECT_EQ(id, 8U);
  EXPECT_EQ(response.error().code(), static_cast<std::uint32_t>(Code::kOverloaded));
}

TEST_F(ListenerTest, AClientThatDoesNotReadIsClosed) {
  ListenerOptions options;
  options.outbox_bytes_max = 100'000;
  Open(options);
  const auto client = Client();
  proto::Response response;
  response.mutable_got()->add_entries()->set_value(std::string(1'000'000, 'v'));
  // The kernel's buffers take some; what they do not take is bounded.
  for (std::uint64_t id = 0; listener_->counters().closed_slow_reader == 0; ++id) {
    ASSERT_LT(id, 1000U);
    client->WriteFrame(FrameType::kRequest, id, RequestOfShard(1));
    if (listener_->counters().open_connections == 0) break;
    const IncomingRequest held = *requests_.held.Next();
    held.responder->Send(held.request_id, response);
    RunOn(&first_, [] {});
    RunOn(&second_, [] {});
  }
  EXPECT_TRUE(Reaches(listener_->counters().closed_slow_reader, 1));
}

TEST_F(ListenerTest, AnAnswerOverTheFrameLimitIsAnError) {
  Open();
  const auto client = Client();
  client->WriteFrame(FrameType::kRequest, 3, RequestOfShard(1));
  const IncomingRequest held = *requests_.held.Next();
  proto::Response response;
  response.mutable_got()->add_entries()->set_value(std::string(limits::kFrameMax, 'v'));
  held.responder->Send(held.request_id, response);
  FrameType type{};
  std::uint64_t id = 0;
  ASSERT_TRUE(client->ReadFrame(&type, &id, &response));
  EXPECT_EQ(id, 3U);
  EXPECT_EQ(response.error().code(), static_cast<std::uint32_t>(Code::kTooLarge));
}

TEST_F(ListenerTest, PeersMessagesReachTheControlLoopInOrderFromAnyLoop) {
  Open();
  const auto peer = [](std::uint32_t node, std::uint64_t boot) {
    return LocalIdentity{
        "local", {}, {NodeId(node), Incarnation{node, 1}, BootNumber(boot)}, false};
  };
  std::vector<std::unique_ptr<RawSocket>> sockets;
  for (std::uint32_t node : {2U, 3U}) {  // One on each loop.
    auto& socket = sockets.emplace_back(std::make_unique<RawSocket>(listener_->port()));
    std::string bytes;
    ASSERT_TRUE(wire::AppendFrame(
        &bytes, FrameType::kHello, 0,
        MakePeerHello(peer(node, 2), NodeId(1), env::Lane::kBulk, env::DialNumber(1))));
    for (int i = 0; i < 1000; ++i) {
      wire::AppendFrame(&bytes, FrameType::kPeer, 0, std::string_view(std::to_string(i)));
    }
    socket->Write(bytes);
  }
  std::map<char, int> next;
  for (int i = 0; i < 2000; ++i) {
    const std::string message = *gate_.messages.Next();
    EXPECT_EQ(message.substr(2), std::to_string(next[message.front()]++));
  }
  sockets.front()->Close();
  EXPECT_EQ(gate_.closed.Next(), 2U);
  RawSocket old(listener_->port());
  old.WriteFrame(FrameType::kHello, 0,
                 MakePeerHello(peer(4, 1), NodeId(1), env::Lane::kBulk, env::DialNumber(1)));
  EXPECT_EQ(old.ReadGoodbye(), kOldCopy);
  EXPECT_EQ(listener_->counters().closed_old_boot, 1U);
}

TEST_F(ListenerTest, StoppingSaysGoodbyeAndLateAnswersGoNowhere) {
  Open();
  const auto client = Client();
  client->WriteFrame(FrameType::kRequest, 1, RequestOfShard(1));
  const IncomingRequest held = *requests_.held.Next();
  std::thread reader([&] {
    EXPECT_EQ(client->ReadGoodbye(), Code::kCancelled);
    client->Close();
  });
  const std::uint16_t port = listener_->port();
  listener_->Stop({Code::kCancelled, "stopping"});
  reader.join();
  EXPECT_EQ(listener_->counters().open_connections, 0U);
  EXPECT_EQ(listener_->counters().client_connections, 0U);
  listener_.reset();
  held.responder->Send(held.request_id, proto::Response());
  EXPECT_THROW(RawSocket socket(port), boost::system::system_error);
}

TEST_F(ListenerTest, APortInUseIsOneClearError) {
  Open();
  const std::string address = "127.0.0.1:" + std::to_string(listener_->port());
  const auto second = Listener::Open(address, {&first_}, {});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), Code::kIoError);
  EXPECT_NE(second.status().message().find("another process has the port"), std::string::npos);
  EXPECT_EQ(Listener::Open("nonsense", {&first_}, {}).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace ringfort::net
