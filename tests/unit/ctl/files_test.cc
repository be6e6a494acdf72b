#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "tools/ctl/line_reader.h"
#include "tools/ctl/output_file.h"

namespace ringfort::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string TempPath(const std::string& name) {
  return testing::TempDir() + "ctl_" + std::to_string(::getpid()) + "_" + name;
}

std::string WriteTemp(const std::string& name, const std::string& bytes) {
  const std::string path = TempPath(name);
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

/// Each line as NUMBER:TEXT, a skipped one as NUMBER!.
std::vector<std::string> LinesOf(const std::string& bytes, std::size_t max) {
  const std::string path = WriteTemp("lines", bytes);
  Result<LineReader> reader = LineReader::Open(path, max);
  EXPECT_TRUE(reader.ok());
  std::vector<std::string> lines;
  while (true) {
    Result<std::optional<LineReader::Line>> line = reader->Next();
    EXPECT_TRUE(line.ok());
    if (!line->has_value()) break;
    lines.push_back(std::to_string((*line)->number) +
                    ((*line)->too_long ? "!" : ":" + std::string((*line)->text)));
  }
  EXPECT_EQ(reader->consumed_bytes(), bytes.size());
  EXPECT_EQ(reader->total_bytes(), bytes.size());
  ::unlink(path.c_str());
  return lines;
}

TEST(LineReader, SplitsAtLineFeedsOnly) {
  EXPECT_THAT(LinesOf("a\nb\r\n\nlast", 10), ElementsAre("1:a", "2:b\r", "3:", "4:last"));
  EXPECT_THAT(LinesOf("", 10), ElementsAre());
  EXPECT_THAT(LinesOf("\n", 10), ElementsAre("1:"));
}

TEST(LineReader, SkipsLinesThatAreTooLong) {
  EXPECT_THAT(LinesOf("abc\nabcd\nx\n", 3), ElementsAre("1:abc", "2!", "3:x"));
  EXPECT_THAT(LinesOf("abcd", 3), ElementsAre("1!"));
  // Longer than what is read at a time, in the middle and at the end.
  const std::string long_line(1'000'000, 'x');
  EXPECT_THAT(LinesOf("a\n" + long_line + "\nb\n" + long_line, 1000),
              ElementsAre("1:a", "2!", "3:b", "4!"));
}

TEST(LineReader, JoinsLinesThatAreReadInParts) {
  const std::string a(300'000, 'a');
  const std::string b(700'000, 'b');
  EXPECT_THAT(LinesOf(a + "\n" + b + "\nc", 1'000'000), ElementsAre("1:" + a, "2:" + b, "3:c"));
}

TEST(LineReader, NamesTheFileThatIsNotThere) {
  const Result<LineReader> reader = LineReader::Open("/nowhere/file", 10);
  ASSERT_FALSE(reader.ok());
  EXPECT_THAT(reader.status().message(), HasSubstr("/nowhere/file: No such file"));
}

TEST(ReadWhole, StopsAtItsLimit) {
  const std::string path = WriteTemp("whole", std::string(1000, 'x'));
  EXPECT_EQ(*ReadWhole(path, 1000), std::string(1000, 'x'));
  EXPECT_EQ(ReadWhole(path, 999).status().code(), Code::kTooLarge);
  ::unlink(path.c_str());
}

bool Exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

TEST(OutputFile, AppearsUnderItsNameWhenItIsWhole) {
  const std::string path = TempPath("output");
  {
    Result<OutputFile> output = OutputFile::Open(path);
    ASSERT_TRUE(output.ok());
    EXPECT_TRUE(output->Write("hello").ok());
    EXPECT_TRUE(Exists(path + ".partial"));
    EXPECT_FALSE(Exists(path));
    EXPECT_TRUE(output->Finish().ok());
  }
  EXPECT_FALSE(Exists(path + ".partial"));
  std::ostringstream bytes;
  bytes << std::ifstream(path).rdbuf();
  EXPECT_EQ(bytes.str(), "hello");
  ::unlink(path.c_str());
}

TEST(OutputFile, LeavesNothingBehindWhenItIsNotFinished) {
  const std::string path = TempPath("abandoned");
  {
    Result<OutputFile> output = OutputFile::Open(path);
    ASSERT_TRUE(output.ok());
    EXPECT_TRUE(output->Write("half").ok());
  }
  EXPECT_FALSE(Exists(path));
  EXPECT_FALSE(Exists(path + ".partial"));
}

TEST(OutputFile, SaysWhereItCannotBeMade) {
  const Result<OutputFile> output = OutputFile::Open("/nowhere/file");
  ASSERT_FALSE(output.ok());
  EXPECT_EQ(output.status().code(), Code::kIoError);
  EXPECT_THAT(output.status().message(), HasSubstr("/nowhere/file.partial"));
}

}  // namespace
}  // namespace ringfort::ctl
