// Status and Result<T>: how every call of Ringfort says what went wrong.
//
// A status answers three questions: what happened (`code`), why and what to do about it (`message`,
// one line), and, for a write, whether it may have happened (`effect`).
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace ringfort {

/// What happened. The numbers travel on the wire: they are never reused.
enum class Code : std::uint8_t {
  kOk = 0,
  /// The entry does not exist. Retry: no.
  kNotFound = 1,
  /// `if_absent` or `if_version` did not hold; nothing was changed. Retry: no, read again first.
  kConditionFailed = 2,
  /// The request makes no sense as it is. Retry: no.
  kInvalidArgument = 3,
  /// A key, value, batch or page is over its limit. Retry: no.
  kTooLarge = 4,
  /// A queue on the way is full. Retry: yes, after `retry_after`.
  kOverloaded = 5,
  /// The disk of the shard's primary is full, or those of so many of its nodes that a majority
  /// cannot take more. Reads still work, and deletes, until it gets worse. The refused try changed
  /// nothing. Retry: later, when there is room; the client library does not by itself.
  kDiskFull = 6,
  /// The node asked is not the shard's primary. The client library handles it; callers do not see
  /// it.
  kNotPrimary = 7,
  /// No node could answer in time: none reachable, or no primary. Retry: yes.
  kUnavailable = 8,
  /// The call's deadline passed. Retry: yes; a write's `effect` says whether it may have happened.
  kDeadlineExceeded = 9,
  /// The write's session was forgotten by the cluster, so a retry could not be told from a new
  /// write.
  kSessionExpired = 10,
  /// The peer belongs to another cluster, or is not the node that was expected. Retry: no.
  kWrongCluster = 11,
  /// Stored or received bytes do not match their checksum. Retry: on another node.
  kCorruption = 12,
  /// A call to the operating system failed; the message names it. Retry: no.
  kIoError = 13,
  /// The client or server is shutting down.
  kCancelled = 14,
  /// The other side does not know this request. Retry: no.
  kUnsupported = 15,
  /// A bug in Ringfort. Retry: no; report it.
  kInternal = 16,
};

/// The code's name as it stands in messages and on the wire: "NotFound", "DeadlineExceeded", ...
std::string_view CodeName(Code code);

/// Whether a write that ended with an error has happened.
enum class Effect : std::uint8_t {
  kNotApplied = 0,  ///< It did not happen and never will. Also the value for reads.
  kApplied = 1,     ///< It happened.
  kUnknown = 2,     ///< It may have happened, or may yet happen.
};

class [[nodiscard]] Status {
 public:
  /// Ok.
  Status() = default;
  Status(Code code, std::string message, Effect effect = Effect::kNotApplied)
      : code_(code), effect_(effect), message_(std::move(message)) {}

  static Status Ok() { return {}; }

  [[nodiscard]] bool ok() const { return code_ == Code::kOk; }
  [[nodiscard]] Code code() const { return code_; }
  /// One line: cause and next step. Never holds a user's value.
  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] Effect effect() const { return effect_; }
  /// How long to wait before a retry; zero where the server gave no hint.
  [[nodiscard]] std::chrono::milliseconds retry_after() const { return retry_after_; }

  Status& set_effect(Effect effect) {
    effect_ = effect;
    return *this;
  }
  Status& set_retry_after(std::chrono::milliseconds wait) {
    retry_after_ = wait;
    return *this;
  }

  /// "NotFound: MESSAGE"; "OK" when ok.
  [[nodiscard]] std::string ToString() const;

  /// The caller has looked at it and has nothing to do. Say why at the call.
  void IgnoreError() const {}

 private:
  Code code_ = Code::kOk;
  Effect effect_ = Effect::kNotApplied;
  std::chrono::milliseconds retry_after_{0};
  std::string message_;
};

/// A T, or the status that says why there is none. Asking for the value of an error aborts.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}        // NOLINT: implicit on purpose
  Result(Status status) : state_(std::move(status)) {  // NOLINT: implicit on purpose
    if (std::get<Status>(state_).ok()) std::abort();
  }

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  /// Ok when there is a value.
  [[nodiscard]] Status status() const { return ok() ? Status() : std::get<1>(state_); }

  [[nodiscard]] T& value() & {
    if (!ok()) std::abort();
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] const T& value() const& {
    if (!ok()) std::abort();
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] T&& value() && {
    if (!ok()) std::abort();
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Status> state_;
};

}  // namespace ringfort
