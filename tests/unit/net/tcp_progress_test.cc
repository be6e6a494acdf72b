// A machine that acknowledges nothing cannot be reached; a slow one is left alone.
#include "net/tcp_progress.h"

#include <gtest/gtest.h>

#include "tests/unit/net/loopback.h"

namespace ringfort::net {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only

constexpr MonotonicTime kStart{1h};

TcpState Waiting(Duration since_answer, Duration round_trip = 1ms) {
  return {true, true, since_answer, round_trip};
}

TEST(ProgressWatchTest, NothingAcknowledgedFor300msIsAStall) {
  ProgressWatch watch;
  // It was idle for an hour before: that nothing came then says nothing.
  EXPECT_FALSE(watch.IsStalled(Waiting(1h), kStart));
  EXPECT_FALSE(watch.IsStalled(Waiting(1h), kStart + 250ms));
  EXPECT_TRUE(watch.IsStalled(Waiting(1h), kStart + 300ms));
}

TEST(ProgressWatchTest, AnyAcknowledgementIsProgress) {
  ProgressWatch watch;
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(watch.IsStalled(Waiting(120ms), kStart + i * 50ms));
  }
}

// Its process hangs: its machine takes no more bytes, and says so whenever it is asked.
TEST(ProgressWatchTest, ASlowReaderIsNoStall) {
  ProgressWatch watch;
  EXPECT_FALSE(watch.IsStalled(Waiting(10ms), kStart));
  for (int i = 1; i < 100; ++i) {
    EXPECT_FALSE(watch.IsStalled({false, true, 10ms + i * 50ms, 1ms}, kStart + i * 50ms));
  }
  EXPECT_FALSE(watch.IsStalled(Waiting(5s), kStart + 5s)) << "asked just now";
}

TEST(ProgressWatchTest, ALongWayTakesLonger) {
  ProgressWatch watch;
  EXPECT_FALSE(watch.IsStalled(Waiting(1s, 400ms), kStart));
  EXPECT_FALSE(watch.IsStalled(Waiting(2s, 400ms), kStart + 1s));
  EXPECT_TRUE(watch.IsStalled(Waiting(3s, 400ms), kStart + 1200ms));
}

TEST(TcpStateTest, TellsWhatASocketWaitsFor) {
  asio::io_context context;
  Tcp::acceptor acceptor(context, Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  Tcp::socket sender(context);
  sender.connect(acceptor.local_endpoint());
  Tcp::socket reader = acceptor.accept();
  const auto state = [&] { return ReadTcpState(sender.native_handle()); };
  ASSERT_TRUE(state());
  EXPECT_FALSE(state()->waits_for_answer);
  EXPECT_FALSE(state()->has_bytes);
  // Nobody reads: both machines' buffers fill up.
  sender.non_blocking(true);
  const std::string bytes(1 << 20, 'x');
  ErrorCode full;
  while (!full) sender.write_some(asio::buffer(bytes), full);
  EXPECT_TRUE(Eventually([&] { return state()->has_bytes && !state()->waits_for_answer; }));
  EXPECT_FALSE(ReadTcpState(acceptor.native_handle())) << "not connected";
  EXPECT_FALSE(ReadTcpState(-1));
}

}  // namespace
}  // namespace ringfort::net
