// One TCP connection that carries frames: reads them in batches, writes them in batches.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "net/address.h"
#include "net/asio.h"
#include "net/dialer.h"
#include "net/outbox.h"
#include "net/tcp_progress.h"
#include "ringfort/limits.h"
#include "ringfort/status.h"
#include "wire/frame.h"

namespace ringfort::net {

class ConnectionGroup;
class EventLoop;

/// Bytes that connections moved; shared by as many as like.
struct Traffic {
  std::atomic<std::uint64_t> bytes_in{0};
  std::atomic<std::uint64_t> bytes_out{0};
};

/// Why a connection ended.
struct CloseReason {
  enum class Kind : std::uint8_t {
    kOwner,        ///< This side wanted it: Close() or SayGoodbye().
    kEnded,        ///< The other side closed in order.
    kBroken,       ///< Reset, or no answer to what was sent.
    kRefused,      ///< Dialing: the host is there and nobody listens on the port.
    kUnreachable,  ///< Dialing: anything else, resolving included.
    kTimedOut,     ///< The deadline that was set passed.
    kRubbish,      ///< The other side sent what is no frame.
    kOversized,    ///< The other side announced a frame over the limit.
  };
  Kind kind = Kind::kOwner;
  Status status;
};

/// Belongs to one loop; begins there by Adopt() or Dial() and calls its handler there. Send(),
/// Close() and SayGoodbye() are thread-safe, the rest is for the loop.
///
/// What is sent in one turn of the loop leaves in one system call at the end of the turn; while a
/// write is under way, all that is sent meanwhile makes the next one.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// On the connection's loop.
  class Handler {
   public:
    virtual ~Handler() = default;
    /// The first call: the connection is up.
    virtual void OnOpen(const std::shared_ptr<Connection>& connection) = 0;
    /// All whole frames that have arrived; one at a time until set_handshake_done(). Their payloads
    /// are good until the call returns, or until Resume() when Pause() was called in it.
    virtual void OnFrames(std::span<const wire::Frame> frames) = 0;
    /// With Options::watch_progress: bytes wait, and the other machine acknowledges nothing. Again
    /// every few tens of milliseconds while that is so.
    virtual void OnStalled() {}
    /// The last call, exactly once, also for a dial that failed; from inside Close() or
    /// SayGoodbye() when they are called on the loop.
    virtual void OnClosed(const CloseReason& reason) = 0;
  };

  struct Options {
    std::size_t outbox_bytes_max = std::size_t{64} << 20;
    /// Where the memory for reading begins, and what is kept between frames.
    std::size_t read_buffer_bytes = std::size_t{64} << 10;
    /// May be null.
    Traffic* traffic = nullptr;
    /// Whether the handler is told of what OnStalled says. Costs nothing while no bytes wait.
    bool watch_progress = false;
  };

  /// `loop` and `group` outlive the connection's life, which ends before group->Shutdown() returns;
  /// the object itself may be kept longer.
  Connection(EventLoop* loop, ConnectionGroup* group, std::shared_ptr<Handler> handler,
             const Options& options);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Takes an accepted socket of this loop. OnOpen is called inside.
  void Adopt(Tcp::socket socket);
  /// Connects within `timeout`, name resolution included, and waits no longer than `answer_max` for
  /// one SYN to be answered. OnOpen or OnClosed comes later, never inside.
  void Dial(Address address, Duration timeout, Duration answer_max);

  /// Calls go to `handler` from now on. Inside a call of the present one, or while paused.
  void set_handler(std::shared_ptr<Handler> handler) { handler_ = std::move(handler); }
  /// The other side has said who it is: frames may now be large, and come in batches. Clears the
  /// deadline.
  void set_handshake_done();
  /// The connection closes with kTimedOut and `status` unless the deadline is cleared first.
  void SetDeadline(Duration timeout, Status status);
  void ClearDeadline();

  Sent Send(wire::FrameType type, std::uint64_t request_id,
            const google::protobuf::MessageLite& message);
  Sent Send(wire::FrameType type, std::uint64_t request_id, std::string payload);
  /// Frames that wire::AppendFrame made.
  Sent SendEncoded(std::string_view frames);

