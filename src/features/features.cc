#include "features/features.h"

#include <iterator>

#include "ringfort/version.h"

namespace ringfort::features {
namespace {

// By level.
constexpr std::string_view kReleases[] = {"0.1.0", "0.2.0"};
static_assert(std::size(kReleases) == kNewest.value() + 1);

constexpr std::string_view kLeftAsItIs = "; its data stay as they are)";

}  // namespace

std::string ReleaseOf(FeatureLevel level) {
  if (level <= kNewest) return std::string(kReleases[level.value()]);
  return "a release that knows feature level " + std::to_string(level.value());
}

Status TooNew(std::string_view what, FeatureLevel level, std::string_view release) {
  const std::string needed = release.empty() ? ReleaseOf(level) : std::string(release);
  return {Code::kUnsupported, std::string(what) + " is of feature level " +
                                  std::to_string(level.value()) + ", and this ringfortd " +
                                  kVersion + " knows levels up to " +
                                  std::to_string(kNewest.value()) + " (run ringfortd " + needed +
                                  " or newer on this node" + std::string(kLeftAsItIs)};
}

Status UnknownFormat(std::string_view what) {
  return {Code::kUnsupported, std::string(what) + " has a format that this ringfortd " + kVersion +
                                  " does not know (run the newer release that wrote it" +
                                  std::string(kLeftAsItIs)};
}

}  // namespace ringfort::features
