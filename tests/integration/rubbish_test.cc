// Bytes that no friend sends: answered where possible, closed, counted, logged; the node goes on.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/random.h"
#include "net/handshake.h"
#include "ringfort/client.pb.h"
#include "tests/integration/local_cluster.h"
#include "wire/frame.h"

namespace ringfort::integration {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

class Rubbish : public testing::Test {
 protected:
  void SetUp() override {
    cluster_.StartAll();
    client_ = std::make_unique<Client>(cluster_.Connect());
    ASSERT_TRUE(Eventually(seconds(60), [this] { return cluster_.Serves(*client_); }));
  }

  /// Sends the bytes on a new connection and returns all that comes back until the node closes.
  std::string Send(const std::string& bytes) {
    const std::string address = cluster_.address(1);
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<std::uint16_t>(
        std::strtoul(address.c_str() + address.rfind(':') + 1, nullptr, 10)));
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    timeval limit{20, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    // The node may close before it has read everything.
    EXPECT_GT(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), 0);
    std::string answer;
    char buffer[4096];
    ssize_t got = 0;
    while ((got = ::recv(fd, buffer, sizeof buffer, 0)) > 0)
      answer.append(buffer, static_cast<std::size_t>(got));
    EXPECT_FALSE(got < 0 && errno == EAGAIN) << "the node does not close the connection";
    ::close(fd);
    return answer;
  }

  /// The error in the Goodbye that the answer consists of.
  static proto::Error GoodbyeOf(const std::string& answer) {
    const wire::DecodedFrame decoded = wire::DecodeFrame(answer, 1 << 20);
    proto::Goodbye goodbye;
    EXPECT_EQ(decoded.state, wire::DecodedFrame::State::kFrame);
    EXPECT_EQ(decoded.frame.type, wire::FrameType::kGoodbye);
    EXPECT_TRUE(goodbye.ParseFromArray(decoded.frame.payload.data(),
                                       static_cast<int>(decoded.frame.payload.size())));
    return goodbye.error();
  }

  std::uint64_t Counter(const std::string& name) {
    auto status = client_->NodeStatus(1);
    EXPECT_TRUE(status.ok()) << status.status().ToString();
    for (const CounterView& counter : status->counters) {
      if (counter.name == name) return counter.value;
    }
    ADD_FAILURE() << "no counter " << name;
    return 0;
  }

  void ExpectAlive() {
    auto put = client_->Put("alive", "yes");
    EXPECT_TRUE(put.ok()) << put.status().ToString() << cluster_.Output(1);
  }

  LocalCluster cluster_{1, 4};
  std::unique_ptr<Client> client_;
};

TEST_F(Rubbish, OfAllKinds) {
  const std::uint64_t before = Counter("closed_rubbish");
  Random random(4711);
  for (int i = 0; i < 200; ++i) {
    std::string bytes(1 + random.Below(3000), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.Next());
    Send(bytes);
  }
  EXPECT_EQ(GoodbyeOf(Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")).code(),
            static_cast<std::uint32_t>(Code::kInvalidArgument));
  EXPECT_EQ(Counter("closed_rubbish"), before + 201);
  ExpectAlive();
  EXPECT_THAT(cluster_.Output(1), HasSubstr("127.0.0.1"));
}

TEST_F(Rubbish, ADamagedFrame) {
  std::string bytes;
  wire::AppendFrame(&bytes, wire::FrameType::kHello, 0, net::MakeClientHello("test", {}));
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  EXPECT_EQ(GoodbyeOf(Send(bytes)).code(), static_cast<std::uint32_t>(Code::kCorruption));
  ExpectAlive();
}

TEST_F(Rubbish, AnOversizedFrame) {
  // Before the handshake a frame has at most 64 KiB; only the header of this one is sent.
  const std::uint64_t before = Counter("closed_oversized");
  std::string bytes;
  wire::AppendFrame(&bytes, wire::FrameType::kHello, 0, std::string(100 << 10, 'x'));
  bytes.resize(wire::kFrameHeaderBytes);
  EXPECT_EQ(GoodbyeOf(Send(bytes)).code(), static_cast<std::uint32_t>(Code::kTooLarge));
  EXPECT_EQ(Counter("closed_oversized"), before + 1);
  ExpectAlive();
}

TEST_F(Rubbish, AnotherClustersHello) {
  const std::uint64_t before = Counter("closed_wrong_cluster");
  std::string by_name;
  wire::AppendFrame(&by_name, wire::FrameType::kHello, 0, net::MakeClientHello("other", {}));
  const proto::Error named = GoodbyeOf(Send(by_name));
  EXPECT_EQ(named.code(), static_cast<std::uint32_t>(Code::kWrongCluster));
  EXPECT_THAT(named.message(), HasSubstr("other"));
  std::string by_id;
  wire::AppendFrame(&by_id, wire::FrameType::kHello, 0, net::MakeClientHello("", ClusterId{1, 2}));
  EXPECT_EQ(GoodbyeOf(Send(by_id)).code(), static_cast<std::uint32_t>(Code::kWrongCluster));
  EXPECT_EQ(Counter("closed_wrong_cluster"), before + 2);
  ExpectAlive();
}

}  // namespace
}  // namespace ringfort::integration
