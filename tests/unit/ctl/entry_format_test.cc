#include "tools/ctl/entry_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace ringfort::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr EntryFormat kTwo = EntryFormat::kTsvKeyValue;
constexpr EntryFormat kThree = EntryFormat::kTsvKeySortKeyValue;
constexpr EntryFormat kJson = EntryFormat::kJsonLines;

std::string LineOf(EntryFormat format, const Entry& entry) {
  std::string line;
  EXPECT_TRUE(AppendLine(format, entry, &line).ok());
  return line;
}

std::string ErrorOf(EntryFormat format, std::string_view line) {
  const Result<Entry> entry = ParseLine(format, line);
  EXPECT_FALSE(entry.ok());
  EXPECT_EQ(entry.status().code(), Code::kInvalidArgument);
  return entry.status().message();
}

TEST(Tsv, WritesAndReadsColumns) {
  EXPECT_EQ(LineOf(kTwo, {Key("k"), "v"}), "k\tv\n");
  EXPECT_EQ(LineOf(kThree, {Key("k", "s"), "v"}), "k\ts\tv\n");
  EXPECT_EQ(LineOf(kTwo, {Key("a\tb"), "line\nback\\slash\r"}), "a\\tb\tline\\nback\\\\slash\\r\n");
  const Result<Entry> entry = ParseLine(kThree, "a\\tb\t\t\\\\n\\n");
  ASSERT_TRUE(entry.ok());
  EXPECT_EQ(entry->key, Key("a\tb", ""));
  EXPECT_EQ(entry->value, "\\n\n");
}

TEST(Tsv, SaysWhatIsWrong) {
  EXPECT_THAT(ErrorOf(kTwo, "key"), HasSubstr("has 1 columns, not 2"));
  EXPECT_THAT(ErrorOf(kTwo, "a\tb\tc"), HasSubstr("has 3 columns, not 2"));
  EXPECT_THAT(ErrorOf(kThree, "a\tb"), HasSubstr("has 2 columns, not 3"));
  EXPECT_THAT(ErrorOf(kTwo, "a\tsecret\\x"), HasSubstr("column 2 has a backslash"));
  EXPECT_THAT(ErrorOf(kTwo, "a\\\tb"), HasSubstr("column 1 has a backslash"));
  EXPECT_THAT(ErrorOf(kTwo, "a\tsecret\\x"), Not(HasSubstr("secret")));
}

TEST(Tsv, HasAColumnForTheSortKeyWhereThereIsOne) {
  for (const Entry& entry : {Entry{Key("k"), "v\r"}, Entry{Key("k", "s"), "v"}}) {
    const std::string line = LineOf(EntryFormat::kTsv, entry);
    const Result<Entry> back =
        ParseLine(EntryFormat::kTsv, std::string_view(line).substr(0, line.size() - 1));
    ASSERT_TRUE(back.ok()) << back.status().message();
    EXPECT_EQ(back->key, entry.key);
    EXPECT_EQ(back->value, entry.value);
  }
  EXPECT_EQ(LineOf(EntryFormat::kTsv, {Key("k"), "v\r"}), "k\tv\\r\n");
  EXPECT_THAT(ErrorOf(EntryFormat::kTsv, "a"), HasSubstr("has 1 columns, not 2 or 3"));
  EXPECT_THAT(ErrorOf(EntryFormat::kTsv, "a\tb\tc\td"), HasSubstr("has 4 columns, not 2 or 3"));
}

TEST(Tsv, HasNoPlaceForASortKeyInTwoColumns) {
  std::string line;
  const Status status = AppendLine(kTwo, {Key("k", "s"), "v"}, &line);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("leave out --columns"));
  EXPECT_EQ(line, "");
}

TEST(JsonLines, WritesTextAsTextAndTheRestAsBase64) {
  EXPECT_EQ(LineOf(kJson, {Key("k", "s"), "v\"\n"}),
            "{\"key\":\"k\",\"sort_key\":\"s\",\"value\":\"v\\\"\\n\"}\n");
  EXPECT_EQ(LineOf(kJson, {Key("k"), "é"}), "{\"key\":\"k\",\"value\":\"é\"}\n");
  EXPECT_EQ(LineOf(kJson, {Key("\xff", "\xfe"), "\x80"}),
            "{\"key_base64\":\"/w==\",\"sort_key_base64\":\"/g==\",\"value_base64\":\"gA==\"}\n");
}

