// The small file that is there whole or not at all.
#include "wal/identity_file.h"

#include <gtest/gtest.h>

#include "tests/unit/wal/scratch_log.h"

namespace ringfort::wal {
namespace {

TEST(IdentityFile, IsReplacedAndReadBack) {
  const ScratchDir scratch;
  const std::string path = scratch.PathOf("identity");
  Result<std::optional<std::string>> read = LoadBlob(path);
  ASSERT_TRUE(read.ok());
  EXPECT_FALSE(read->has_value());
  for (const std::string& bytes : {std::string("first"), std::string(), std::string(5000, '\0')}) {
    ASSERT_TRUE(SaveBlob(path, bytes).ok());
    read = LoadBlob(path);
    ASSERT_TRUE(read.ok()) << read.status().ToString();
    EXPECT_EQ(**read, bytes);
  }
}

TEST(IdentityFile, EveryDamageIsCorruption) {
  const ScratchDir scratch;
  const std::string dir = scratch.PathOf("");
  const std::string path = scratch.PathOf("identity");
  ASSERT_TRUE(SaveBlob(path, "who I am").ok());
  const Image whole = LoadImage(dir);
  const std::string& bytes = whole.at("identity");
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Image flipped = whole;
    flipped["identity"][i] = static_cast<char>(bytes[i] ^ 0x10);
    StoreImage(flipped, dir);
    EXPECT_EQ(LoadBlob(path).status().code(), Code::kCorruption) << "byte " << i;
    StoreImage({{"identity", bytes.substr(0, i)}}, dir);
    EXPECT_EQ(LoadBlob(path).status().code(), Code::kCorruption) << "length " << i;
  }
}

TEST(IdentityFile, WhatCannotBeWrittenIsNamed) {
  const ScratchDir scratch;
  const Status status = SaveBlob(scratch.PathOf("absent/identity"), "x");
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("absent"), std::string::npos);
}

}  // namespace
}  // namespace ringfort::wal
