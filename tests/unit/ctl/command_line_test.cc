#include "tools/cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringfort::cli {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

Program TestProgram() {
  return {
      .name = "tool",
      .summary = "Does things.",
      .flags = {{.name = "seeds", .kind = FlagKind::kList, .default_value = "a:1,b:2"},
                {.name = "timeout", .kind = FlagKind::kDuration, .default_value = "5s"},
                {.name = "format",
                 .kind = FlagKind::kChoice,
                 .default_value = "text",
                 .choices = {"text", "json"}}},
      .commands = {{.name = "put",
                    .words = "KEY [VALUE]",
                    .words_min = 1,
                    .words_max = 2,
                    .summary = "Writes.",
                    .flags = {{.name = "if-absent", .kind = FlagKind::kSwitch},
                              {.name = "in_flight", .kind = FlagKind::kNumber, .min = 1, .max = 9},
                              {.name = "file"}}},
                   {.name = "import",
                    .summary = "Reads.",
                    .flags = {{.name = "format",
                               .kind = FlagKind::kChoice,
                               .default_value = "tsv",
                               .choices = {"tsv", "jsonl"}}}},
                   {.name = "debug log",
                    .words = "DIR",
                    .words_min = 1,
                    .words_max = 1,
                    .summary = "Shows."}}};
}

Result<Parsed> ParseWords(const std::vector<std::string>& args) {
  return Parse(TestProgram(), "1.2.3", args);
}

CommandLine LineOf(const std::vector<std::string>& args) {
  Result<Parsed> parsed = ParseWords(args);
  EXPECT_TRUE(parsed.ok()) << parsed.status().message();
  return parsed.ok() ? parsed->line : CommandLine();
}

std::string ErrorOf(const std::vector<std::string>& args) {
  const Result<Parsed> parsed = ParseWords(args);
  EXPECT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.status().code(), Code::kInvalidArgument);
  return parsed.status().message();
}

TEST(CommandLine, TakesFlagsAnywhereInBothForms) {
  const CommandLine line =
      LineOf({"--timeout", "250ms", "put", "--if-absent", "key", "--in-flight=3", "value"});
  EXPECT_EQ(line.command(), "put");
  EXPECT_THAT(line.words(), ElementsAre("key", "value"));
  EXPECT_EQ(line.Duration("timeout"), milliseconds(250));
  EXPECT_TRUE(line.Switch("if-absent"));
  EXPECT_EQ(line.Number("in_flight"), 3U);
  EXPECT_FALSE(line.Has("file"));
  EXPECT_THAT(line.List("seeds"), ElementsAre("a:1", "b:2"));
}

TEST(CommandLine, KeepsWordsThatLookLikeFlagsBehindTwoDashes) {
  EXPECT_THAT(LineOf({"put", "--", "--if-absent", "-"}).words(), ElementsAre("--if-absent", "-"));
  // A negative number is a word.
  EXPECT_THAT(LineOf({"put", "k", "-5"}).words(), ElementsAre("k", "-5"));
  EXPECT_THAT(LineOf({"put", "k", ""}).words(), ElementsAre("k", ""));
}

TEST(CommandLine, LetsTheLastOfAFlagWin) {
  EXPECT_EQ(LineOf({"put", "k", "--file=a", "--file", "b"}).Text("file"), "b");
  EXPECT_EQ(LineOf({"put", "k", "--file="}).Text("file"), "");
  EXPECT_FALSE(LineOf({"put", "k", "--if-absent", "--if-absent=false"}).Switch("if-absent"));
}

TEST(CommandLine, LetsACommandsFlagReplaceTheProgramsOne) {
  EXPECT_EQ(LineOf({"import"}).Text("format"), "tsv");
  EXPECT_EQ(LineOf({"--format=jsonl", "import"}).Text("format"), "jsonl");
  EXPECT_EQ(LineOf({"put", "k"}).Text("format"), "text");
  EXPECT_THAT(ErrorOf({"import", "--format=json"}), HasSubstr("tsv|jsonl"));
}

TEST(CommandLine, KnowsCommandsOfTwoWords) {
  const CommandLine line = LineOf({"debug", "log", "dir"});
  EXPECT_EQ(line.command(), "debug log");
  EXPECT_THAT(line.words(), ElementsAre("dir"));
  EXPECT_THAT(ErrorOf({"debug"}), HasSubstr("did you mean 'debug log'?"));
}

// `status --wait=5s` takes a value, and `node drain 3 --wait` none.
TEST(CommandLine, AFlagMeansWhatItMeansInItsCommand) {
  const Program program = {
      .name = "tool",
      .summary = "Does things.",
      .flags = {},
      .commands = {{.name = "status", .flags = {{.name = "wait", .kind = FlagKind::kDuration}}},
                   {.name = "node drain",
                    .words = "ID",
                    .words_min = 1,
                    .words_max = 1,
                    .flags = {{.name = "wait", .kind = FlagKind::kSwitch}}}}};
  const auto parse = [&program](const std::vector<std::string>& args) {
    return Parse(program, "1.2.3", args);
  };
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"node", "drain", "3", "--wait"},
        {"node", "drain", "--wait", "3"},
        {"--wait", "node", "drain", "3"}}) {
    const Result<Parsed> parsed = parse(args);
    ASSERT_TRUE(parsed.ok()) << parsed.status().message();
    EXPECT_TRUE(parsed->line.Switch("wait"));
    EXPECT_THAT(parsed->line.words(), ElementsAre("3"));
  }
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"status", "--wait", "5s"}, {"--wait", "5s", "status"}}) {
    const Result<Parsed> parsed = parse(args);
    ASSERT_TRUE(parsed.ok()) << parsed.status().message();
    EXPECT_EQ(parsed->line.Duration("wait"), milliseconds(5000));
  }
  EXPECT_THAT(parse({"status", "--wait"}).status().message(), HasSubstr("has no value"));
  EXPECT_THAT(parse({"help", "node", "drain", "--wait"})->print, HasSubstr("node drain"));
}

