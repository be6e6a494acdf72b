// Each *.txt here is a story of Raft cores: `> command` lines, what they lead to, and comments. The
// test plays them and compares; `raft_scripts --rewrite` writes down what happens now, for the
// reviewer to read.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/raft_scripts/story.h"

namespace ringfort::raft {
namespace {

bool rewrite = false;

std::vector<std::string> Scripts() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(RAFT_SCRIPTS_DIR)) {
    if (file.path().extension() == ".txt" && file.path().filename() != "CMakeLists.txt") {
      names.push_back(file.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// The script with the output of each command as it is now.
std::string Play(const std::string& script) {
  Story story;
  std::istringstream lines(script);
  std::ostringstream played;
  bool output = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("> ")) {
      played << line << '\n' << story.Run(line.substr(2));
      output = true;
    } else if (!output || line.empty() || line.starts_with("#")) {
      played << line << '\n';
      output = false;
    }
  }
  return played.str();
}

class RaftScript : public testing::TestWithParam<std::string> {};

TEST_P(RaftScript, GoesAsWritten) {
  const std::string path = std::string(RAFT_SCRIPTS_DIR) + "/" + GetParam() + ".txt";
  std::stringstream written;
  written << std::ifstream(path).rdbuf();
  const std::string played = Play(written.str());
  if (rewrite) {
    std::ofstream(path) << played;
    return;
  }
  EXPECT_EQ(written.str(), played) << path << " (raft_scripts --rewrite writes it anew)";
}

INSTANTIATE_TEST_SUITE_P(All, RaftScript, testing::ValuesIn(Scripts()),
                         [](const auto& script) { return script.param; });

}  // namespace
}  // namespace ringfort::raft

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    ringfort::raft::rewrite = ringfort::raft::rewrite || std::strcmp(argv[i], "--rewrite") == 0;
  }
  return RUN_ALL_TESTS();
}
