// One sample of every format that is on disk or on the wire, encoded by the program that this is
// compiled into. tests/golden/RELEASE/formats.txt holds what each release made of them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ringfort/status.h"

namespace ringfort::golden {

struct Sample {
  /// "wal/record/entry", "peer/heartbeat"; never changes its meaning.
  std::string name;
  std::string bytes;
  /// Ok where this program reads `bytes` of any release, and what it reads encodes to the same.
  std::function<Status(std::string_view bytes)> check;
};

/// As a node writes them in a cluster of feature level 0: what release 0.1.0 wrote.
std::vector<Sample> LevelZero();
/// What level 1 adds.
std::vector<Sample> LevelOne();

}  // namespace ringfort::golden
