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
  if (line.Has("interval")) options.interval = line.Duration("interval");
  options.seed = line.Number("seed");
  return options;
}

double PerSecond(const LoadResult& result) {
  if (result.seconds <= 0) return 0;
  return static_cast<double>(result.latencies.count()) / result.seconds;
}

nlohmann::ordered_json FiguresJson(const LoadResult& result) {
  const Histogram& latencies = result.latencies;
  nlohmann::ordered_json json = {{"seconds", result.seconds},
                                 {"ok", latencies.count()},
                                 {"ops_per_second", PerSecond(result)},
                                 {"p50_us", Microseconds(latencies.Percentile(0.5))},
                                 {"p99_us", Microseconds(latencies.Percentile(0.99))},
                                 {"p999_us", Microseconds(latencies.Percentile(0.999))},
                                 {"max_us", Microseconds(latencies.max())},
                                 {"errors", nlohmann::ordered_json::object()}};
  for (const auto& [kind, count] : result.errors) json["errors"][kind] = count;
  return json;
}

void PrintJson(const cli::CommandLine& line, const LoadOptions& options, const LoadResult& result,
               const nlohmann::ordered_json& intervals) {
  nlohmann::ordered_json json = {{"mode", line.command()},
                                 {"outstanding", options.outstanding},
                                 {"clients", options.clients},
                                 {"keys", options.keys},
                                 {"value_bytes", options.value_bytes}};
  json.update(FiguresJson(result));
  if (options.interval.count() > 0) json["intervals"] = intervals;
  std::cout << json.dump(2) << "\n";
}

/// "12,200 requests/s, latency p50 4.9 ms, ..., max 20.1 ms; errors: none".
std::string FiguresText(const LoadResult& result) {
  const auto milliseconds = [](std::chrono::nanoseconds latency) {
    return cli::FixedText(Microseconds(latency) / 1000, 3) + " ms";
  };
  const Histogram& latencies = result.latencies;
  return cli::CountText(static_cast<std::uint64_t>(PerSecond(result))) +
         " requests/s, latency p50 " + milliseconds(latencies.Percentile(0.5)) + ", p99 " +
         milliseconds(latencies.Percentile(0.99)) + ", p99.9 " +
         milliseconds(latencies.Percentile(0.999)) + ", max " + milliseconds(latencies.max()) +
         "; errors: " + ErrorText(result.errors);
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
  const bool as_json = line.Text("format") == "json";
  nlohmann::ordered_json intervals = nlohmann::ordered_json::array();
  double passed = 0;
  const auto on_interval = [&](const LoadResult& part) {
    passed += part.seconds;
    if (as_json) {
      intervals.push_back(FiguresJson(part));
    } else if (options.interval.count() > 0) {
      std::cout << cli::FixedText(passed, 1) << " s: " << FiguresText(part) << std::endl;
    }
  };
  const Result<LoadResult> result = RunLoad(cli::OptionsOf(line), options, on_interval);
  if (!result.ok()) return cli::Fail(std::cerr, line.command(), result.status());
  if (as_json) {
    PrintJson(line, options, *result, intervals);
  } else {
    std::cout << line.command() << ", " << options.outstanding << " outstanding, "
              << options.value_bytes << "-byte values, " << cli::FixedText(result->seconds, 1)
              << " s: " << FiguresText(*result) << "\n";
  }
  if (result->latencies.count() > 0) return cli::kDone;
  return cli::Fail(std::cerr, line.command(),
                   {Code::kUnavailable, "no request succeeded: " + ErrorText(result->errors) +
                                            " (look at ringfortctl status)"});
}

}  // namespace ringfort::bench
