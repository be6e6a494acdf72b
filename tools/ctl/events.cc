#include "tools/ctl/events.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>

#include "ringfort/admin.h"
#include "tools/cli/errors.h"
#include "tools/ctl/cluster_text.h"

namespace ringfort::ctl {
namespace {

constexpr std::chrono::milliseconds kPollInterval{500};

Json EventJson(const EventView& event) {
  const auto since_epoch = event.at.time_since_epoch();
  return {
      {"number", event.number},
      {"at_unix_ms", std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count()},
      {"at", TimeText(event.at)},
      {"who", event.who},
      {"what", event.what}};
}

/// Names may hold any bytes: none of them must move the cursor.
std::string EventLine(const EventView& event) {
  return std::to_string(event.number) + "  " + TimeText(event.at) + "  " +
         (event.who.empty() ? "-" : cli::Printable(event.who)) + "  " + event.what + "\n";
}

/// For ever, or until `limit` events are printed.
Status Follow(Client& client, std::uint64_t after, std::uint32_t limit, bool as_json,
              Terminal& terminal) {
  std::uint32_t left = limit;
  while (true) {
    const Result<std::vector<EventView>> events = client.Events(after, left);
    if (!events.ok()) return events.status();
    for (const EventView& event : *events) {
      if (event.number <= after) {
        return {Code::kInternal, "a node told of event " + std::to_string(event.number) +
                                     " after event " + std::to_string(after) +
                                     " (ask another: --seeds)"};
      }
      after = event.number;
      terminal.out << (as_json ? JsonText(EventJson(event)) + "\n" : EventLine(event));
      if (limit != 0 && --left == 0) return {};
    }
    terminal.out << std::flush;
    if (!terminal.out) return {};
    std::this_thread::sleep_for(kPollInterval);
  }
}

}  // namespace

int RunEvents(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  const std::uint64_t after = line.Number("after");
  const std::uint32_t limit =
      line.Has("limit") ? static_cast<std::uint32_t>(line.Number("limit")) : 0;
  const bool as_json = line.Text("format") == "json";
  if (line.Switch("follow")) {
    const Status ended = Follow(client, after, limit, as_json, terminal);
    return ended.ok() ? cli::kDone : cli::Fail(terminal.err, "events", ended);
  }
  const Result<std::vector<EventView>> events = client.Events(after, limit);
  if (!events.ok()) return cli::Fail(terminal.err, "events", events.status());
  if (as_json) {
    Json json = {{"events", Json::array()}};
    for (const EventView& event : *events) json["events"].push_back(EventJson(event));
    terminal.out << Dumped(json);
    return cli::kDone;
  }
  for (const EventView& event : *events) terminal.out << EventLine(event);
  return cli::kDone;
}

}  // namespace ringfort::ctl
