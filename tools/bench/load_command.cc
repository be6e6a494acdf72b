// ringfort-bench put, get, mixed: flags in, figures out.
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/bench/load.h"
#include "tools/cli/cluster_flags.h"
#include "tools/cli/errors.h"
#include "tools/cli/numbers.h"

namespace ringfort::bench {
namespace {

constexpr std::size_t kOutstandingBytesMax = std::size_t{128} << 20;

double Microseconds(std::chrono::nanoseconds latency) {
  return static_cast<double>(latency.count()) / 1000;
}

LoadOptions LoadOptionsOf(const cli::CommandLine& line) {
  LoadOptions options;
  if (line.command() == "get") options.get_percent = 100;
  if (line.command() == "mixed") {
    options.get_percent = static_cast<std::uint32_t>(line.Number("get-percent"));
  }
  options.outstanding = line.Number("outstanding");
  options.clients = line.Number("clients");
  options.keys = line.Number("keys");
  options.value_bytes = line.Number("value_bytes");
  options.warmup = line.Duration("warmup");
  options.duration = line.Duration("seconds");
  options.seed = line.Number("seed");
  return options;
}

void PrintJson(const cli::CommandLine& line, const LoadOptions& options, const LoadResult& result) {
  const Histogram& latencies = result.latencies;
  nlohmann::ordered_json json = {
      {"mode", line.command()},
      {"outstanding", options.outstanding},
      {"clients", options.clients},
      {"keys", options.keys},
      {"value_bytes", options.value_bytes},
      {"seconds", result.seconds},
      {"ok", result.ok},
      {"ops_per_second", static_cast<double>(result.ok) / result.seconds},
      {"p50_us", Microseconds(latencies.Percentile(0.5))},
      {"p99_us", Microseconds(latencies.Percentile(0.99))},
      {"p999_us", Microseconds(latencies.Percentile(0.999))},
      {"max_us", Microseconds(latencies.max())},
      {"errors", nlohmann::ordered_json::object()}};
  for (const auto& [kind, count] : result.errors) json["errors"][kind] = count;
  std::cout << json.dump(2) << "\n";
}

void PrintText(const cli::CommandLine& line, const LoadOptions& options, const LoadResult& result) {
  const auto milliseconds = [](std::chrono::nanoseconds latency) {
    return cli::FixedText(Microseconds(latency) / 1000, 3) + " ms";
  };
  const Histogram& latencies = result.latencies;
  std::cout << line.command() << ", " << options.outstanding << " outstanding, "
            << options.value_bytes << "-byte values, " << cli::FixedText(result.seconds, 1)
            << " s: "
            << cli::CountText(
                   static_cast<std::uint64_t>(static_cast<double>(result.ok) / result.seconds))
            << " requests/s\n"
            << "latency p50 " << milliseconds(latencies.Percentile(0.5)) << ", p99 "
            << milliseconds(latencies.Percentile(0.99)) << ", p99.9 "
            << milliseconds(latencies.Percentile(0.999)) << ", max "
            << milliseconds(latencies.max()) << "\nerrors: " << ErrorText(result.errors) << "\n";
}

}  // namespace

int RunLoadCommand(const cli::CommandLine& line) {
  const LoadOptions options = LoadOptionsOf(line);
  if (options.outstanding * (options.value_bytes + 64) > kOutstandingBytesMax) {
    return cli::Fail(std::cerr, line.command(),
                     {Code::kInvalidArgument,
                      "--outstanding times --value_bytes is over 128 MiB"
                      " (lower one of them)"});
  }
  if (options.get_percent > 0) {
    Result<Client> client = Client::Connect(cli::OptionsOf(line));
    if (!client.ok()) return cli::Fail(std::cerr, line.command(), client.status());
    std::cerr << "writing " << cli::CountText(options.keys) << " keys\n";
    const Status loaded = LoadKeys(*client, options);
    if (!loaded.ok()) return cli::Fail(std::cerr, line.command() + ": writing the keys", loaded);
  }
  const Result<LoadResult> result = RunLoad(cli::OptionsOf(line), options);
  if (!result.ok()) return cli::Fail(std::cerr, line.command(), result.status());
  if (line.Text("format") == "json") {
    PrintJson(line, options, *result);
  } else {
    PrintText(line, options, *result);
  }
  if (result->ok > 0) return cli::kDone;
  return cli::Fail(std::cerr, line.command(),
                   {Code::kUnavailable, "no request succeeded: " + ErrorText(result->errors) +
                                            " (look at ringfortctl status)"});
}

}  // namespace ringfort::bench
