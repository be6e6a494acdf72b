// HOST:PORT, as it stands in configs and seeds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ringfort/status.h"

namespace ringfort::net {

struct Address {
  /// A name, an IPv4 address, or an IPv6 address without its brackets.
  std::string host;
  std::uint16_t port = 0;

  /// HOST:PORT, with brackets where they are needed.
  [[nodiscard]] std::string ToString() const;
  bool operator==(const Address&) const = default;
};

/// "HOST:PORT" or "[IPV6]:PORT". Port 0 is taken: a listener then draws a free one.
Result<Address> ParseAddress(std::string_view text);

}  // namespace ringfort::net
