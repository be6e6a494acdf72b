#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <ostream>
#include <sstream>
#include <thread>
#include <vector>

#include "base/descriptors.h"
#include "tools/cli/fd_output.h"
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

// As editors of other systems leave a file. A return that only a later line has is its own.
TEST(LineReader, PassesOverAByteOrderMarkAndReturnsBeforeLineFeeds) {
  EXPECT_THAT(LinesOf("\xef\xbb\xbf"
                      "a\r\n\r\nb\r\nc",
                      100),
              ElementsAre("1:a", "2:", "3:b", "4:c"));
  EXPECT_THAT(LinesOf("a\nb\r\n\xef\xbb\xbf", 100), ElementsAre("1:a", "2:b\r", "3:\xef\xbb\xbf"));
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

mode_t ModeOf(const std::string& path) {
  struct stat facts {};
  EXPECT_EQ(::lstat(path.c_str(), &facts), 0) << path;
  return facts.st_mode;
}

void WriteTo(const std::string& path, std::string_view bytes) {
  Result<OutputFile> output = OutputFile::Open(path);
  ASSERT_TRUE(output.ok()) << output.status().ToString();
  EXPECT_TRUE(output->Write(bytes).ok());
  EXPECT_TRUE(output->Finish().ok());
}

// Of a secret that is exported again.
TEST(OutputFile, KeepsTheModeOfWhatWasThereAndWhatIsNotItsOwn) {
  const std::string path = TempPath("private");
  std::ofstream(path) << "old";
  std::ofstream(path + ".partial") << "mine";
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  WriteTo(path, "new");
  EXPECT_EQ(ModeOf(path) & 07777, 0600U);
  EXPECT_TRUE(Exists(path + ".partial"));
  ::unlink(path.c_str());
  ::unlink((path + ".partial").c_str());
}

TEST(OutputFile, WritesToWhereALinkLeads) {
  const std::string path = TempPath("link");
  const std::string real = TempPath("real");
  ASSERT_EQ(::symlink(real.c_str(), path.c_str()), 0);
  for (const char* bytes : {"first", "second"}) {  // The link leads nowhere at first.
    WriteTo(path, bytes);
    EXPECT_TRUE(S_ISLNK(ModeOf(path)));
    std::ostringstream found;
    found << std::ifstream(real).rdbuf();
    EXPECT_EQ(found.str(), bytes);
  }
  ::unlink(path.c_str());
  ::unlink(real.c_str());
}

TEST(OutputFile, LeavesAPipeAPipe) {
  const std::string path = TempPath("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(OutputFile::Open(path).status().message(), HasSubstr("nobody reads"));
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  WriteTo(path, "hello");
  EXPECT_TRUE(S_ISFIFO(ModeOf(path)));
  std::array<char, 16> bytes{};
  EXPECT_EQ(::read(reader, bytes.data(), bytes.size()), 5);
  ::close(reader);
  ::unlink(path.c_str());
}

// As a shell or an event loop leaves it to its children.
TEST(FdOutput, WaitsForAPipeThatDoesNotBlock) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  const std::string bytes(1'000'000, 'x');
  std::thread reader([end = ends[0], total = bytes.size()] {
    std::vector<char> buffer(65536);
    for (std::size_t got = 0; got < total;) {
      const ssize_t some = ::read(end, buffer.data(), buffer.size());
      if (some > 0) got += static_cast<std::size_t>(some);
      if (some < 0 && !MayTryAgain(end, Direction::kRead)) return;
    }
  });
  {
    cli::FdOutput to_pipe(ends[1]);
    std::ostream out(&to_pipe);
    out << bytes << std::flush;
    EXPECT_TRUE(out.good());
  }
  reader.join();
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(OutputFile, SaysWhereItCannotBeMade) {
  const Result<OutputFile> output = OutputFile::Open("/nowhere/file");
  ASSERT_FALSE(output.ok());
  EXPECT_EQ(output.status().code(), Code::kIoError);
  EXPECT_THAT(output.status().message(), HasSubstr("/nowhere/file.partial"));
}

}  // namespace
}  // namespace ringfort::ctl
