// A store in a directory of its own that is gone afterwards.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rocks/rocks_store.h"

namespace ringfort::rocks {

class ScratchDir {
 public:
  ScratchDir();
  ~ScratchDir();
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;

  /// Where the store lies. Not made yet.
  [[nodiscard]] std::string data() const { return path_ + "/data"; }
  /// Closing a store with these leaves the files as kill -9 does.
  [[nodiscard]] Options options() const;
  /// The store's data files (SSTs), in no order.
  [[nodiscard]] std::vector<std::string> data_files() const;

 private:
  std::string path_;
};

}  // namespace ringfort::rocks