TEST(CommandLine, SuggestsTheNearestWord) {
  EXPECT_EQ(ErrorOf({"ptu", "k"}),
            "ptu: there is no such command (did you mean 'put'? tool help lists them)");
  EXPECT_EQ(ErrorOf({"xyzzyx"}), "xyzzyx: there is no such command (tool help lists them)");
  EXPECT_EQ(
      ErrorOf({"put", "k", "--if_absnet"}),
      "--if_absnet: put has no such flag (did you mean --if-absent? tool put --help lists them)");
  // A flag of another command is none of this one.
  EXPECT_THAT(ErrorOf({"import", "--if-absent"}), HasSubstr("import has no such flag"));
  EXPECT_THAT(ErrorOf({"--sedes=x"}), HasSubstr("did you mean --seeds?"));
}

TEST(CommandLine, RefusesWordsThatMakeNoSense) {
  EXPECT_THAT(ErrorOf({}), HasSubstr("no command given"));
  EXPECT_THAT(ErrorOf({"put"}), HasSubstr("too few words (write tool put KEY [VALUE])"));
  EXPECT_THAT(ErrorOf({"put", "a", "b", "c"}), HasSubstr("too many words"));
  EXPECT_THAT(ErrorOf({"put", "k", "--file"}), HasSubstr("--file: has no value"));
  EXPECT_THAT(ErrorOf({"put", "k", "--in_flight=0"}), HasSubstr("a whole number from 1 to 9"));
  EXPECT_THAT(ErrorOf({"put", "k", "--in_flight=10"}), HasSubstr("a whole number from 1 to 9"));
  EXPECT_THAT(ErrorOf({"put", "k", "--in_flight="}), HasSubstr("a whole number"));
  EXPECT_THAT(ErrorOf({"put", "k", "--if-absent=1"}), HasSubstr("true or false"));
  EXPECT_THAT(ErrorOf({"put", "k", "--timeout=fast"}), HasSubstr("a duration"));
  EXPECT_THAT(ErrorOf({"put", "k", "--format=xml"}), HasSubstr("text|json"));
  EXPECT_THAT(ErrorOf({"put", "k", "--seeds=a:1,,b:2"}), HasSubstr("a list without gaps"));
}

// A script's put of such a value would end well, with nothing stored.
TEST(CommandLine, HelpBehindWordsIsAMistake) {
  for (const char* word : {"-h", "--help", "--version"}) {
    EXPECT_THAT(ErrorOf({"put", "k", word}), HasSubstr("write -- before words")) << word;
    const Result<Parsed> parsed = ParseWords({"put", "k", "--", word});
    ASSERT_TRUE(parsed.ok()) << word;
    EXPECT_THAT(parsed->line.words(), ElementsAre("k", word));
  }
}

TEST(CommandLine, BlanksAroundTheItemsOfAListAreNone) {
  EXPECT_THAT(ParseWords({"put", "k", "--seeds= a:1 , b:2"})->line.List("seeds"),
              ElementsAre("a:1", "b:2"));
}

TEST(CommandLine, ErrorsDoNotRepeatValues) {
  EXPECT_THAT(ErrorOf({"put", "k", "--in_flight=secret"}), Not(HasSubstr("secret")));
}

TEST(CommandLine, PrintsHelpFromTheTable) {
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"help"}, {"--help"}, {"-h"}}) {
    const Result<Parsed> parsed = ParseWords(args);
    ASSERT_TRUE(parsed.ok());
    EXPECT_THAT(parsed->print, HasSubstr("put KEY [VALUE]"));
    EXPECT_THAT(parsed->print, HasSubstr("--timeout=DURATION"));
  }
  for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
           {"help", "import"}, {"import", "--help"}, {"--help", "import", "too", "many"}}) {
    const Result<Parsed> parsed = ParseWords(args);
    ASSERT_TRUE(parsed.ok());
    EXPECT_THAT(parsed->print, HasSubstr("usage: tool [FLAGS] import"));
    EXPECT_THAT(parsed->print, HasSubstr("--format=tsv|jsonl"));
    EXPECT_THAT(parsed->print, Not(HasSubstr("text|json")));
  }
  EXPECT_THAT(ErrorOf({"help", "imprt"}), HasSubstr("did you mean 'import'?"));
  EXPECT_EQ(ParseWords({"--version"})->print, "tool 1.2.3\n");
}

TEST(ParseDuration, KnowsUnitsAndLimits) {
  EXPECT_EQ(ParseDuration("1ms"), milliseconds(1));
  EXPECT_EQ(ParseDuration("30s"), milliseconds(30'000));
  EXPECT_EQ(ParseDuration("7"), milliseconds(7'000));
  EXPECT_EQ(ParseDuration("2m"), milliseconds(120'000));
  EXPECT_EQ(ParseDuration("24h"), milliseconds(86'400'000));
  for (const char* text : {"", "s", "0s", "25h", "1.5s", "-1s", "1 s", "5x",
                           "18446744073709551616s", "18446744073709551615h"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(ParseNumber, TakesDigitsOnly) {
  EXPECT_EQ(ParseNumber("0"), 0U);
  EXPECT_EQ(ParseNumber("18446744073709551615"), UINT64_MAX);
  for (const char* text : {"", "-1", "+1", "1e3", "0x1", "18446744073709551616", " 1"}) {
    EXPECT_EQ(ParseNumber(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace ringfort::cli
