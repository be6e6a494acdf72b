// The log of a node that somebody reads, and of one that nobody reads.
#include "server/log_lines.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>

namespace ringfort::server {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

class LogLinesTest : public testing::Test {
 protected:
  LogLinesTest() { EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0); }
  ~LogLinesTest() override {
    for (const int end : ends_) {
      if (end >= 0) ::close(end);
    }
  }
  /// All that is there.
  std::string Read() const {
    std::string all;
    std::array<char, 65536> bytes{};
    ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    for (ssize_t got = 0; (got = ::read(ends_[0], bytes.data(), bytes.size())) > 0;) {
      all.append(bytes.data(), static_cast<std::size_t>(got));
    }
    return all;
  }

  std::array<int, 2> ends_{-1, -1};
};

TEST_F(LogLinesTest, WritesWhatGlogIsTold) {
  LogLines log(ends_[1]);
  LOG(INFO) << "hello";
  LogLines::Flush();
  const std::string read = Read();
  EXPECT_THAT(read, HasSubstr("log_lines_test.cc"));
  EXPECT_THAT(read, EndsWith("] hello\n"));
  EXPECT_EQ(log.dropped(), 0U);
}

TEST_F(LogLinesTest, WhatNobodyReadsIsDroppedAndCountedAndSaid) {
  LogLines log(ends_[1]);
  const std::string kilobyte(1000, 'x');
  for (int i = 0; i < 4000; ++i) LOG(INFO) << kilobyte;  // It returns.
  // Besides what waits, as much may be on its way to the pipe.
  EXPECT_GT(log.dropped(), 1500U);
  EXPECT_LT(log.dropped(), 3500U);
  std::string read;
  while (read.find("were dropped") == std::string::npos) {
    read += Read();
    LogLines::Flush();
  }
  EXPECT_THAT(read, HasSubstr("log lines were dropped: nobody read the log"));
  LOG(INFO) << "and again";
  LogLines::Flush();
  EXPECT_THAT(Read(), EndsWith("] and again\n"));
}

}  // namespace
}  // namespace ringfort::server
