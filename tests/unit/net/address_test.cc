#include "net/address.h"

#include <gtest/gtest.h>

namespace ringfort::net {
namespace {

TEST(AddressTest, TakesNamesAndBothKindsOfNumbers) {
  EXPECT_EQ(*ParseAddress("127.0.0.1:7101"), (Address{"127.0.0.1", 7101}));
  EXPECT_EQ(*ParseAddress("db.example:0"), (Address{"db.example", 0}));
  EXPECT_EQ(*ParseAddress("[::1]:65535"), (Address{"::1", 65535}));
  for (const char* text : {"127.0.0.1:7101", "db.example:0", "[::1]:65535"}) {
    EXPECT_EQ(ParseAddress(text)->ToString(), text);
  }
}

TEST(AddressTest, RefusesTheRest) {
  for (const char* text : {"", ":", "host", "host:", ":7101", "host:65536", "host:-1", "host:7x",
                           "::1:7101", "[]:1", "[::1:1", "[::1]", "[::1]x:1", "host: 1"}) {
    EXPECT_EQ(ParseAddress(text).status().code(), Code::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace ringfort::net
