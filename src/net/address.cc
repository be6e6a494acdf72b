// Splitting HOST:PORT; whether the host exists is for the resolver.
#include "net/address.h"

#include <charconv>

namespace ringfort::net {
namespace {

Status BadAddress(std::string_view text) {
  return {Code::kInvalidArgument, "'" + std::string(text) +
                                      "' is no address; write HOST:PORT, or [HOST]:PORT for IPv6, "
                                      "with a port from 0 to 65535"};
}

}  // namespace

std::string Address::ToString() const {
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Address> ParseAddress(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return BadAddress(text);
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.front() == '[') {
    if (host.size() < 3 || host.back() != ']') return BadAddress(text);
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return BadAddress(text);
  }
  Address address{std::string(host), 0};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size()) return BadAddress(text);
  return address;
}

}  // namespace ringfort::net
