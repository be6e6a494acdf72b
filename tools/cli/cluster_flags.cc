#include "tools/cli/cluster_flags.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <string>

#include "ringfort/limits.h"

namespace ringfort::cli {

namespace {

constexpr std::chrono::seconds kRequestTimeout{5};

/// USER@HOST of this process.
std::string Caller() {
  const ::passwd* user = ::getpwuid(::geteuid());
  std::string who = user == nullptr ? std::to_string(::geteuid()) : user->pw_name;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) who += std::string("@") + host.data();
  return who.substr(0, limits::kWhoMax);
}

}  // namespace

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
  return {.seeds = line.List("seeds"),
          .timeout = line.Has("timeout") ? line.Duration("timeout") : kRequestTimeout,
          .who = Caller()};
}

}  // namespace ringfort::cli