  /// Inside OnFrames: reads no more until Resume(), which must come, and may come from any thread.
  void Pause() { paused_ = true; }
  void Resume();

  /// Closes; what was not written is dropped.
  void Close(Status why);
  /// Writes what waits and then a Goodbye with `why`, and closes once the other side has, or after
  /// half a second: closing earlier would make the kernel throw the Goodbye away.
  void SayGoodbye(Status why);
  /// The same for what the other side did wrong; OnClosed gets `reason`.
  void SayGoodbye(CloseReason reason);

  [[nodiscard]] bool closed() const { return closed_; }
  /// HOST:PORT of the other side; "an unknown address" when it was gone at once.
  [[nodiscard]] const std::string& remote() const { return remote_; }
  [[nodiscard]] EventLoop* loop() const { return loop_; }
  /// How many bytes were ever sent into this connection, and how many of them the socket may have
  /// taken: what lies behind has certainly not left. Thread-safe.
  [[nodiscard]] std::uint64_t appended_bytes() const;
  [[nodiscard]] std::uint64_t taken_bytes() const;

 private:
  bool Begin();
  void SetSocketOptions();
  asio::awaitable<void> DialAndRead(std::shared_ptr<Connection> self, Address address,
                                    Duration answer_max);
  asio::awaitable<void> ReadAll(std::shared_ptr<Connection> self);
  asio::awaitable<void> ReadLoop();
  asio::awaitable<void> WaitUntilResumed();

  /// Looks at what was read; fills batch_ and moves begin_ behind it. Not ok: what follows is
  /// rubbish.
  Status DecodeBatch();
  void Deliver();
  /// Makes room behind end_.
  void MakeRoom();
  void Reallocate(std::size_t bytes);

  /// Queues a flush if none is on its way. With mutex_.
  void WakeWriter();
  void StartWrite();
  void OnWritten(ErrorCode error, std::size_t bytes);
  /// Looks from time to time, until no byte waits, whether the other machine acknowledges.
  void WatchProgress();
  void LookAtProgress();

  void CloseNow(CloseReason reason);
  void CloseGently(CloseReason reason);
  /// Calls OnClosed, once, and shuts the outbox.
  void EndLife(const CloseReason& reason, bool farewell);
  void Lingered();
  void ShutSocket();
  /// Lets the socket go when neither reading nor writing needs it any more.
  void LetGo();
  CloseReason ReasonFor(ErrorCode error) const;

  EventLoop* const loop_;
  ConnectionGroup* const group_;
  const Options options_;

  // Of the loop's thread.
  std::shared_ptr<Handler> handler_;
  std::optional<Tcp::socket> socket_;
  std::optional<Dialer> dialer_;
  std::optional<asio::steady_timer> deadline_;
  std::optional<asio::steady_timer> next_look_;
  /// Never fires: cancelled to wake the reader.
  std::optional<asio::steady_timer> resumed_;
  Status deadline_status_;
  /// Changes whenever the deadline is set or cleared.
  std::uint64_t deadline_number_ = 0;
  std::string remote_ = "an unknown address";
  bool begun_ = false;
  bool open_ = false;
  /// The handler has had OnClosed.
  bool closed_ = false;
  /// Closed, but a Goodbye is on its way and the other side has not closed yet.
  bool lingering_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool paused_ = false;
  bool handshake_done_ = false;
  /// next_look_ is set.
  bool watching_ = false;
  ProgressWatch progress_;

  /// Read and not yet decoded: buffer_[begin_, end_).
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  /// The size of the frame that begins at begin_, as far as known.
  std::size_t wanted_bytes_ = wire::kFrameHeaderBytes;
  std::vector<wire::Frame> batch_;

  std::vector<std::string> chunks_;
  std::vector<asio::const_buffer> write_buffers_;

  mutable std::mutex mutex_;
  // With mutex_.
  Outbox outbox_;
  bool outbox_shut_ = false;
  /// A flush is posted or a write is under way, which will see what is appended.
  bool writer_awake_ = false;
};

}  // namespace ringfort::net
