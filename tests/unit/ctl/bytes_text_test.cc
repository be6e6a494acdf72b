#include "tools/ctl/bytes_text.h"

#include <gtest/gtest.h>

#include <random>

#include "tools/cli/errors.h"

namespace ringfort::ctl {
namespace {

TEST(Base64, TestVectorsOfRfc4648Section10) {
  const std::pair<std::string, std::string> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(ToBase64(bytes), text);
    EXPECT_EQ(FromBase64(text), bytes);
  }
}

TEST(Base64, RefusesWhatItWouldNotWrite) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "=", "====", "Z===", "Zg==Zg==", "Zm9v\n",
                           "Zm9-", "Zh==", "Zm9=", "Z=9v", " Zg="}) {
    EXPECT_EQ(FromBase64(text), std::nullopt) << text;
  }
}

TEST(Base64AndHex, BringRandomBytesBack) {
  std::mt19937_64 random(7);
  for (std::size_t size = 0; size < 200; ++size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    EXPECT_EQ(FromBase64(ToBase64(bytes)), bytes);
    EXPECT_EQ(FromHex(ToHex(bytes)), bytes);
  }
}

TEST(Hex, TakesBothCasesAndNothingElse) {
  EXPECT_EQ(FromHex("00fFAb"), std::string("\x00\xff\xab", 3));
  for (const char* text : {"0", "0g", "0x10", " 00", "a-"})
    EXPECT_EQ(FromHex(text), std::nullopt) << text;
}

TEST(Printable, ShowsOneShortLine) {
  EXPECT_EQ(cli::Printable("user:é"), "user:é");
  EXPECT_EQ(cli::Printable(std::string("a\n\0\xff", 4)), "a\\x0a\\x00\\xff");
  EXPECT_EQ(cli::Printable(std::string(100, 'x')), std::string(64, 'x') + "...");
}

TEST(Printable, HasNothingThatATerminalObeys) {
  EXPECT_EQ(cli::Printable("\x1b[31m"), "\\x1b[31m");
  EXPECT_EQ(cli::Printable("\xc2\x9b"
                           "31m"),
            "\\xc2\\x9b31m")
      << "U+009B begins a command too";
  EXPECT_EQ(cli::Printable("\xc2\xa0"), "\xc2\xa0");
  EXPECT_EQ(cli::Printable("a\xe2\x80\xae"
                           "b"),
            "a\\xe2\\x80\\xaeb")
      << "U+202E turns the line";
  EXPECT_EQ(cli::Printable("\xe2\x81\xa6"), "\\xe2\\x81\\xa6");
  EXPECT_EQ(cli::Printable("\xe2\x80\xa6"), "\xe2\x80\xa6") << "an ellipsis is none";
}

}  // namespace
}  // namespace ringfort::ctl
