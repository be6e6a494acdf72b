// The client's link to one node: many calls at once, and a clear word on each that fails.
#include "net/channel.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "net/connection_group.h"
#include "tests/unit/net/loopback.h"

namespace ringfort::net {
namespace {

using wire::FrameType;
using Answer = Result<proto::Response>;

class ChannelTest : public testing::Test {
 protected:
  ChannelTest()
      : acceptor_(context_, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        port_(acceptor_.local_endpoint().port()) {}

  ~ChannelTest() override {
    for (const auto& channel : channels_) {
      RunOn(&loop_, [&] { channel->Close({Code::kCancelled, "the test is over"}); });
    }
    group_.Shutdown({Code::kCancelled, "the test is over"});
  }

  Channel* Make(Channel::Options options = {}, std::uint16_t port = 0,
                const std::string& host = "127.0.0.1") {
    channels_.push_back(std::make_shared<Channel>(
        &loop_, &group_, Address{host, port == 0 ? port_ : port}, std::move(options)));
    return channels_.back().get();
  }

  std::uint64_t Call(Channel* channel, std::uint32_t shard, std::size_t padding = 0) {
    return RunOn(&loop_, [&] {
      proto::Request request;
      request.set_shard(shard);
      request.mutable_scan()->set_shard_key(std::string(padding, 'k'));
      bool inside = true;
      const std::uint64_t call = channel->Call(request, [this, &inside](Answer answer) {
        answers_.Put(std::move(answer));
        static_cast<void>(inside);
      });
      EXPECT_TRUE(inside);
      return call;
    });
  }

  /// The server's side, past the handshake.
  std::unique_ptr<RawSocket> Accept() {
    auto socket = std::make_unique<RawSocket>(&acceptor_);
    FrameType type{};
    std::uint64_t id = 0;
    proto::Hello hello;
    EXPECT_TRUE(socket->ReadFrame(&type, &id, &hello));
    EXPECT_EQ(type, FrameType::kHello);
    EXPECT_EQ(hello.role(), proto::Hello::CLIENT);
    socket->WriteFrame(FrameType::kHelloReply, 0, MakeHelloReply(NodeOne(), proto::Hello::CLIENT));
    return socket;
  }

  static std::pair<std::uint64_t, std::uint32_t> ReadRequest(RawSocket* socket) {
    FrameType type{};
    std::uint64_t id = 0;
    proto::Request request;
    EXPECT_TRUE(socket->ReadFrame(&type, &id, &request));
    EXPECT_EQ(type, FrameType::kRequest);
    return {id, request.shard()};
  }

  static void Respond(RawSocket* socket, std::uint64_t id, std::uint64_t version) {
    proto::Response response;
    response.mutable_written()->set_version(version);
    socket->WriteFrame(FrameType::kResponse, id, response);
  }

  Status NextError() {
    const std::optional<Answer> answer = answers_.Next();
    return answer ? answer->status() : Status();
  }

  EventLoop loop_;
  ConnectionGroup group_;
  asio::io_context context_;
  Tcp::acceptor acceptor_;
  std::uint16_t port_;
  std::vector<std::shared_ptr<Channel>> channels_;
  Mailbox<Answer> answers_;
};

TEST_F(ChannelTest, AnswersFindTheirCallsInAnyOrder) {
  Channel* channel = Make();
  for (std::uint32_t i = 0; i < 50; ++i) Call(channel, i);
  const auto server = Accept();
  std::vector<std::pair<std::uint64_t, std::uint32_t>> requests;
  for (int i = 0; i < 50; ++i) requests.push_back(ReadRequest(server.get()));
  for (std::size_t i = 50; i-- > 0;) {
    EXPECT_EQ(requests[i].second, i);
    Respond(server.get(), requests[i].first, requests[i].second);
  }
  for (std::uint64_t i = 50; i-- > 0;) {
    EXPECT_EQ((*answers_.Next())->written().version(), i);
  }
  RunOn(&loop_, [&] {
    ASSERT_TRUE(channel->remote().has_value());
    EXPECT_EQ(channel->remote()->node, NodeOne().self);
    EXPECT_EQ(channel->remote()->cluster_id, NodeOne().cluster_id);
    EXPECT_EQ(channel->in_flight(), 0U);
  });
}

TEST_F(ChannelTest, AHostNameIsResolved) {
  Channel* channel = Make({}, 0, "localhost");
  Call(channel, 1);
  const auto server = Accept();
  const auto [id, shard] = ReadRequest(server.get());
  Respond(server.get(), id, 9);
  EXPECT_EQ((*answers_.Next())->written().version(), 9U);
}

TEST_F(ChannelTest, ARefusedDialIsRememberedForAWhile) {
  acceptor_.close();
  Channel* channel = Make();
  Call(channel, 1);
  const Status first = NextError();
  EXPECT_EQ(first.code(), Code::kUnavailable);
  EXPECT_EQ(first.effect(), Effect::kNotApplied);
  EXPECT_NE(first.message().find("127.0.0.1:" + std::to_string(port_) + " refused"),
            std::string::npos)
      << first.message();
  Call(channel, 2);
  EXPECT_EQ(NextError().message(), first.message());
}

// Protocols 7 stands on this: "unknown" unless it certainly did not leave.
TEST_F(ChannelTest, ABreakLeavesWhatWasSentUnknown) {
  Channel* channel = Make();
  Call(channel, 1);
  Call(channel, 2);
  auto server = Accept();
  const auto [id, shard] = ReadRequest(server.get());
  ReadRequest(server.get());
  Respond(server.get(), id, 5);
  EXPECT_TRUE(answers_.Next()->ok());
  server->Reset();
  const Status error = NextError();
  EXPECT_EQ(error.code(), Code::kUnavailable);
  EXPECT_EQ(error.effect(), Effect::kUnknown);
  // It dials again at the next use.
  Call(channel, 3);
  server = Accept();
  Respond(server.get(), ReadRequest(server.get()).first, 6);
  EXPECT_TRUE(answers_.Next()->ok());
}

TEST_F(ChannelTest, WhatNeverLeftIsNotApplied) {
  Channel* channel = Make();
  Call(channel, 1);
  RawSocket server(&acceptor_);
  FrameType type{};
  std::uint64_t id = 0;
  proto::Hello hello;
  ASSERT_TRUE(server.ReadFrame(&type, &id, &hello));
  server.Close();
  EXPECT_EQ(NextError().effect(), Effect::kNotApplied);
}

TEST_F(ChannelTest, BehindAServerThatDoesNotReadOnlyWhatTheSocketTookIsUnknown) {
  Channel* channel = Make();
  Call(channel, 0);
  const auto server = Accept();
  Respond(server.get(), ReadRequest(server.get()).first, 1);
  EXPECT_TRUE(answers_.Next()->ok());
  // Far more than the kernel buffers; one more waits behind the write that is under way.
  for (std::uint32_t i = 0; i < 4; ++i) Call(channel, i, 8'000'000);
  RunOn(&loop_, [] {});
  Call(channel, 4);
  RunOn(&loop_, [&] { channel->Close({Code::kCancelled, "enough"}); });
  for (std::uint32_t i = 0; i < 5; ++i) {
    const Status error = NextError();
    EXPECT_EQ(error.code(), Code::kCancelled);
    EXPECT_EQ(error.effect(), i == 0   ? Effect::kUnknown
                              : i == 4 ? Effect::kNotApplied
                                       : error.effect());
  }
}

TEST_F(ChannelTest, AGoodbyeIsPassedOn) {
  Channel* channel = Make();
  Call(channel, 1);
  const auto server = Accept();
  ReadRequest(server.get());
  proto::Goodbye goodbye;
  goodbye.mutable_error()->set_code(static_cast<std::uint32_t>(Code::kOverloaded));
  goodbye.mutable_error()->set_message("too many clients");
  goodbye.mutable_error()->set_retry_after_ms(60'000);
  server->WriteFrame(FrameType::kGoodbye, 0, goodbye);
  const Status error = NextError();
  EXPECT_EQ(error.code(), Code::kOverloaded);
  EXPECT_EQ(error.effect(), Effect::kUnknown);
  EXPECT_NE(error.message().find("too many clients"), std::string::npos);
  // The hint is kept to.
  Call(channel, 2);
  const Status again = NextError();
  EXPECT_EQ(again.code(), Code::kOverloaded);
  EXPECT_EQ(again.effect(), Effect::kNotApplied);
  EXPECT_GT(again.retry_after(), std::chrono::seconds(30));
}

TEST_F(ChannelTest, AnotherClusterIsNoticedHereToo) {
  Channel::Options options;
  options.cluster_id = ClusterId{9, 9};
  Channel* channel = Make(options);
  Call(channel, 1);
  const auto server = Accept();
  const Status error = NextError();
  EXPECT_EQ(error.code(), Code::kWrongCluster);
  EXPECT_EQ(error.effect(), Effect::kNotApplied);
}

TEST_F(ChannelTest, AServerThatSpeaksSomethingElseIsNamed) {
  Channel* channel = Make();
  Call(channel, 1);
  RawSocket server(&acceptor_);
  server.Write("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_NE(NextError().message().find("no Ringfort frame"), std::string::npos);
}

TEST_F(ChannelTest, ASilentServerCostsOneTimeout) {
  Channel::Options options;
  options.connect_timeout = std::chrono::milliseconds(30);
  Channel* channel = Make(options);
  Call(channel, 1);
  RawSocket server(&acceptor_);
  const Status error = NextError();
  EXPECT_EQ(error.code(), Code::kUnavailable);
  EXPECT_NE(error.message().find("does not answer a hello"), std::string::npos);
}

TEST_F(ChannelTest, ACancelledCallIsForgotten) {
  Channel* channel = Make();
  const std::uint64_t cancelled = Call(channel, 1);
  Call(channel, 2);
  const auto server = Accept();
  const auto first = ReadRequest(server.get());
  const auto second = ReadRequest(server.get());
  RunOn(&loop_, [&] { channel->Cancel(cancelled); });
  Respond(server.get(), first.first, 1);
  Respond(server.get(), second.first, 2);
  EXPECT_EQ((*answers_.Next())->written().version(), 2U);
  EXPECT_TRUE(answers_.empty());
}

TEST_F(ChannelTest, CallsAreBounded) {
  Channel::Options options;
  options.in_flight_max = 2;
  Channel* channel = Make(options);
  EXPECT_NE(Call(channel, 1), 0U);
  EXPECT_NE(Call(channel, 2), 0U);
  EXPECT_EQ(Call(channel, 3), 0U);
  EXPECT_EQ(NextError().code(), Code::kOverloaded);
}

TEST_F(ChannelTest, ARequestOverTheFrameLimitIsRefusedHere) {
  Channel* channel = Make();
  EXPECT_EQ(Call(channel, 1, limits::kFrameMax), 0U);
  EXPECT_EQ(NextError().code(), Code::kTooLarge);
}

TEST_F(ChannelTest, ClosingFailsAllAndALaterCallToo) {
  Channel* channel = Make();
  Call(channel, 1);
  const auto server = Accept();
  ReadRequest(server.get());
  RunOn(&loop_, [&] { channel->Close({Code::kCancelled, "enough"}); });
  const Status error = NextError();
  EXPECT_EQ(error.code(), Code::kCancelled);
  EXPECT_EQ(error.effect(), Effect::kUnknown);
  Call(channel, 2);
  EXPECT_EQ(NextError().effect(), Effect::kNotApplied);
}

}  // namespace
}  // namespace ringfort::net
