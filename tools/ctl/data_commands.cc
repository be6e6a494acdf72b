#include "tools/ctl/data_commands.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/text.h"
#include "ringfort/admin.h"
#include "tools/cli/errors.h"
#include "tools/ctl/bytes_text.h"
#include "tools/ctl/entry_format.h"
#include "tools/ctl/json_bytes.h"
#include "tools/ctl/key_words.h"
#include "tools/ctl/line_reader.h"

namespace ringfort::ctl {
namespace {

bool AsJson(const cli::CommandLine& line) {
  return line.Text("format") == "json";
}

Consistency ConsistencyOf(const cli::CommandLine& line) {
  return line.Text("consistency") == "any-replica" ? Consistency::kAnyReplica
                                                   : Consistency::kLinearizable;
}

Json JsonOf(const Key& key) {
  Json object = Json::object();
  PutBytes(&object, "key", key.shard_key);
  if (!key.sort_key.empty()) PutBytes(&object, "sort_key", key.sort_key);
  return object;
}

int FailAt(const cli::CommandLine& line, Terminal& terminal, const Status& status) {
  if (status.code() != Code::kNotFound) return cli::Fail(terminal.err, WhatOf(line), status);
  return cli::Fail(terminal.err, WhatOf(line),
                   {Code::kNotFound,
                    "not found (nobody has put it, or it was deleted; ringfortctl scan KEY lists"
                    " its sort keys)"});
}

int PrintVersion(const cli::CommandLine& line, Terminal& terminal, Version version) {
  if (AsJson(line)) {
    terminal.out << Json{{"version", version}} << "\n";
  } else {
    terminal.out << "version " << version << "\n";
  }
  return cli::kDone;
}

/// The value of a put: the second word or --file.
Result<std::string> ValueOf(const cli::CommandLine& line) {
  const bool word = line.words().size() == 2;
  if (word == line.Has("file")) {
    return Status(Code::kInvalidArgument,
                  std::string(word ? "has a value twice" : "has no value") +
                      " (give VALUE, or --file=FILE, or --file=- for standard input)");
  }
  if (word) return BytesOf(line, "the value", line.words()[1]);
  return ReadWhole(line.Text("file"), limits::kValueMax);
}

/// One entry of a scan, as a line: the sort key and the value.
/// On a terminal nothing of it is a command to the terminal.
std::string ScanLine(const cli::CommandLine& line, const ScanEntry& entry, bool on_terminal) {
  if (line.Switch("hex")) return ToHex(entry.key.sort_key) + "\t" + ToHex(entry.value) + "\n";
  std::string sort_key;
  std::string value;
  AppendEscaped(entry.key.sort_key, &sort_key);
  AppendEscaped(entry.value, &value);
  if (on_terminal) {
    sort_key = WithoutControls(sort_key);
    value = WithoutControls(value);
  }
  return sort_key + "\t" + value + "\n";
}

/// What get and put refuse is in no shard.
Status CheckKey(const std::string& shard_key) {
  if (!shard_key.empty() && shard_key.size() <= limits::kShardKeyMax) return {};
  return {Code::kInvalidArgument, "the key has " + std::to_string(shard_key.size()) +
                                      " bytes (give 1 to " + std::to_string(limits::kShardKeyMax) +
                                      ")"};
}

Result<ScanRange> RangeOf(const cli::CommandLine& line) {
  ScanRange range{.reverse = line.Switch("reverse")};
  for (const auto& [flag, bound] : {std::pair("begin", &range.begin), {"prefix", &range.prefix}}) {
    Result<std::string> bytes = BytesOf(line, std::string("--") + flag, line.Text(flag));
    if (!bytes.ok()) return bytes.status();
    *bound = std::move(bytes).value();
  }
  if (line.Has("end")) {
    Result<std::string> bytes = BytesOf(line, "--end", line.Text("end"));
    if (!bytes.ok()) return bytes.status();
    range.end = std::move(bytes).value();
  }
  return range;
}

/// Prints page after page. True when entries are left beyond the limit.
Result<bool> PrintScan(const cli::CommandLine& line, Client& client, Terminal& terminal,
                       const std::string& shard_key, ScanRange range) {
  std::uint64_t left = line.Has("limit") ? line.Number("limit") : UINT64_MAX;
  std::optional<ScanRange> rest = std::move(range);
  const char* separator = "";
  while (rest && left > 0) {
    const auto limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, 10'000));
    Result<ScanPage> page =
        client.Scan(shard_key, *rest, {.consistency = ConsistencyOf(line), .limit = limit});
    if (!page.ok()) return page.status();
    for (const ScanEntry& entry : page->entries) {
      if (!AsJson(line)) {
        terminal.out << ScanLine(line, entry, terminal.out_is_terminal);
        continue;
      }
      Json object = JsonOf(entry.key);
      PutBytes(&object, "value", entry.value);
      object["version"] = entry.version;
      terminal.out << separator << JsonText(object);
      separator = ",\n";
    }
    left -= page->entries.size();
    rest = std::move(page->rest);
  }
  return rest.has_value();
}

}  // namespace

int RunPut(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  PutOptions options{.if_absent = line.Switch("if-absent")};
  if (line.Has("if-version")) options.if_version = line.Number("if-version");
  Result<Key> key = KeyOf(line);
  if (!key.ok()) return FailAt(line, terminal, key.status());
  Result<std::string> value = ValueOf(line);
  if (!value.ok()) return FailAt(line, terminal, value.status());
  const Result<Version> version = client.Put(*key, *value, options);
  if (!version.ok()) return FailAt(line, terminal, version.status());
  return PrintVersion(line, terminal, *version);
}

int RunGet(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  Result<Key> key = KeyOf(line);
  if (!key.ok()) return FailAt(line, terminal, key.status());
  Result<Found> found = client.Get(*key, {.consistency = ConsistencyOf(line)});
  if (!found.ok()) return FailAt(line, terminal, found.status());
  if (AsJson(line)) {
    Json object = JsonOf(*key);
    PutBytes(&object, "value", found->value);
    object["version"] = found->version;
    terminal.out << object << "\n";
    return cli::kDone;
  }
  terminal.out << (line.Switch("hex") ? ToHex(found->value) : found->value);
  // The bytes unchanged, but for a person a prompt on a line of its own.
  if (terminal.out_is_terminal) terminal.out << "\n";
  return cli::kDone;
}

int RunDelete(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  DeleteOptions options;
  if (line.Has("if-version")) options.if_version = line.Number("if-version");
  Result<Key> key = KeyOf(line);
  if (!key.ok()) return FailAt(line, terminal, key.status());
  const Result<Version> version = client.Delete(*key, options);
  if (!version.ok()) return FailAt(line, terminal, version.status());
  return PrintVersion(line, terminal, *version);
}

int RunScan(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  Result<std::string> key = BytesOf(line, "the key", line.words()[0]);
  if (!key.ok()) return FailAt(line, terminal, key.status());
  Result<ScanRange> range = RangeOf(line);
  if (!range.ok()) return FailAt(line, terminal, range.status());
  if (AsJson(line)) terminal.out << "{\"entries\": [";
  const Result<bool> more = PrintScan(line, client, terminal, *key, std::move(range).value());
  // What was cut off by a failure is still JSON.
  const bool all = more.ok() && !*more;
  if (AsJson(line)) terminal.out << "], \"more\": " << (all ? "false" : "true") << "}\n";
  if (!more.ok()) return FailAt(line, terminal, more.status());
  if (!all && !AsJson(line)) {
    terminal.out << std::flush;
    terminal.err << "there may be more entries: --limit was reached\n";
  }
  return cli::kDone;
}

int RunLocate(const cli::CommandLine& line, Client& client, Terminal& terminal) {
  Result<std::string> key = BytesOf(line, "the key", line.words()[0]);
  if (!key.ok()) return FailAt(line, terminal, key.status());
  if (Status wrong = CheckKey(*key); !wrong.ok()) return FailAt(line, terminal, wrong);
  Result<ClusterView> map = client.Map();
  if (!map.ok()) return FailAt(line, terminal, map.status());
  const std::uint32_t shard = client.ShardOf(*key);
  if (shard >= map->shards.size()) {
    return FailAt(line, terminal,
                  {Code::kUnavailable,
                   "the cluster has no shards yet (try again when"
                   " ringfortctl status shows it is up)"});
  }
  std::string hash;
  AppendBig(&hash, Hash64(*key));
  const ShardView& view = map->shards[shard];
  if (AsJson(line)) {
    Json object = JsonOf(Key(*key));
    object["hash"] = ToHex(hash);
    object["shard"] = shard;
    object["replicas"] = view.replicas;
    object["primary"] = view.primary_hint;
    terminal.out << object << "\n";
    return cli::kDone;
  }
  terminal.out << "hash      " << ToHex(hash) << "\nshard     " << shard << "\nreplicas ";
  for (const std::uint32_t node : view.replicas) terminal.out << " " << node;
  terminal.out << "\nprimary   ";
  if (view.primary_hint == 0) {
    terminal.out << "not known\n";
  } else {
    terminal.out << view.primary_hint << "\n";
  }
  return cli::kDone;
}

}  // namespace ringfort::ctl
