// A store in a directory of its own that is gone afterwards.
#include "tests/unit/rocks/scratch_dir.h"

#include <cstdlib>
#include <filesystem>

#include "base/check.h"

namespace ringfort::rocks {

ScratchDir::ScratchDir()
    : path_((std::filesystem::temp_directory_path() / "ringfort_rocks_XXXXXX").string()) {
  RF_CHECK(::mkdtemp(path_.data()) != nullptr) << path_;
}

ScratchDir::~ScratchDir() {
  std::filesystem::remove_all(path_);
}

Options ScratchDir::options() const {
  Options options;
  options.dir = data();
  options.incarnation = {.high = 0xa, .low = 0xb};
  options.flush_on_close_for = std::chrono::milliseconds(0);
  return options;
}

std::vector<std::string> ScratchDir::data_files() const {
  std::vector<std::string> files;
  for (const auto& file : std::filesystem::directory_iterator(data())) {
    if (file.path().extension() == ".sst") files.push_back(file.path());
  }
  return files;
}

}  // namespace ringfort::rocks
