#include "tools/cli/cluster_flags.h"

#include <cstdlib>

namespace ringfort::cli {

std::vector<Flag> ClusterFlags() {
  const char* seeds = std::getenv("RINGFORT_SEEDS");
  const bool given = seeds != nullptr && *seeds != '\0';
  return {
      {.name = "seeds",
       .kind = FlagKind::kList,
       .default_value = given ? seeds : "127.0.0.1:7101,127.0.0.1:7102,127.0.0.1:7103",
       .help = "some of the cluster's nodes; RINGFORT_SEEDS sets the default",
       .placeholder = "HOST:PORT,..."},
      {.name = "timeout",
       .kind = FlagKind::kDuration,
       .default_value = "5s",
       .help = "for each request"},
      {.name = "format",
       .kind = FlagKind::kChoice,
       .default_value = "text",
       .help = "of what is printed",
       .choices = {"text", "json"}},
  };
}

ClientOptions OptionsOf(const CommandLine& line) {
  return {.seeds = line.List("seeds"), .timeout = line.Duration("timeout")};
}

}  // namespace ringfort::cli
