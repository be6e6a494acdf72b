#include "base/text.h"

#include <gtest/gtest.h>

namespace ringfort {
namespace {

TEST(Utf8, FollowsTheTableOfRfc3629Section4) {
  for (const char* text : {"", "a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsUtf8(text)) << testing::PrintToString(text);
  }
  for (const char* text :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xff", "a\xc2z"}) {
    EXPECT_FALSE(IsUtf8(text)) << testing::PrintToString(text);
  }
}

TEST(OneLine, HasNoControlsAndAnEnd) {
  EXPECT_EQ(OneLine("all is well", 20), "all is well");
  EXPECT_EQ(OneLine("a\nerror: b", 20), "a\\x0aerror: b") << "a line of its own would be believed";
  EXPECT_EQ(OneLine("\x1b[2J", 20), "\\x1b[2J");
  EXPECT_EQ(OneLine(std::string(100, 'x'), 10), std::string(10, 'x') + "...");
}

TEST(OneLine, IsNotCutInTheMidstOfACharacter) {
  EXPECT_EQ(OneLine("ab\xe2\x80\xa6z", 4), "ab...");
  EXPECT_EQ(OneLine("ab\xe2\x80\xa6z", 5), "ab\xe2\x80\xa6...");
  EXPECT_EQ(OneLine(std::string(8, '\x80'), 4), "\\x80...") << "no characters at all";
}

}  // namespace
}  // namespace ringfort
