// Byte orders and shared payloads.
#include "base/bytes.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace ringfort {
namespace {

using namespace std::string_view_literals;

TEST(Bytes, LittleEndianPutsTheLowByteFirst) {
  std::string bytes;
  AppendLittle<std::uint8_t>(&bytes, 0xff);
  AppendLittle<std::uint16_t>(&bytes, 0x0102);
  AppendLittle<std::uint32_t>(&bytes, 0x01020304);
  AppendLittle<std::uint64_t>(&bytes, 0x0102030405060708);
  EXPECT_EQ(bytes, "\xff\x02\x01\x04\x03\x02\x01\x08\x07\x06\x05\x04\x03\x02\x01"sv);
}

TEST(Bytes, BigEndianPutsTheHighByteFirst) {
  std::string bytes;
  AppendBig<std::uint8_t>(&bytes, 0xff);
  AppendBig<std::uint16_t>(&bytes, 0x0102);
  AppendBig<std::uint32_t>(&bytes, 0x01020304);
  AppendBig<std::uint64_t>(&bytes, 0x0102030405060708);
  EXPECT_EQ(bytes, "\xff\x01\x02\x01\x02\x03\x04\x01\x02\x03\x04\x05\x06\x07\x08"sv);
}

TEST(Bytes, LoadsWhatWasAppended) {
  Random random(3);
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = random.Next() >> random.Below(64);
    std::string little;
    std::string big;
    AppendLittle(&little, value);
    AppendBig(&big, value);
    ASSERT_EQ(LoadLittle<std::uint64_t>(little.data()), value);
    ASSERT_EQ(LoadBig<std::uint64_t>(big.data()), value);
    const auto half = static_cast<std::uint16_t>(value);
    little.clear();
    big.clear();
    AppendLittle(&little, half);
    AppendBig(&big, half);
    ASSERT_EQ(LoadLittle<std::uint16_t>(little.data()), half);
    ASSERT_EQ(LoadBig<std::uint16_t>(big.data()), half);
  }
}

TEST(Bytes, BigEndianSortsAsNumbersDo) {
  Random random(4);
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t a = random.Next() >> random.Below(64);
    const std::uint64_t b = random.Next() >> random.Below(64);
    std::string a_bytes;
    std::string b_bytes;
    AppendBig(&a_bytes, a);
    AppendBig(&b_bytes, b);
    ASSERT_EQ(a_bytes < b_bytes, a < b) << a << " " << b;
  }
}

TEST(SharedBytes, ComparesByContentAndSharesOnCopy) {
  const SharedBytes bytes(std::string(100, 'x'));
  const SharedBytes copy = bytes;  // NOLINT: the copy is what is tested
  EXPECT_EQ(copy.view().data(), bytes.view().data());
  EXPECT_EQ(bytes, SharedBytes(std::string(100, 'x')));
  EXPECT_FALSE(bytes == SharedBytes("x"));
  EXPECT_EQ(SharedBytes(), SharedBytes(""));
  EXPECT_EQ(SharedBytes().size(), 0u);
  EXPECT_EQ(bytes.size(), 100u);
}

}  // namespace
}  // namespace ringfort
