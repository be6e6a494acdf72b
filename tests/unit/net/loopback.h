// What the tests of net share: waiting without sleeping, and a socket that says whatever it likes.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "net/asio.h"
#include "net/event_loop.h"
#include "net/handshake.h"
#include "ringfort/limits.h"
#include "wire/frame.h"

namespace ringfort::net {

/// A test that waits longer than this has failed.
inline constexpr std::chrono::seconds kPatience{20};

/// Values in the order in which some thread brought them.
template <typename T>
class Mailbox {
 public:
  void Put(T value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }
  /// The next one; none, and a failed test, when it does not come.
  std::optional<T> Next() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [this] { return !values_.empty(); })) {
      ADD_FAILURE() << "nothing came";
      return std::nullopt;
    }
    std::optional<T> value(std::move(values_.front()));
    values_.pop_front();
    return value;
  }
  bool empty() {
    const std::lock_guard lock(mutex_);
    return values_.empty();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> values_;
};

/// Runs the function on the loop and waits for it.
template <typename F>
auto RunOn(EventLoop* loop, F function) {
  std::packaged_task<decltype(function())()> task(std::move(function));
  auto done = task.get_future();
  loop->Post([&task] { task(); });
  return done.get();
}

/// Whether the condition comes true; looks again whenever the processor is given back.
template <typename F>
bool Eventually(F condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

/// A blocking client without manners.
class RawSocket {
 public:
  explicit RawSocket(std::uint16_t port) : socket_(context_) {
    socket_.connect(Tcp::endpoint(asio::ip::address_v4::loopback(), port));
    LimitWaiting();
  }
  /// One that a test accepted.
  explicit RawSocket(Tcp::acceptor* acceptor) : socket_(context_) {
    acceptor->accept(socket_);
    LimitWaiting();
  }

  /// Errors are no surprise: the other side may have closed already.
  void Write(std::string_view bytes) {
    ErrorCode ignored;
    asio::write(socket_, asio::buffer(bytes.data(), bytes.size()), ignored);
  }
  void WriteFrame(wire::FrameType type, std::uint64_t id,
                  const google::protobuf::MessageLite& message) {
    std::string bytes;
    ASSERT_TRUE(wire::AppendFrame(&bytes, type, id, message));
    Write(bytes);
  }
  /// The next frame, parsed into `message`; false at the end of the stream.
  bool ReadFrame(wire::FrameType* type, std::uint64_t* id, google::protobuf::MessageLite* message) {
    while (true) {
      const wire::DecodedFrame decoded = wire::DecodeFrame(received_, limits::kFrameMax);
      if (decoded.state == wire::DecodedFrame::State::kFrame) {
        *type = decoded.frame.type;
        *id = decoded.frame.request_id;
        const bool parsed = message->ParseFromString(std::string(decoded.frame.payload));
        received_.erase(0, decoded.size_bytes);
        return parsed;
      }
      if (decoded.state == wire::DecodedFrame::State::kRubbish || !ReadSome()) return false;
    }
  }
  /// What the next frame carries; empty at the end of the stream.
  std::string ReadPayload() {
    while (true) {
      const wire::DecodedFrame decoded = wire::DecodeFrame(received_, limits::kFrameMax);
      if (decoded.state == wire::DecodedFrame::State::kFrame) {
        std::string payload(decoded.frame.payload);
        received_.erase(0, decoded.size_bytes);
        return payload;
      }
      if (decoded.state == wire::DecodedFrame::State::kRubbish || !ReadSome()) return "";
    }
  }
  /// The other side has not closed, as far as is known.
  bool IsOpen() {
    char byte = 0;
    const ssize_t n = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
  }
  /// The Goodbye's error code that comes before the end of the stream; kOk when none does.
  Code ReadGoodbye() {
    while (ReadSome()) continue;
    const wire::DecodedFrame decoded = wire::DecodeFrame(received_, limits::kFrameMax);
    if (decoded.state != wire::DecodedFrame::State::kFrame ||
        decoded.frame.type != wire::FrameType::kGoodbye) {
      return Code::kOk;
    }
    proto::Goodbye goodbye;
    if (!goodbye.ParseFromString(std::string(decoded.frame.payload))) return Code::kOk;
    return static_cast<Code>(goodbye.error().code());
  }
  /// Ends with a reset instead of an orderly close.
  void Reset() {
    socket_.set_option(asio::socket_base::linger(true, 0));
    socket_.close();
  }
  void Close() { socket_.close(); }

 private:
  void LimitWaiting() {
    const timeval patience{kPatience.count(), 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }
  bool ReadSome() {
    char bytes[4096];
    const ssize_t n = ::recv(socket_.native_handle(), bytes, sizeof(bytes), 0);
    if (n <= 0) return false;
    received_.append(bytes, static_cast<std::size_t>(n));
    return true;
  }

  asio::io_context context_;
  Tcp::socket socket_;
  std::string received_;
};

inline LocalIdentity NodeOne() {
  return {"local", ClusterId{1, 1}, {NodeId(1), Incarnation{7, 7}, BootNumber(1)}, true};
}

}  // namespace ringfort::net