TEST(JsonLines, HasNothingThatATerminalObeys) {
  const std::string value = "a\xc2\x9b\xe2\x80\xae\x7f\x1b\xe2\x80\xa6\xc3\xa9";
  const std::string line = LineOf(kJson, {Key("k"), value});
  EXPECT_THAT(line, HasSubstr("\"a\\u009b\\u202e\\u007f\\u001b\xe2\x80\xa6\xc3\xa9\""));
  EXPECT_EQ(ParseLine(kJson, line)->value, value);
}

TEST(JsonLines, ReadsWhatPeopleWrite) {
  const Result<Entry> entry =
      ParseLine(kJson, " { \"value\": \"\\u00e9\\n\", \"key_base64\": \"/w==\" } \r");
  ASSERT_TRUE(entry.ok()) << entry.status().message();
  EXPECT_EQ(entry->key, Key("\xff"));
  EXPECT_EQ(entry->value, "é\n");
}

TEST(JsonLines, SaysWhatIsWrong) {
  EXPECT_THAT(ErrorOf(kJson, "{\"key\": \"secret"), HasSubstr("is not JSON from byte "));
  EXPECT_THAT(ErrorOf(kJson, "{\"key\": \"secret"), Not(HasSubstr("secret")));
  EXPECT_THAT(ErrorOf(kJson, "{\"key\":\"\xff\",\"value\":\"\"}"), HasSubstr("is not JSON"));
  EXPECT_THAT(ErrorOf(kJson, "[]"), HasSubstr("is not a JSON object"));
  EXPECT_THAT(ErrorOf(kJson, "{\"value\":\"v\"}"), HasSubstr("has no key"));
  EXPECT_THAT(ErrorOf(kJson, "{\"key\":\"k\"}"), HasSubstr("has no value"));
  EXPECT_THAT(ErrorOf(kJson, "{\"key\":1,\"value\":\"v\"}"), HasSubstr("key is not a string"));
  EXPECT_THAT(ErrorOf(kJson, "{\"key\":\"k\",\"value\":null}"), HasSubstr("value is not a string"));
  EXPECT_THAT(ErrorOf(kJson, "{\"key\":\"k\",\"value\":1e999}"), HasSubstr("out of range"));
  EXPECT_THAT(ErrorOf(kJson, "{\"key\":\"k\",\"key_base64\":\"aw==\",\"value\":\"v\"}"),
              HasSubstr("both key and key_base64"));
  EXPECT_THAT(ErrorOf(kJson, "{\"key\":\"k\",\"value_base64\":\"!\"}"), HasSubstr("is not base64"));
  EXPECT_THAT(ErrorOf(kJson, "{\"key\":\"k\",\"value\":\"v\",\"value\":\"w\"}"),
              HasSubstr("has a field twice"));
  // A misspelt name must not lose data.
  EXPECT_THAT(ErrorOf(kJson, "{\"key\":\"k\",\"sortkey\":\"s\",\"value\":\"v\"}"),
              HasSubstr("has a field that is not"));
  EXPECT_THAT(ErrorOf(kJson, std::string(100'000, '[')), HasSubstr("is not JSON"));
}

TEST(EntryFormats, BringRandomEntriesBack) {
  const std::uint64_t seed = 20;
  std::mt19937_64 random(seed);
  const std::string alphabet(
      "\t\n\r\\\"tn/u{}\0\xff\xc3\xa9"
      "ab",
      17);
  const auto bytes = [&](std::size_t most) {
    std::string text(random() % (most + 1), '\0');
    for (char& c : text) c = alphabet[random() % alphabet.size()];
    return text;
  };
  for (int round = 0; round < 3000; ++round) {
    const EntryFormat format = round % 2 == 0 ? kThree : kJson;
    const Entry entry{Key("k" + bytes(10), bytes(10)), bytes(30)};
    std::string line = LineOf(format, entry);
    ASSERT_EQ(line.back(), '\n');
    line.pop_back();
    ASSERT_EQ(line.find('\n'), std::string::npos) << "seed " << seed << " round " << round;
    const Result<Entry> back = ParseLine(format, line);
    ASSERT_TRUE(back.ok()) << back.status().message() << " seed " << seed << " round " << round;
    ASSERT_EQ(back->key, entry.key);
    ASSERT_EQ(back->value, entry.value);
  }
}

}  // namespace
}  // namespace ringfort::ctl
