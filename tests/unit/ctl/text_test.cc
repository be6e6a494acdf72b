#include <gtest/gtest.h>

#include <sstream>

#include "tools/cli/errors.h"
#include "tools/cli/numbers.h"
#include "tools/ctl/progress.h"
#include "tools/ctl/screen.h"
#include "tools/ctl/text_table.h"

namespace ringfort::ctl {
namespace {

using std::chrono::milliseconds;

TEST(Numbers, AreWrittenAsPeopleReadThem) {
  EXPECT_EQ(cli::CountText(0), "0");
  EXPECT_EQ(cli::CountText(999), "999");
  EXPECT_EQ(cli::CountText(1000), "1,000");
  EXPECT_EQ(cli::CountText(1234567), "1,234,567");
  EXPECT_EQ(cli::BytesText(999), "999 B");
  EXPECT_EQ(cli::BytesText(1000), "1.0 KB");
  EXPECT_EQ(cli::BytesText(999'949), "999.9 KB");
  EXPECT_EQ(cli::BytesText(999'950), "1.0 MB");
  EXPECT_EQ(cli::BytesText(64'000'000), "64.0 MB");
  EXPECT_EQ(cli::DurationText(milliseconds(420)), "0.42 s");
  EXPECT_EQ(cli::DurationText(milliseconds(12'300)), "12.3 s");
  EXPECT_EQ(cli::DurationText(milliseconds(192'000)), "3m12s");
  EXPECT_EQ(cli::DurationText(milliseconds(7'500'000)), "2h05m");
  EXPECT_EQ(cli::DurationText(milliseconds(273'600'000)), "3d04h");
}

TEST(ProgressLine, HasABarAndARestWhenTheSizeIsKnown) {
  EXPECT_EQ(ProgressLine({.entries = 1500,
                          .bytes = 500'000,
                          .total_bytes = 1'000'000,
                          .elapsed = milliseconds(3000)}),
            "[######------] 50 %  1,500 entries  500.0 KB  500/s  3.0 s left");
  EXPECT_EQ(ProgressLine({.entries = 1500, .bytes = 500'000, .elapsed = milliseconds(3000)}),
            "1,500 entries  500.0 KB  500/s");
  // A file that has grown, an empty one, and the very beginning.
  EXPECT_EQ(
      ProgressLine({.entries = 1, .bytes = 9, .total_bytes = 5, .elapsed = milliseconds(1000)}),
      "[############] 100 %  1 entries  9 B  1/s  0.00 s left");
  EXPECT_EQ(ProgressLine({.total_bytes = 0}), "0 entries  0 B  0/s");
  EXPECT_EQ(ProgressLine({.total_bytes = 10}), "[------------] 0 %  0 entries  0 B  0/s");
}

TEST(SummaryLine, TellsEntriesBytesTimeAndRate) {
  EXPECT_EQ(SummaryLine({.entries = 2500, .bytes = 56'700'000, .elapsed = milliseconds(2500)}),
            "2,500 entries, 56.7 MB in 2.5 s (1,000/s)");
}

TEST(Progress, StaysSilentUntilItIsTime) {
  std::ostringstream out;
  std::ostringstream err;
  Terminal terminal{.out = out, .err = err, .err_is_terminal = true};
  Progress progress(terminal);
  progress.Show({.entries = 1});
  progress.Clear();
  EXPECT_EQ(err.str(), "");
}

// Else the terminal would be full of their beginnings.
TEST(Progress, CutsLinesThatAreWiderThanTheTerminal) {
  std::ostringstream out;
  std::ostringstream err;
  Terminal terminal{.out = out, .err = err, .err_is_terminal = true};
  Progress progress(terminal);
  while (err.str().empty()) progress.Show(std::string(10'000, 'x'));
  const std::string shown = err.str();
  EXPECT_EQ(static_cast<std::size_t>(std::count(shown.begin(), shown.end(), 'x')),
            SizeOfTerminal(STDERR_FILENO).columns - 1);
}

TEST(TextTable, MakesColumnsAsWideAsTheyMustBe) {
  TextTable table({"name", ">count"});
  table.Add({"é", "1,000,000"});
  table.AddNote("a note may be longer than all columns together");
  table.Add({"longer", ""});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(),
            "name        count\n"
            "é       1,000,000\n"
            "    a note may be longer than all columns together\n"
            "longer\n");
}

TEST(Fail, HasOneFormAndTellsAboutTheWrite) {
  std::ostringstream err;
  EXPECT_EQ(cli::Fail(err, "get k", {Code::kNotFound, "not found (put it)"}), cli::kFailed);
  EXPECT_EQ(cli::Fail(err, "put k", {Code::kTooLarge, "too long (cut it)"}), cli::kWrongWords);
  EXPECT_EQ(cli::Fail(err, "put k", {Code::kDeadlineExceeded, "late (wait)", Effect::kUnknown}),
            cli::kFailed);
  EXPECT_EQ(err.str(),
            "error: get k: not found (put it)\n"
            "error: put k: too long (cut it)\n"
            "error: put k: late (wait); whether the write happened is not known (read it back)\n");
}

}  // namespace
}  // namespace ringfort::ctl
