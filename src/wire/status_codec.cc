// The numbers of ringfort::Code and ringfort::Effect are those of the wire.
#include "wire/status_codec.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/text.h"

namespace ringfort::wire {
namespace {

/// Longer than any message of ours.
constexpr std::size_t kMessageBytesMax = 2000;

}  // namespace

void EncodeStatus(const Status& status, proto::Error* error) {
  RF_CHECK(!status.ok());
  error->set_code(static_cast<std::uint32_t>(status.code()));
  error->set_message(status.message());
  error->set_effect(static_cast<std::uint32_t>(status.effect()));
  const auto wait = std::clamp<std::chrono::milliseconds::rep>(
      status.retry_after().count(), 0, std::numeric_limits<std::uint32_t>::max());
  error->set_retry_after_ms(static_cast<std::uint32_t>(wait));
}

Status DecodeStatus(const proto::Error& error) {
  std::string message = OneLine(error.message(), kMessageBytesMax);
  const bool known_code = error.code() > static_cast<std::uint32_t>(Code::kOk) &&
                          error.code() <= static_cast<std::uint32_t>(Code::kInternal);
  const bool known_effect = error.effect() <= static_cast<std::uint32_t>(Effect::kUnknown);
  if (!known_code || !known_effect) {
    return {Code::kInternal,
            "the other side sent error code " + std::to_string(error.code()) +
                ", which is not known here; use programs of one release: " + message,
            Effect::kUnknown};
  }
  Status status(static_cast<Code>(error.code()), std::move(message),
                static_cast<Effect>(error.effect()));
  status.set_retry_after(std::chrono::milliseconds(error.retry_after_ms()));
  return status;
}

}  // namespace ringfort::wire
